package import MartletTemplate

/// Times of many requests, in seconds.
package struct Percentiles: Sendable, Equatable {
  package let mean, p50, p90, p99, max: Double

  /// Nil of nothing. Between two ranks the percentile is interpolated, as NumPy does by default.
  package init?(_ values: [Double]) {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    func percentile(_ share: Double) -> Double {
      let rank = share * Double(sorted.count - 1)
      let low = Int(rank)
      let high = Swift.min(low + 1, sorted.count - 1)
      return sorted[low] + (sorted[high] - sorted[low]) * (rank - Double(low))
    }
    mean = sorted.reduce(0, +) / Double(sorted.count)
    (p50, p90, p99, max) = (percentile(0.5), percentile(0.9), percentile(0.99), sorted[sorted.count - 1])
  }
}

/// How a server bore a load.
package struct LoadReport: Sendable {
  /// Requests that failed for one reason; the message is the first one's.
  package struct Failures: Sendable, Equatable {
    package let kind: String
    package var count: Int
    package let message: String
  }

  let settings: LoadSettings
  package let model: String
  package let completed: Int
  /// Of these, requests whose first connection the server had closed.
  package let resent: Int
  /// The most frequent first.
  package let failures: [Failures]
  /// From the first request to the end of the last, in seconds.
  package let duration: Double
  /// Of whole answers; nil where the server does not count.
  package let promptTokens: Int?
  package let cachedTokens: Int?
  package let generatedTokens: Int
  /// Whether the server counted them; else they are the parts of the streams.
  package let isCounted: Bool
  /// From a request's arrival to its first text.
  package let firstText: Percentiles?
  /// Between two parts of an answer, of all answers together.
  package let gap: Percentiles?
  /// Of an answer after its first text, a token: each answer counts once.
  package let perToken: Percentiles?
  /// From a request's arrival to its end.
  package let whole: Percentiles?

  init(_ settings: LoadSettings, model: String, _ outcomes: [RequestOutcome]) {
    self.settings = settings
    self.model = model
    var answers: [Answer] = []
    var failures: [Failures] = []
    for outcome in outcomes {
      switch outcome.result {
      case .success(let answer): answers.append(answer)
      case .failure(let failure):
        if let index = failures.firstIndex(where: { $0.kind == failure.kind }) {
          failures[index].count += 1
        } else {
          failures.append(Failures(kind: failure.kind, count: 1, message: failure.message))
        }
      }
    }
    func sum(_ values: [Int?]) -> Int? { values.contains(nil) ? nil : values.reduce(0) { $0 + ($1 ?? 0) } }
    completed = answers.count
    resent = answers.count(where: \.isResent)
    self.failures = failures.sorted { ($1.count, $0.kind) < ($0.count, $1.kind) }
    duration = outcomes.map(\.ended).max() ?? 0
    promptTokens = sum(answers.map(\.promptTokens))
    cachedTokens = sum(answers.map(\.cachedTokens))
    generatedTokens = answers.reduce(0) { $0 + $1.generatedTokens }
    isCounted = answers.allSatisfy(\.isCounted)
    firstText = Percentiles(answers.compactMap(\.firstText))
    gap = Percentiles(answers.flatMap(\.gaps))
    perToken = Percentiles(
      answers.compactMap { answer in
        guard let first = answer.firstText, answer.generatedTokens > 1 else { return nil }
        return (answer.end - first) / Double(answer.generatedTokens - 1)
      })
    whole = Percentiles(answers.map(\.end))
  }

  package var failed: Int { failures.reduce(0) { $0 + $1.count } }
  package var requestsPerSecond: Double { duration > 0 ? Double(completed) / duration : 0 }
  package var generatedPerSecond: Double { duration > 0 ? Double(generatedTokens) / duration : 0 }
  package var totalPerSecond: Double? {
    promptTokens.map { duration > 0 ? Double($0 + generatedTokens) / duration : 0 }
  }

  /// The report for programs; the keys are a contract.
  package var json: TemplateValue {
    func object(_ pairs: [(String, TemplateValue)]) -> TemplateValue { .object(TemplateObject(pairs)) }
    func optional<Value>(_ value: Value?, _ wrap: (Value) -> TemplateValue) -> TemplateValue {
      value.map(wrap) ?? .null
    }
    func times(_ times: Percentiles?) -> TemplateValue {
      optional(times) {
        object([
          ("mean", .double($0.mean)), ("p50", .double($0.p50)), ("p90", .double($0.p90)), ("p99", .double($0.p99)),
          ("max", .double($0.max)),
        ])
      }
    }
    func range(_ range: ClosedRange<Int>) -> TemplateValue { .array([.int(range.lowerBound), .int(range.upperBound)]) }
    let asked = object([
      ("endpoint", .string(settings.endpoint.rawValue)), ("requests", .int(settings.requests)),
      ("concurrency", optional(settings.concurrency) { .int($0) }), ("rate", optional(settings.rate) { .double($0) }),
      ("prompt_tokens", range(settings.promptTokens)), ("generate_tokens", range(settings.generateTokens)),
      ("stream", .bool(settings.isStreamed)),
      ("seed", Int(exactly: settings.seed).map { .int($0) } ?? .string("\(settings.seed)")),
    ])
    return object([
      ("server", .string(settings.root)), ("model", .string(model)), ("settings", asked),
      ("completed", .int(completed)),
      ("resent", .int(resent)),
      ("failed", .int(failed)),
      (
        "failures",
        .array(
          failures.map {
            object([("kind", .string($0.kind)), ("count", .int($0.count)), ("message", .string($0.message))])
          })
      ),
      ("duration_s", .double(duration)), ("prompt_tokens", optional(promptTokens) { .int($0) }),
      ("cached_tokens", optional(cachedTokens) { .int($0) }), ("generated_tokens", .int(generatedTokens)),
      ("counted_by_server", .bool(isCounted)), ("requests_per_s", .double(requestsPerSecond)),
      ("generated_tokens_per_s", .double(generatedPerSecond)),
      ("total_tokens_per_s", optional(totalPerSecond) { .double($0) }), ("time_to_first_token_s", times(firstText)),
      ("inter_token_s", times(gap)), ("time_per_token_s", times(perToken)), ("end_to_end_s", times(whole)),
    ])
  }
}
