import Martlet

/// Runs a generation and prints it: as text while it comes, or as one JSON object at the end.
struct GenerationOutput {
  let model: Model
  let flags: GenerationFlags
  /// Seconds that loading took.
  let loadTime: Duration

  /// What a generation gave.
  struct Answer: Sendable {
    fileprivate(set) var text = ""
    fileprivate(set) var tokens: [GeneratedToken] = []
    /// Nil if Control-C ended the generation.
    fileprivate(set) var summary: GenerationSummary?

    var isInterrupted: Bool { summary == nil }
  }

  /// Prints a generation, which Control-C ends early.
  func print(_ generation: Generation) async throws -> Answer {
    let answer = try await Interruption.cancelling { try await collect(generation) }
    if !flags.json { Console.write("\n") }
    guard let summary = answer.summary else { return answer }
    if flags.json {
      Console.write(try report(generation, answer, summary).jsonText() + "\n")
    } else {
      Console.note(Self.line(summary, model))
    }
    return answer
  }

  private func collect(_ generation: Generation) async throws -> Answer {
    var answer = Answer()
    do {
      for try await event in generation {
        switch event {
        case .token(let token, let piece):
          answer.tokens.append(token)
          show(piece, &answer)
        case .text(let piece): show(piece, &answer)
        case .finished(let summary): answer.summary = summary
        }
      }
    } catch is CancellationError {
      // What was shown so far is the answer.
    }
    return answer
  }

  private func show(_ piece: String, _ answer: inout Answer) {
    answer.text += piece
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
    _ generation: Generation, _ answer: Answer, _ summary: GenerationSummary
  ) throws -> TemplateValue {
    var object = TemplateObject()
    object["model"] = .string(model.name)
    object["device"] = .string(model.device.description)
    object["prompt_tokens"] = .array(generation.prompt.map { .int(Int($0)) })
    object["tokens"] = .array(answer.tokens.map { .int(Int($0.token)) })
    object["text"] = .string(answer.text)
    object["finish_reason"] = .string(summary.reason.rawValue)
    // Empty unless the request asked for them.
    object["logprobs"] = .array(
      answer.tokens.compactMap { token in
        guard let logprob = token.logprob else { return nil }
        var entry = Self.entry(TokenLogprob(token: token.token, logprob: logprob))
        entry["top"] = .array(token.top.map { .object(Self.entry($0)) })
        return .object(entry)
      })
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
