import Martlet

/// Runs a generation and prints it: as text while it comes, or as one JSON object at the end.
struct GenerationOutput {
  let model: Model
  let flags: GenerationFlags
  /// Seconds that loading took.
  let loadTime: Duration

  /// Prints a generation.
  /// - Returns: the text, and whether it was interrupted.
  @discardableResult
  func print(_ generation: Generation) async throws -> (text: String, isInterrupted: Bool) {
    var text = ""
    var tokens: [GeneratedToken] = []
    var summary: GenerationSummary?
    let isInterrupted = try await Interruption.stoppable {
      for try await event in generation {
        switch event {
        case .token(let token, let piece):
          tokens.append(token)
          show(piece, &text)
        case .text(let piece): show(piece, &text)
        case .finished(let result): summary = result
        }
        if Interruption.isRequested { return true }
      }
      return false
    }
    if let summary, flags.json {
      Console.write(try report(generation, text, tokens, summary).jsonText() + "\n")
    } else if !flags.json {
      Console.write("\n")
      if let summary { Console.note(Self.line(summary, model)) }
    }
    return (text, isInterrupted)
  }

  private func show(_ piece: String, _ text: inout String) {
    text += piece
    if !flags.json, !piece.isEmpty { Console.write(piece) }
  }

  /// What a person wants to know at the end.
  static func line(_ summary: GenerationSummary, _ model: Model) -> String {
    let first = decimal(summary.firstTokenTime.seconds, 2)
    let rate = summary.tokensPerSecond.map { ", \(decimal($0, 1)) tokens/s" } ?? ""
    let cached = summary.cachedTokenCount > 0 ? " (\(summary.cachedTokenCount) from the cache)" : ""
    return "\n[\(summary.promptTokenCount) prompt tokens\(cached), first token after \(first) s; "
      + "\(summary.generatedTokenCount) tokens\(rate) on \(model.device)]"
  }

  private func report(
    _ generation: Generation, _ text: String, _ tokens: [GeneratedToken], _ summary: GenerationSummary
  ) throws -> TemplateValue {
    var object = TemplateObject()
    object["model"] = .string(model.name)
    object["device"] = .string(model.device.description)
    object["prompt_tokens"] = .array(generation.prompt.map { .int(Int($0)) })
    object["tokens"] = .array(tokens.map { .int(Int($0.token)) })
    object["text"] = .string(text)
    object["finish_reason"] = .string(summary.reason.rawValue)
    if flags.logprobs != nil {
      object["logprobs"] = .array(
        tokens.map { token in
          var entry = Self.entry(TokenLogprob(token: token.token, logprob: token.logprob ?? 0))
          entry["top"] = .array(token.top.map { .object(Self.entry($0)) })
          return .object(entry)
        })
    }
    var timing = TemplateObject()
    timing["load_s"] = .double(loadTime.seconds)
    timing["first_token_s"] = .double(summary.firstTokenTime.seconds)
    timing["prompt_tokens_per_s"] = summary.promptTokensPerSecond.map { .double($0) } ?? .null
    timing["tokens_per_s"] = summary.tokensPerSecond.map { .double($0) } ?? .null
    object["timing"] = .object(timing)
    return .object(object)
  }

  private static func entry(_ value: TokenLogprob) -> TemplateObject {
    TemplateObject([("token", .int(Int(value.token))), ("logprob", .double(Double(value.logprob)))])
  }

  /// A number with so many decimals.
  static func decimal(_ value: Double, _ places: Int) -> String {
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let rounded = (value * scale).rounded()
    guard rounded.magnitude < 1e15 else { return "\(value)" }
    let digits = String(Int(rounded.magnitude))
    let padded = String(repeating: "0", count: max(0, places + 1 - digits.count)) + digits
    return (value < 0 ? "-" : "") + padded.dropLast(places) + "." + padded.suffix(places)
  }
}
