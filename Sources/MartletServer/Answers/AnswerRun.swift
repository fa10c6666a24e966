internal import Martlet
internal import MartletEngine
internal import Synchronization

/// The generations of one request while they run. Ends them when it is cancelled or nobody has it any more.
final class AnswerRun: Sendable {
  /// An event and the choice that it belongs to.
  typealias Event = (choice: Int, event: GenerationEvent)

  private let events = EventQueue<Event>()
  private let usage = UsageCount()
  private let task: Task<Void, Never>

  /// - Parameters:
  ///   - metrics: told of times as they pass, whether or not the client reads.
  ///   - submitted: when the generations were submitted.
  ///   - executor: where to run; nil for Swift's own threads.
  ///   - onEnd: called once, when the last generation has ended for whatever reason, with the tokens that were used.
  init(
    _ generations: [Generation.Started], plan: GenerationPlan, metrics: ServerMetrics,
    submitted: ContinuousClock.Instant, executor: EventLoopExecutor?, onEnd: @escaping @Sendable (Usage) -> Void
  ) {
    let (usage, events) = (usage, events)
    task = Task(executorPreference: executor) {
      let result: Result<Void, any Error>
      do {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (index, generation) in generations.enumerated() {
            var generation = generation
            generation.onBeginning = { beginning in
              metrics.began(after: beginning.queueTime)
              usage.begin(beginning, choice: index, of: plan)
            }
            group.addTask { [generation] in
              var times = TokenTimes(metrics: metrics, submitted: submitted)
              for try await event in generation {
                times.take(event)
                usage.count(event, of: plan)
                events.append((index, event))
              }
            }
          }
          try await group.waitForAll()
        }
        result = .success(())
      } catch {
        result = .failure(error)
      }
      // Before the stream ends: whoever has read the whole answer finds it counted.
      onEnd(usage.value)
      events.finish(result)
    }
  }

  /// The events that have come since the last call; nil after the last. One task may ask, and cancelling it ends the
  /// generations.
  /// - Throws: what a generation ended with.
  func nextEvents() async throws -> [Event]? {
    try await withTaskCancellationHandler {
      try await events.next()
    } onCancel: {
      cancel()
    }
  }

  /// The tokens used so far.
  var used: Usage { usage.value }

  /// Ends the generations: nobody wants them any more.
  func cancel() { task.cancel() }

  deinit { task.cancel() }
}

/// Counts the tokens of one request.
private final class UsageCount: Sendable {
  private struct State {
    var usage = Usage()
    var begunPrompts: Set<Int> = []
  }

  private let state = Mutex(State())

  var value: Usage { state.withLock { $0.usage } }

  /// Takes in that a choice is computed. The prompt of several samples is computed once, so it is counted once, and the
  /// sample that begins first tells what the cache had of it.
  func begin(_ beginning: GenerationBeginning, choice: Int, of plan: GenerationPlan) {
    let prompt = choice / plan.request.samples
    state.withLock { state in
      guard state.begunPrompts.insert(prompt).inserted else { return }
      state.usage.promptTokens += plan.prompts[prompt].tokens.count
      state.usage.cachedTokens += beginning.cachedTokenCount
    }
  }

  /// Takes in an event.
  func count(_ event: GenerationEvent, of plan: GenerationPlan) {
    guard case .token = event, !plan.isEchoOnly else { return }
    state.withLock { $0.usage.completionTokens += 1 }
  }
}

/// Tells the figures when a choice's tokens come.
private struct TokenTimes {
  let metrics: ServerMetrics
  let submitted: ContinuousClock.Instant
  private var last: ContinuousClock.Instant?

  init(metrics: ServerMetrics, submitted: ContinuousClock.Instant) {
    self.metrics = metrics
    self.submitted = submitted
  }

  mutating func take(_ event: GenerationEvent) {
    switch event {
    case .token:
      let now = ContinuousClock.now
      if let last {
        metrics.tokenFollowed(after: last.duration(to: now))
      } else {
        metrics.firstTokenCame(after: submitted.duration(to: now))
      }
      last = now
    case .finished(let summary): metrics.finished(after: summary.totalTime)
    case .prompt, .text: break
    }
  }
}
