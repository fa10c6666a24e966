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

  /// Prints a generation, or as many samples of it as the flags ask for. Control-C ends it early; then a `CancellationError`
  /// follows what was printed.
  func printAll(_ generation: Generation) async throws {
    guard flags.samples > 1 else {
      guard !(try await print(generation)).isInterrupted else { throw CancellationError() }
      return
    }
    let samples = generation.samples(flags.samples)
    let answers = try await Interruption.cancelling {
      try await withThrowingTaskGroup(of: (Int, Answer).self) { group in
        for (index, sample) in samples.enumerated() {
          group.addTask { (index, try await collect(sample, showing: false)) }
        }
        return try await group.reduce(into: [Answer?](repeating: nil, count: samples.count)) { $0[$1.0] = $1.1 }
      }
    }.compactMap { $0 }
    try show(answers, generation)
    if answers.contains(where: \.isInterrupted) { throw CancellationError() }
  }

  /// Prints finished samples one below the other, or as one object: that of the first with all of them in `samples`.
  private func show(_ answers: [Answer], _ generation: Generation) throws {
    guard !flags.json else {
      guard let first = answers.first, let summary = first.summary else { return }
      var object = try report(generation, first, summary)
      object["samples"] = .array(
        answers.compactMap { answer in
          answer.summary.map { summary in
            var sample = TemplateObject()
            Self.add(answer, summary, to: &sample)
            return .object(sample)
          }
        })
      return Console.write(try TemplateValue.object(object).jsonText() + "\n")
    }
    for (index, answer) in answers.enumerated() {
      Console.note("[sample \(index + 1) of \(answers.count)]")
      Console.write(answer.text + "\n")
      if let summary = answer.summary { Console.note(Self.line(summary, model)) }
    }
  }

  /// Prints a generation while it comes, until its end or Control-C.
  func print(_ generation: Generation) async throws -> Answer {
    let answer = try await Interruption.cancelling { try await collect(generation, showing: !flags.json) }
    if !flags.json { Console.write("\n") }
    guard let summary = answer.summary else { return answer }
    if flags.json {
      Console.write(try TemplateValue.object(report(generation, answer, summary)).jsonText() + "\n")
    } else {
      Console.note(Self.line(summary, model))
    }
    return answer
  }

  private func collect(_ generation: Generation, showing isShown: Bool) async throws -> Answer {
    var answer = Answer()
    func take(_ piece: String) {
      answer.text += piece
      if isShown, !piece.isEmpty { Console.write(piece) }
    }
    do {
      for try await event in generation {
        switch event {
        case .token(let token, let piece):
          answer.tokens.append(token)
          take(piece)
        case .prompt: break  // No flag asks for the prompt's log-probabilities.
        case .text(let piece): take(piece)
        case .finished(let summary): answer.summary = summary
        }
      }
    } catch is CancellationError {
      // What was shown so far is the answer.
    }
    return answer
  }

  /// What a person wants to know at the end.
  static func line(_ summary: GenerationSummary, _ model: Model) -> String {
    let first = decimal(summary.firstTokenTime.seconds, 2)
    let rate = summary.tokensPerSecond.map { ", \(decimal($0, 1)) tokens/s" } ?? ""
    let cached = summary.cachedTokenCount > 0 ? " (\(summary.cachedTokenCount) from the cache)" : ""
    return "\n[\(summary.promptTokenCount) prompt tokens\(cached), first token after \(first) s; "
      + "\(summary.generatedTokenCount) tokens\(rate) on \(model.device)]"
  }

  private func report(_ generation: Generation, _ answer: Answer, _ summary: GenerationSummary) throws -> TemplateObject
  {
    var object = TemplateObject()
    object["model"] = .string(model.name)
    object["device"] = .string(model.device.description)
    object["prompt_tokens"] = .array(generation.prompt.map { .int(Int($0)) })
    Self.add(answer, summary, to: &object)
    var timing = TemplateObject()
    timing["load_s"] = .double(loadTime.seconds)
    timing["first_token_s"] = .double(summary.firstTokenTime.seconds)
    timing["prompt_tokens_per_s"] = summary.promptTokensPerSecond.map { .double($0) } ?? .null
    timing["tokens_per_s"] = summary.tokensPerSecond.map { .double($0) } ?? .null
    object["timing"] = .object(timing)
    return object
  }

  /// What was generated.
  private static func add(_ answer: Answer, _ summary: GenerationSummary, to object: inout TemplateObject) {
    object["tokens"] = .array(answer.tokens.map { .int(Int($0.token)) })
    object["text"] = .string(answer.text)
    object["finish_reason"] = .string(summary.reason.rawValue)
    // Empty unless the request asked for them.
    object["logprobs"] = .array(
      answer.tokens.compactMap { token in
        guard let logprob = token.logprob else { return nil }
        var entry = entry(TokenLogprob(token: token.token, logprob: logprob))
        entry["top"] = .array(token.top.map { .object(Self.entry($0)) })
        return .object(entry)
      })
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
