internal import Martlet
internal import Synchronization

/// The generations of one request while they run. Ends them when it is cancelled or nobody has it any more.
final class AnswerRun: Sendable {
  /// An event and the choice that it belongs to.
  typealias Event = (choice: Int, event: GenerationEvent)

  let events: AsyncThrowingStream<Event, any Error>
  private let usage = UsageCount()
  private let task: Task<Void, Never>

  /// - Parameter onEnd: called once, when the last generation has ended for whatever reason, with the tokens that were used.
  init(_ generations: [Generation.Started], plan: GenerationPlan, onEnd: @escaping @Sendable (Usage) -> Void) {
    let (stream, continuation) = AsyncThrowingStream.makeStream(of: Event.self, throwing: (any Error).self)
    let usage = usage
    events = stream
    task = Task {
      let result: Result<Void, any Error>
      do {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (index, generation) in generations.enumerated() {
            group.addTask {
              for try await event in generation {
                usage.count(event, choice: index, of: plan)
                continuation.yield((index, event))
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
      continuation.finish(throwing: result.failure)
    }
  }

  /// The tokens used so far.
  var used: Usage { usage.value }

  /// Ends the generations: nobody wants them any more.
  func cancel() { task.cancel() }

  deinit { task.cancel() }
}

extension Result {
  fileprivate var failure: Failure? {
    guard case .failure(let error) = self else { return nil }
    return error
  }
}

/// Counts the tokens of one request.
private final class UsageCount: Sendable {
  private struct State {
    var usage = Usage()
    var begunPrompts: Set<Int> = []
  }

  private let state = Mutex(State())

  var value: Usage { state.withLock { $0.usage } }

  /// Takes in an event. The prompt of several samples is computed once, so it is counted once, and the first sample tells
  /// what the cache had of it.
  func count(_ event: GenerationEvent, choice: Int, of plan: GenerationPlan) {
    let prompt = choice / plan.request.samples
    state.withLock { state in
      if state.begunPrompts.insert(prompt).inserted {
        state.usage.promptTokens += plan.prompts[prompt].tokens.count
      }
      switch event {
      case .token: if !plan.isEchoOnly { state.usage.completionTokens += 1 }
      case .finished(let summary):
        if choice % plan.request.samples == 0 { state.usage.cachedTokens += summary.cachedTokenCount }
      case .prompt, .text: break
      }
    }
  }
}
