internal import Synchronization

/// Generates tokens for many requests at once.
///
/// The actor holds the scheduler and the streams; the model runs in a `StepWorker` on a thread of its own, so that
/// requests come in and go out while a step computes. A loop makes steps as long as there is work and ends when there
/// is none: an idle engine costs nothing.
package actor Engine {
  private struct Session {
    let promptTokenCount: Int
    let continuation: AsyncThrowingStream<TokenEvent, any Error>.Continuation
    /// On loan to the worker while a step computes the session's row.
    var sampler: Sampler?
    let submitted: ContinuousClock.Instant
    var started: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?
  }

  /// The engine's state at a moment.
  package struct Status: Sendable, Hashable {
    package let waitingCount: Int
    package let runningCount: Int
    package let freeBlockCount: Int
    package let preemptionCount: Int
    package let stepCount: Int
  }

  /// What the model, its cache and the operator allow.
  package nonisolated let limits: EngineLimits
  private var scheduler: Scheduler
  private let worker: StepWorker
  private var sessions: [SequenceID: Session] = [:]
  private let dropped = DroppedSequences()
  private var loop: Task<Void, Never>?
  private var isShutDown = false
  private var stepCount = 0
  private let clock = ContinuousClock()

  /// An engine that computes with `runner`, which nobody else may use from now on.
  package init(runner: sending any StepRunner, limits: EngineLimits) {
    self.limits = limits
    scheduler = Scheduler(limits: limits, key: .random())
    worker = StepWorker(runner: runner, vocabularySize: limits.vocabularySize)
  }

  deinit { worker.stop() }

  package var status: Status {
    Status(
      waitingCount: scheduler.waitingCount, runningCount: scheduler.runningCount,
      freeBlockCount: scheduler.freeBlockCount, preemptionCount: scheduler.preemptionCount, stepCount: stepCount)
  }

  /// Queues a request and returns the stream of its tokens. The stream ends after `.finished`, or by throwing a
  /// `SamplingError`, an `EngineError`, or after `shutdown()` a `CancellationError`. Cancelling the consuming task, which
  /// ends its stream without `.finished`, or dropping the stream takes the sequence out of the next step and frees its
  /// blocks. A request that cannot be honoured is refused here.
  package func submit(_ request: Request) throws(RequestError) -> TokenStream {
    guard !isShutDown else { throw .shutDown }
    let id = try scheduler.add(request)
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: TokenEvent.self, throwing: (any Error).self)
    sessions[id] = Session(
      promptTokenCount: request.prompt.count, continuation: continuation,
      sampler: Sampler(
        parameters: request.sampling, prompt: request.prompt, seed: .random(in: .min ... .max)),
      submitted: clock.now)
    continuation.onTermination = { [dropped] termination in
      if case .cancelled = termination { dropped.insert(id) }
    }
    if loop == nil { loop = Task { await self.runSteps() } }
    return TokenStream(id: id, stream)
  }

  /// Ends a request as if the model had ended it, with a summary: its consumer has found a stop string in the text.
  package func stop(_ id: SequenceID) {
    guard let outcome = scheduler.stop(id), let session = sessions.removeValue(forKey: id) else { return }
    session.continuation.yield(.finished(summary(of: session, outcome, clock.now)))
    session.continuation.finish()
  }

  /// Ends all requests with a `CancellationError`, waits for the step that is being computed and refuses further requests.
  package func shutdown() async {
    isShutDown = true
    for id in sessions.keys { end(id, throwing: CancellationError()) }
    await loop?.value
  }

  /// Ends a session before its time.
  private func end(_ id: SequenceID, throwing error: any Error) {
    scheduler.cancel(id)
    sessions.removeValue(forKey: id)?.continuation.finish(throwing: error)
  }

  // MARK: - Steps

  private func runSteps() async {
    while let step = nextStep() {
      let now = clock.now
      for entry in step.entries where sessions[entry.id]?.started == nil { sessions[entry.id]?.started = now }
      let output = await worker.run(step, rows: lendSamplers(to: step))
      stepCount += 1
      // Sessions may have come and gone during the step; every access below allows for that.
      endDropped()
      for row in output.rows { sessions[row.id]?.sampler = row.sampler }
      if let error = output.error { fail(step, error) } else { deliver(step, output.rows) }
    }
    loop = nil
  }

  private func nextStep() -> Step? {
    endDropped()
    return scheduler.schedule()
  }

  /// Ends the sessions whose streams nobody reads any more. As long as there is a session the loop runs, so none is
  /// forgotten.
  private func endDropped() {
    for id in dropped.takeAll() { end(id, throwing: CancellationError()) }
  }

  /// Takes the samplers out of the sessions, so that their histories are not copied when they change.
  private func lendSamplers(to step: Step) -> [StepWorker.Row] {
    step.logitEntries.map { index in
      let entry = step.entries[index]
      guard let sampler = sessions[entry.id]?.sampler.take() else { preconditionFailure("\(entry.id) has no sampler") }
      return StepWorker.Row(id: entry.id, position: entry.positions.upperBound, sampler: sampler)
    }
  }

  private func deliver(_ step: Step, _ rows: [StepWorker.Row]) {
    var sampled: [SequenceID: GeneratedToken] = [:]
    for row in rows {
      switch row.result {
      case .success(let token): sampled[row.id] = token
      case .failure(let error): end(row.id, throwing: error)
      case nil: preconditionFailure("\(row.id) was not computed")
      }
    }
    let now = clock.now
    for id in sampled.keys where sessions[id]?.firstToken == nil { sessions[id]?.firstToken = now }
    for event in scheduler.complete(step, sampled: sampled.mapValues(\.token)) {
      switch event {
      case .token(let id, _):
        if let token = sampled[id] { sessions[id]?.continuation.yield(.token(token)) }
      case .finished(let id, let outcome):
        guard let session = sessions.removeValue(forKey: id) else { continue }
        session.continuation.yield(.finished(summary(of: session, outcome, now)))
        session.continuation.finish()
      }
    }
  }

  private func summary(
    of session: Session, _ outcome: Scheduler.Outcome, _ now: ContinuousClock.Instant
  ) -> GenerationSummary {
    GenerationSummary(
      reason: outcome.reason, promptTokenCount: session.promptTokenCount, cachedTokenCount: outcome.cachedTokenCount,
      generatedTokenCount: outcome.generatedTokenCount,
      queueTime: session.submitted.duration(to: session.started ?? now),
      firstTokenTime: session.submitted.duration(to: session.firstToken ?? now),
      totalTime: session.submitted.duration(to: now))
  }

  /// Ends the sequences that a failure is blamed on. Where nobody is, all of the step are: a step that always fails must
  /// not be tried for ever.
  private func fail(_ step: Step, _ error: any Error) {
    scheduler.abandon(step)
    let members = Set(step.entries.map(\.id))
    let failure = error as? StepFailure
    let blamed = failure.map { $0.sequences.intersection(members) } ?? []
    for id in blamed.isEmpty ? members : blamed {
      end(id, throwing: EngineError.stepFailed(failure?.reason ?? error))
    }
  }
}

/// The sequences whose consumers have gone, noted at once from whatever thread they go on. (A message to the actor would
/// have to wait for a thread of the pool, while steps go on.)
private final class DroppedSequences: Sendable {
  private let ids = Mutex<Set<SequenceID>>([])

  func insert(_ id: SequenceID) { ids.withLock { _ = $0.insert(id) } }

  func takeAll() -> Set<SequenceID> {
    ids.withLock { ids in
      defer { ids = [] }
      return ids
    }
  }
}
