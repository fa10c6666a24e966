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
    /// Scored tokens of the prompt that have not been delivered yet.
    var promptTokens: [PromptToken] = []
    let timeLimit: Duration?
    let submitted: ContinuousClock.Instant
    var started: ContinuousClock.Instant?
    var firstToken: ContinuousClock.Instant?
  }

  /// The engine's state at a moment.
  package struct Status: Sendable, Hashable {
    package let waitingCount: Int
    package let runningCount: Int
    package let freeBlockCount: Int
    package let blockCount: Int
    package let preemptionCount: Int
    package let stepCount: Int
    /// Time that steps took the model.
    package let computeTime: Duration
    /// Time between steps while there was work: scheduling, sampling's bookkeeping, delivering.
    package let hostTime: Duration
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
  private var computeTime = Duration.zero
  private var hostTime = Duration.zero
  private var pace = Pace()
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
      freeBlockCount: scheduler.freeBlockCount, blockCount: limits.blockCount,
      preemptionCount: scheduler.preemptionCount, stepCount: stepCount, computeTime: computeTime, hostTime: hostTime)
  }

  /// Queues a request and returns the stream of its tokens. The stream ends after `.finished`, or by throwing a
  /// `SamplingError`, an `EngineError`, or after `shutdown()` a `CancellationError`. Cancelling the consuming task, which
  /// ends its stream without `.finished`, or dropping the stream takes the sequence out of the next step and frees its
  /// blocks. A request that cannot be honoured is refused here.
  package func submit(_ request: Request) throws(RequestError) -> TokenStream { try submit([request])[0] }

  /// Queues several requests, or none of them if one cannot be honoured; see ``submit(_:)``.
  package func submit(_ requests: [Request]) throws(RequestError) -> [TokenStream] {
    guard !isShutDown else { throw .shutDown }
    for request in requests { try request.validate(for: limits) }
    endDropped()
    for tenant in Set(requests.map(\.tenant)) {
      switch scheduler.refusal(of: requests.count, tenant: tenant) {
      case nil: continue
      case .full:
        let position = scheduler.waitingCount + 1
        throw .queueFull(position: position, estimatedWait: pace.wait(position: position, now: clock.now))
      case .shareUsed(let held):
        throw .queueShareUsed(held: held, estimatedWait: pace.wait(position: 1, now: clock.now))
      }
    }
    var streams: [TokenStream] = []
    for request in requests { streams.append(try enqueue(request)) }
    return streams
  }

  private func enqueue(_ request: Request) throws(RequestError) -> TokenStream {
    let id = try scheduler.add(request)
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: TokenEvent.self, throwing: (any Error).self)
    sessions[id] = Session(
      promptTokenCount: request.prompt.count, continuation: continuation,
      sampler: Sampler(
        parameters: request.sampling, prompt: request.prompt, seed: .random(in: .min ... .max)),
      timeLimit: request.timeLimit, submitted: clock.now)
    continuation.onTermination = { [dropped] termination in
      if case .cancelled = termination { dropped.insert(id) }
    }
    if loop == nil { loop = Task { await self.runSteps() } }
    return TokenStream(id: id, stream)
  }

  /// Ends a request as if the model had ended it, with a summary: its consumer has found a stop string in the text.
  package func stop(_ id: SequenceID) {
    guard let outcome = scheduler.stop(id), let session = sessions.removeValue(forKey: id) else { return }
    pace.note(clock.now)
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
    pace.note(clock.now)
    sessions.removeValue(forKey: id)?.continuation.finish(throwing: error)
  }

  // MARK: - Steps

  private func runSteps() async {
    var last = clock.now
    while let step = nextStep() {
      let now = clock.now
      hostTime += last.duration(to: now)
      for entry in step.entries where sessions[entry.id]?.started == nil { begin(entry.id, now) }
      let output = await worker.run(step, rows: lendSamplers(to: step))
      last = clock.now
      computeTime += now.duration(to: last)
      stepCount += 1
      // Sessions may have come and gone during the step; every access below allows for that.
      endDropped()
      for row in output.rows { sessions[row.id]?.sampler = row.sampler }
      if let error = output.error { await fail(step, output, error) } else { deliver(step, output) }
    }
    loop = nil
  }

  private func nextStep() -> Step? {
    endDropped()
    endExpired()
    return scheduler.schedule()
  }

  private func begin(_ id: SequenceID, _ now: ContinuousClock.Instant) {
    guard let session = sessions[id] else { return }
    sessions[id]?.started = now
    session.continuation.yield(
      .begun(
        GenerationBeginning(
          queueTime: session.submitted.duration(to: now), cachedTokenCount: scheduler.cachedCount(of: id))))
  }

  /// Ends the sessions whose streams nobody reads any more. As long as there is a session the loop runs, so none is
  /// forgotten.
  private func endDropped() {
    for id in dropped.takeAll() { end(id, throwing: CancellationError()) }
  }

  private func endExpired() {
    let now = clock.now
    for (id, session) in sessions {
      guard let limit = session.timeLimit, session.submitted.duration(to: now) > limit else { continue }
      let count = scheduler.generatedCount(of: id)
      end(id, throwing: EngineError.timedOut(limit: limit, generatedTokens: count))
    }
  }

  /// Takes the samplers out of the sessions, so that their histories are not copied when they change.
  private func lendSamplers(to step: Step) -> [StepWorker.Row] {
    step.sampledEntries.map { index in
      let entry = step.entries[index]
      guard let sampler = sessions[entry.id]?.sampler.take() else { preconditionFailure("\(entry.id) has no sampler") }
      return StepWorker.Row(id: entry.id, position: entry.positions.upperBound, sampler: sampler)
    }
  }

  private func deliver(_ step: Step, _ output: StepWorker.Output) {
    for (id, scores) in output.scores {
      switch scores {
      case .success(let tokens): sessions[id]?.promptTokens += tokens
      case .failure(let error): end(id, throwing: error)
      }
    }
    var sampled: [SequenceID: GeneratedToken] = [:]
    for row in output.rows {
      switch row.result {
      case .success(let token): sampled[row.id] = token
      case .failure(let error): end(row.id, throwing: error)
      case nil: preconditionFailure("\(row.id) was not computed")
      }
    }
    let now = clock.now
    for id in sampled.keys where sessions[id]?.firstToken == nil {
      sessions[id]?.firstToken = now
      guard let tokens = sessions[id]?.promptTokens, !tokens.isEmpty else { continue }
      sessions[id]?.continuation.yield(.prompt(tokens))
      sessions[id]?.promptTokens = []
    }
    for event in scheduler.complete(step, sampled: sampled.mapValues(\.token)) {
      switch event {
      case .token(let id, _):
        if let token = sampled[id] { sessions[id]?.continuation.yield(.token(token)) }
      case .finished(let id, let outcome):
        guard let session = sessions.removeValue(forKey: id) else { continue }
        pace.note(now)
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

  /// Ends the sequences that a failure is blamed on; the others are computed again. Where nobody is blamed, each entry
  /// is tried alone, so that only those end that fail by themselves: a step that always fails must not be tried for ever.
  private func fail(_ step: Step, _ output: StepWorker.Output, _ error: any Error) async {
    let members = Set(step.entries.map(\.id))
    let failure = error as? StepFailure
    let blamed = failure.map { $0.sequences.intersection(members) } ?? (members.count == 1 ? members : [])
    guard blamed.isEmpty else {
      scheduler.abandon(step)
      for id in blamed { end(id, throwing: EngineError.stepFailed(failure?.reason ?? error)) }
      return
    }
    // Rows that were sampled before the failure have advanced their samplers, so these results stand.
    var whole = StepWorker.Output(rows: output.rows.filter { $0.result != nil })
    let done = Set(whole.rows.map(\.id))
    for (index, entry) in step.entries.enumerated() where !done.contains(entry.id) && sessions[entry.id] != nil {
      let single = step.only(index)
      let output = await worker.run(single, rows: lendSamplers(to: single))
      for row in output.rows { sessions[row.id]?.sampler = row.sampler }
      if let error = output.error {
        end(entry.id, throwing: EngineError.stepFailed(error))
      } else {
        whole.rows += output.rows
        whole.scores.merge(output.scores) { $1 }
      }
    }
    deliver(step, whole)
  }
}

/// How often requests end, from which the wait of the next one is estimated.
private struct Pace {
  private static let remembered = 32
  /// What ended before an engine had nothing to do says nothing about the wait of now.
  private static let validity = Duration.seconds(60)
  private var ends: [ContinuousClock.Instant] = []

  mutating func note(_ now: ContinuousClock.Instant) {
    if ends.count == Self.remembered { ends.removeFirst() }
    ends.append(now)
  }

  /// How long until so many requests have ended; nil until some have.
  func wait(position: Int, now: ContinuousClock.Instant) -> Duration? {
    let recent = ends.drop { $0.duration(to: now) > Self.validity }
    guard recent.count > 1, let first = recent.first else { return nil }
    return first.duration(to: now) / (recent.count - 1) * position
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
