internal import CMartlet
import Glibc
internal import Martlet
internal import MartletEngine

/// Events of one generation on their way from the engine's task to a thread that waits for them.
///
/// `@unchecked Sendable`: everything that changes is only touched while `mutex` is held; `mutex` and `condition` are made
/// before the object is shared and destroyed when nobody has it any more.
final class EventQueue: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var events: [GenerationEvent] = []
  /// The first of `events` that was not taken.
  private var position = 0
  /// What comes after the events; nil as long as more may come.
  private var end: Failure?
  private var isTaken = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func append(_ event: GenerationEvent) {
    withLock {
      guard end == nil else { return }
      events.append(event)
      pthread_cond_signal(condition)
    }
  }

  /// Nothing comes after what there is.
  func finish(_ failure: Failure) {
    withLock {
      if end == nil { end = failure }
      pthread_cond_broadcast(condition)
    }
  }

  /// Drops what was not taken; whoever waits wakes up.
  func cancel() {
    withLock {
      let isCutShort = end == nil || position < events.count
      events = []
      position = 0
      if isCutShort {
        end = Failure(MARTLET_CANCELLED, "the generation was cancelled")
      }
      pthread_cond_broadcast(condition)
    }
  }

  /// Waits for the next event and hands it to `body`, which one thread at a time may be in.
  /// - Throws: a ``Failure`` with `MARTLET_END` after the last one.
  func take(_ body: (GenerationEvent) throws -> Void) throws {
    let result: Result<GenerationEvent, Failure> = withLock {
      guard !isTaken else {
        return .failure(
          Failure(MARTLET_INVALID_ARGUMENT, "generation: another thread takes its events; one at a time may"))
      }
      isTaken = true
      while position == events.count, end == nil { pthread_cond_wait(condition, mutex) }
      guard position < events.count else {
        isTaken = false
        return .failure(end!)
      }
      let event = events[position]
      position += 1
      if position == events.count {
        events.removeAll(keepingCapacity: true)
        position = 0
      }
      return .success(event)
    }
    let event = try result.get()
    defer { withLock { isTaken = false } }
    try body(event)
  }

  private func withLock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
