extension LoadReport {
  /// The report for people.
  package var text: String {
    var lines = [
      "\(model) at \(settings.root)", load, "",
      "\(completed) of \(completed + failed) requests answered in \(decimal(duration, 2)) s: "
        + "\(decimal(requestsPerSecond, 2)) requests/s, \(decimal(generatedPerSecond, 1)) generated tokens/s"
        + (totalPerSecond.map { ", \(decimal($0, 1)) tokens/s in all" } ?? ""),
      tokens,
    ]
    if resent > 0 { lines.append("sent \(resent) requests again: the server had closed their connections") }
    for failure in failures { lines.append("failed \(failure.count) times, \(failure.kind): \(failure.message)") }
    return (lines + ["", table]).joined(separator: "\n")
  }

  private var load: String {
    func words(_ range: ClosedRange<Int>) -> String {
      range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }
    let pace = settings.rate.map { "\(decimal($0, 2)) requests/s by a Poisson process" }
    let limit = settings.concurrency.map { "at most \($0) at a time" }
    let form = "\(words(settings.promptTokens)) prompt and \(words(settings.generateTokens)) generated tokens"
    return [pace, limit, form, settings.isStreamed ? "streamed" : "not streamed"].compactMap { $0 }.joined(
      separator: ", ")
  }

  private var tokens: String {
    let read =
      promptTokens.map { "\($0) prompt tokens" + (cachedTokens.map { " (\($0) from the cache)" } ?? "") + ", " } ?? ""
    let note =
      isCounted
      ? "" : settings.isStreamed ? " (parts of streams: the server does not count)" : " (the server does not count)"
    return "\(read)\(generatedTokens) generated tokens\(note)"
  }

  private var table: String {
    let measured: [(String, Percentiles?)] = [
      ("first token", firstText), ("between tokens", gap), ("per token", perToken), ("whole answer", whole),
    ]
    var rows = [["ms", "mean", "p50", "p90", "p99", "max"]]
    for case (let name, let times?) in measured {
      rows.append([name] + [times.mean, times.p50, times.p90, times.p99, times.max].map { decimal($0 * 1000, 1) })
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        let padding = String(repeating: " ", count: cell.1 - cell.0.count)
        return column == 0 ? cell.0 + padding : padding + cell.0
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  private func decimal(_ value: Double, _ digits: Int) -> String {
    let scale = digits == 2 ? 100 : 10
    guard value.isFinite, value >= 0, value < 1e12 else { return "\(value)" }
    let scaled = Int((value * Double(scale)).rounded())
    let fraction = String(scaled % scale)
    return "\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
  }
}
