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
    var error: (any Error)?
  }

  private var runner: any StepRunner
  private var scratch = Sampler.Scratch()
  private let vocabularySize: Int
  private let thread = StepThread()

  nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

  init(runner: sending any StepRunner, vocabularySize: Int) {
    self.runner = runner
    self.vocabularySize = vocabularySize
  }

  /// Ends the thread. No call may follow.
  nonisolated func stop() { thread.stop() }

  /// Computes a step and chooses a token for each of `rows`, which belong to `step.logitEntries` in order.
  func run(_ step: Step, rows: consuming [Row]) -> Output {
    let takesMostProbable = !rows.isEmpty && rows.allSatisfy(\.sampler.takesMostProbable)
    var output = Output(rows: rows)
    let entries = step.logitEntries
    var count = 0
    do {
      if takesMostProbable, let tokens = try runner.choose(step) {
        precondition(tokens.count == entries.count, "the runner chose \(tokens.count) tokens, not \(entries.count)")
        for (row, token) in tokens.enumerated() {
          output.rows[row].result = .success(GeneratedToken(token: token, logprob: nil, top: []))
        }
        return output
      }
      try runner.run(step) { entry, logits in
        precondition(count < entries.count && entries[count] == entry, "the runner gave rows in a wrong order")
        precondition(logits.count == vocabularySize, "the runner gave a row of \(logits.count) logits")
        output.rows[count].result = Result { () throws(SamplingError) in
          try output.rows[count].sampler.sample(logits, position: output.rows[count].position, scratch: &scratch)
        }
        count += 1
      }
      precondition(count == entries.count, "the runner gave \(count) rows, not \(entries.count)")
    } catch {
      output.error = error
    }
    return output
  }
}
