internal import MartletOperators

/// Owns the runner: computes steps and samples their rows, on its own thread.
actor StepWorker {
  /// A sampler on loan for one row of a step.
  struct Row: Sendable {
    let id: SequenceID
    /// Where the token to choose comes to stand.
    let position: Int
    var sampler: Sampler
    /// What was chosen; nil until the row was computed.
    var result: Result<GeneratedToken, SamplingError>?
  }

  /// The rows with what was chosen for them, and the error with which the step ended, if it did.
  struct Output: Sendable {
    var rows: [Row]
    /// The prompt tokens that were scored, by their sequences.
    var scores: [SequenceID: Result<[PromptToken], SamplingError>] = [:]
    var error: (any Error)?
  }

  private var runner: any StepRunner
  private var scratch = SamplingScratch()
  private let vocabularySize: Int
  nonisolated let thread = StepThread()

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(runner: sending any StepRunner, vocabularySize: Int) {
    self.runner = runner
    self.vocabularySize = vocabularySize
  }

  /// Ends the thread. No call may follow.
  nonisolated func stop() { thread.stop() }

  /// Computes an engine's steps as long as it has any.
  func runSteps(of engine: Engine) {
    while let (step, rows) = engine.nextStep() {
      var output = compute(step, rows: consume rows)
      guard let entries = engine.complete(step, output) else { continue }
      output.rows.removeAll { $0.result == nil }
      output.error = nil
      output.scores = [:]
      for index in entries {
        guard let (single, rows) = engine.retry(index, of: step) else { continue }
        let result = compute(single, rows: consume rows)
        engine.completeRetry(single, result)
        guard result.error == nil else { continue }
        output.rows += result.rows
        output.scores.merge(result.scores) { $1 }
      }
      engine.completeRetries(step, output)
    }
  }

  /// Computes a step and chooses a token for each of `rows`, which belong to `step.sampledEntries` in order.
  private func compute(_ step: Step, rows: consuming [Row]) -> Output {
    let wanted = step.logits
    var output = Output(rows: rows)
    var (count, sampledCount) = (0, 0)
    do {
      if let tokens = try chosen(step, for: output.rows) {
        precondition(tokens.count == wanted.count, "the runner chose \(tokens.count) tokens, not \(wanted.count)")
        for (row, token) in tokens.enumerated() {
          output.rows[row].result = .success(GeneratedToken(token: token, logprob: nil, top: []))
        }
        return output
      }
      try runner.run(step) { entry, logits in
        precondition(count < wanted.count && wanted[count].entry == entry, "the runner gave rows in a wrong order")
        precondition(logits.count == vocabularySize, "the runner gave a row of \(logits.count) logits")
        if wanted[count].isSampled {
          let position = output.rows[sampledCount].position
          output.rows[sampledCount].result = Result { () throws(SamplingError) in
            try output.rows[sampledCount].sampler.sample(logits, position: position, scratch: &scratch)
          }
          sampledCount += 1
        } else {
          score(wanted[count], of: step.entries[entry], by: logits, into: &output)
        }
        count += 1
      }
      precondition(count == wanted.count, "the runner gave \(count) rows, not \(wanted.count)")
    } catch {
      output.error = error
    }
    return output
  }

  /// The tokens that the runner chooses for all rows at once, without bringing logits here; nil where it cannot.
  private func chosen(_ step: Step, for rows: [Row]) throws -> [Int32]? {
    guard !rows.isEmpty, step.logits.allSatisfy(\.isSampled), rows.allSatisfy(\.sampler.takesRawLogits) else {
      return nil
    }
    if rows.allSatisfy(\.sampler.takesMostProbable) { return try runner.choose(step) }
    return try runner.choose(step, by: rows.map { $0.sampler.rule(position: $0.position) })
  }

  private func score(
    _ row: Step.LogitRow, of entry: Step.Entry, by logits: UnsafeMutableBufferPointer<Float>, into output: inout Output
  ) {
    guard let scoring = entry.scoring else { preconditionFailure("\(entry.id) has nothing to score") }
    let token = scoring.tokens[scoring.tokens.startIndex + row.position - scoring.positions.lowerBound]
    // A sequence's first failure stands for the rest.
    guard case .success(var scores) = output.scores[entry.id] ?? .success([]) else { return }
    output.scores[entry.id] = nil  // So that `scores` is the only reference and grows in place.
    output.scores[entry.id] = Result { () throws(SamplingError) in
      scores.append(try Sampler.score(token, by: logits, topCount: scoring.topCount, scratch: &scratch))
      return scores
    }
  }
}
