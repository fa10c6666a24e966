internal import Synchronization

/// What an engine knows of its requests: the scheduler, and who reads what it brings.
struct EngineState {
  /// A request and its reader.
  private final class Session {
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

    init(
      _ request: Request, _ continuation: AsyncThrowingStream<TokenEvent, any Error>.Continuation,
      submitted: ContinuousClock.Instant
    ) {
      promptTokenCount = request.prompt.count
      self.continuation = continuation
      sampler = Sampler(parameters: request.sampling, prompt: request.prompt, seed: .random(in: .min ... .max))
      timeLimit = request.timeLimit
      self.submitted = submitted
    }
  }

  /// The worker's task; nil while there is nothing to compute.
  var loop: Task<Void, Never>?
  private let limits: EngineLimits
  private var scheduler: Scheduler
  private var sessions: [SequenceID: Session] = [:]
  private let dropped = DroppedSequences()
  private let news: AsyncStream<[News]>.Continuation
  /// What readers have not been told yet, in order.
  private var untold: [News] = []
  /// Whether something of it is to be told without delay.
  private var isUrgent = false
  private var reportPace: ReportPace
  private var isShutDown = false
  private var stepCount = 0
  private var computeTime = Duration.zero
  private var hostTime = Duration.zero
  private var stepBegan: ContinuousClock.Instant?
  private var stepEnded: ContinuousClock.Instant?
  /// What the last step took.
  private var stepTime = Duration.zero
  private var pace = Pace()
  private let clock = ContinuousClock()

  /// - Parameters:
  ///   - news: where to send what readers are to be told.
  ///   - reportInterval: how long tokens may be held back.
  init(limits: EngineLimits, news: AsyncStream<[News]>.Continuation, reportInterval: Duration) {
    self.limits = limits
    self.news = news
    reportPace = ReportPace(interval: reportInterval)
    scheduler = Scheduler(limits: limits, key: .random())
  }

  var status: Engine.Status {
    Engine.Status(
      waitingCount: scheduler.waitingCount, runningCount: scheduler.runningCount,
      freeBlockCount: scheduler.freeBlockCount, blockCount: limits.blockCount,
      preemptionCount: scheduler.preemptionCount, stepCount: stepCount, computeTime: computeTime, hostTime: hostTime)
  }

  // MARK: - Requests

  mutating func submit(_ requests: [Request]) throws(RequestError) -> [TokenStream] {
    guard !isShutDown else { throw .shutDown }
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
    for request in requests { streams.append(try add(request)) }
    return streams
  }

  private mutating func add(_ request: Request) throws(RequestError) -> TokenStream {
    let id = try scheduler.add(request)
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: TokenEvent.self, throwing: (any Error).self)
    sessions[id] = Session(request, continuation, submitted: clock.now)
    continuation.onTermination = { [dropped] termination in
      if case .cancelled = termination { dropped.insert(id) }
    }
    return TokenStream(id: id, stream)
  }

  mutating func stop(_ id: SequenceID) {
    guard let outcome = scheduler.stop(id), let session = sessions.removeValue(forKey: id) else { return }
    finish(session, outcome, clock.now)
    tell()
  }

  mutating func shutDown() {
    isShutDown = true
    for id in sessions.keys { end(id, throwing: CancellationError()) }
    tell()
  }

  /// Ends a session before its time.
  private mutating func end(_ id: SequenceID, throwing error: any Error) {
    scheduler.cancel(id)
    pace.note(clock.now)
    guard let session = sessions.removeValue(forKey: id) else { return }
    note(.end(error), for: session)
  }

  /// Ends a session in the regular way.
  private mutating func finish(_ session: Session, _ outcome: Scheduler.Outcome, _ now: ContinuousClock.Instant) {
    pace.note(now)
    let summary = GenerationSummary(
      reason: outcome.reason, promptTokenCount: session.promptTokenCount, cachedTokenCount: outcome.cachedTokenCount,
      generatedTokenCount: outcome.generatedTokenCount,
      queueTime: session.submitted.duration(to: session.started ?? now),
      firstTokenTime: session.submitted.duration(to: session.firstToken ?? now),
      totalTime: session.submitted.duration(to: now))
    note(.event(.finished(summary)), for: session)
    note(.end(nil), for: session)
  }

  /// Notes what a session's reader is to be told.
  private mutating func note(_ what: News.What, for session: Session, isUrgent: Bool = true) {
    untold.append(News(continuation: session.continuation, what: what))
    if isUrgent { self.isUrgent = true }
  }

  /// Sends off what readers are to be told.
  private mutating func tell() {
    guard !untold.isEmpty else { return }
    news.yield(untold)
    untold = []
    isUrgent = false
  }

  // MARK: - Steps

  /// The next step with a sampler for each of its rows, and the readers' news on their way as far as they are due.
  mutating func nextStep() -> (Step, [StepWorker.Row])? {
    endDropped()
    endExpired()
    let step = scheduler.schedule()
    let continues = step.map { $0.decodeCount == $0.entries.count } ?? false
    defer { if reportPace.isDue(at: clock.now, continues: continues, stepTime: stepTime) || isUrgent { tell() } }
    guard let step else {
      stepEnded = nil
      return nil
    }
    let rows = lendSamplers(to: step)
    let now = clock.now
    for entry in step.entries {
      if let session = sessions[entry.id], session.started == nil { begin(entry.id, session, now) }
    }
    if let stepEnded { hostTime += stepEnded.duration(to: now) }
    stepBegan = now
    return (step, rows)
  }

  /// Takes in that the first step of a session begins.
  private mutating func begin(_ id: SequenceID, _ session: Session, _ now: ContinuousClock.Instant) {
    session.started = now
    let beginning = GenerationBeginning(
      queueTime: session.submitted.duration(to: now), cachedTokenCount: scheduler.cachedCount(of: id))
    note(.event(.begun(beginning)), for: session)
  }

  /// Ends the sessions whose streams nobody reads any more. As long as there is a session the worker runs, so none is
  /// forgotten.
  private mutating func endDropped() {
    for id in dropped.takeAll() { end(id, throwing: CancellationError()) }
  }

  private mutating func endExpired() {
    let now = clock.now
    for (id, session) in sessions {
      guard let limit = session.timeLimit, session.submitted.duration(to: now) > limit else { continue }
      let count = scheduler.generatedCount(of: id)
      end(id, throwing: EngineError.timedOut(limit: limit, generatedTokens: count))
    }
  }

  /// Takes the samplers out of the sessions, so that their histories are not copied when they change.
  private mutating func lendSamplers(to step: Step) -> [StepWorker.Row] {
    step.sampledEntries.map { index in
      let entry = step.entries[index]
      guard let sampler = sessions[entry.id]?.sampler.take() else { preconditionFailure("\(entry.id) has no sampler") }
      return StepWorker.Row(id: entry.id, position: entry.positions.upperBound, sampler: sampler)
    }
  }

  private func takeBack(_ rows: [StepWorker.Row]) {
    // Sessions may have come and gone during the step; every access allows for that.
    for row in rows { sessions[row.id]?.sampler = row.sampler }
  }

  /// Takes in what a step brought. The sequences that a failure is blamed on end, and the others are computed again. Where
  /// nobody is blamed, the entries to try one by one are returned, so that only those end that fail by themselves: a step
  /// that always fails must not be tried for ever.
  mutating func complete(_ step: Step, _ output: StepWorker.Output) -> [Int]? {
    let now = clock.now
    if let stepBegan {
      stepTime = stepBegan.duration(to: now)
      computeTime += stepTime
    }
    stepEnded = now
    stepCount += 1
    endDropped()
    takeBack(output.rows)
    guard let error = output.error else {
      deliver(step, output)
      return nil
    }
    let members = Set(step.entries.map(\.id))
    let failure = error as? StepFailure
    let blamed = failure.map { $0.sequences.intersection(members) } ?? (members.count == 1 ? members : [])
    guard blamed.isEmpty else {
      scheduler.abandon(step)
      for id in blamed { end(id, throwing: EngineError.stepFailed(failure?.reason ?? error)) }
      return nil
    }
    // Rows that were sampled before the failure have advanced their samplers, so these results stand.
    let done = Set(output.rows.filter { $0.result != nil }.map(\.id))
    return step.entries.indices.filter { !done.contains(step.entries[$0].id) }
  }

  mutating func retry(_ index: Int, of step: Step) -> (Step, [StepWorker.Row])? {
    guard sessions[step.entries[index].id] != nil else { return nil }
    let single = step.only(index)
    return (single, lendSamplers(to: single))
  }

  mutating func completeRetry(_ step: Step, _ output: StepWorker.Output) {
    takeBack(output.rows)
    guard let error = output.error else { return }
    for entry in step.entries { end(entry.id, throwing: EngineError.stepFailed(error)) }
  }

  /// Takes in the tokens and scores of a step.
  mutating func deliver(_ step: Step, _ output: StepWorker.Output) {
    for (id, scores) in output.scores {
      switch scores {
      case .success(let tokens): sessions[id]?.promptTokens += tokens
      case .failure(let error): end(id, throwing: error)
      }
    }
    let now = clock.now
    var sampled: [SequenceID: GeneratedToken] = [:]
    for row in output.rows {
      switch row.result {
      case .success(let token): sampled[row.id] = token
      case .failure(let error): end(row.id, throwing: error)
      case nil: preconditionFailure("\(row.id) was not computed")
      }
    }
    for event in scheduler.complete(step, sampled: sampled.mapValues(\.token)) {
      switch event {
      case .token(let id, _):
        guard let session = sessions[id], let token = sampled[id] else { continue }
        let isFirst = session.firstToken == nil
        note(session, tokenAt: now)
        note(.event(.token(token)), for: session, isUrgent: isFirst)
      case .finished(let id, let outcome):
        guard let session = sessions.removeValue(forKey: id) else { continue }
        note(session, tokenAt: now)
        finish(session, outcome, now)
      }
    }
  }

  /// Takes in that a token was chosen for a session; with the first one goes what was scored of the prompt.
  private mutating func note(_ session: Session, tokenAt now: ContinuousClock.Instant) {
    guard session.firstToken == nil else { return }
    session.firstToken = now
    guard !session.promptTokens.isEmpty else { return }
    note(.event(.prompt(session.promptTokens)), for: session)
    session.promptTokens = []
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
