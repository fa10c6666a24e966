internal import CMartlet
import Glibc
internal import Martlet
internal import MartletEngine

/// What a generation's handle stands for: a task that makes events, and the last event that was taken.
///
/// `@unchecked Sendable`: `text` and `top` are only touched within ``EventQueue/take(_:)``, which one thread at a time is in,
/// and when nobody has the object any more.
final class GenerationObject: HandleObject, @unchecked Sendable {
  static let handleKind = HandleKind.generation

  private let queue = EventQueue()
  private let task: Task<Void, Never>
  /// What the pointers of the last event point to.
  private var text: UnsafeMutablePointer<CChar>?
  private var top: UnsafeMutablePointer<martlet_token_logprob>?

  /// Starts a generation.
  init(_ generation: Generation) {
    let queue = queue
    task = Task.detached {
      do {
        for try await event in generation { queue.append(event) }
        queue.finish(Failure(MARTLET_END, "the generation has delivered its last event"))
      } catch {
        queue.finish(Failure(error))
      }
    }
  }

  deinit {
    task.cancel()
    release()
  }

  func cancel() {
    task.cancel()
    queue.cancel()
  }

  /// Waits for the next event and hands it to `body`; its pointers are valid until the next one.
  func next(_ body: (martlet_event) throws -> Void) throws {
    try queue.take { event in
      release()
      try body(converted(event))
    }
  }

  private func release() {
    free(text)
    text = nil
    top?.deallocate()
    top = nil
  }

  private func converted(_ event: GenerationEvent) throws(Failure) -> martlet_event {
    var result = martlet_event()
    result.struct_size = MemoryLayout<martlet_event>.size
    result.token = -1
    var shown = ""
    switch event {
    case .token(let token, let text):
      result.kind = MARTLET_EVENT_TOKEN
      result.token = token.token
      result.has_logprob = token.logprob != nil
      result.logprob = token.logprob ?? 0
      if !token.top.isEmpty {
        let list = UnsafeMutablePointer<martlet_token_logprob>.allocate(capacity: token.top.count)
        for (index, entry) in token.top.enumerated() {
          (list + index).initialize(to: martlet_token_logprob(token: entry.token, logprob: entry.logprob))
        }
        top = list
        result.top = UnsafePointer(list)
        result.top_count = token.top.count
      }
      shown = text
    case .prompt:
      // Requests of this interface ask for no log-probabilities of the prompt.
      result.kind = MARTLET_EVENT_TEXT
    case .text(let text):
      result.kind = MARTLET_EVENT_TEXT
      shown = text
    case .finished(let summary):
      result.kind = MARTLET_EVENT_FINISHED
      result.finish_reason = summary.reason == .stop ? MARTLET_FINISH_STOP : MARTLET_FINISH_LENGTH
      result.prompt_tokens = Int64(summary.promptTokenCount)
      result.cached_tokens = Int64(summary.cachedTokenCount)
      result.generated_tokens = Int64(summary.generatedTokenCount)
      result.queue_seconds = summary.queueTime.seconds
      result.first_token_seconds = summary.firstTokenTime.seconds
      result.total_seconds = summary.totalTime.seconds
    }
    try give(shown.utf8, &text, &result.text_length)
    result.text = UnsafePointer(text)
    return result
  }
}
