internal import HTTPTypes
internal import Martlet
internal import NIOPosix
internal import Synchronization

/// Threads for what keeps a processor busy: reading bodies, rendering conversations, tokenizing. Swift's own threads, one a
/// core, carry the connections and the engine's callers, which such work would hold up; here it waits for its turn.
final class WorkPool: Sendable {
  /// Threads that are free, and who waits for one, in the order of arrival.
  private struct State {
    var freeCount: Int
    var line: [(id: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
    var nextID: UInt64 = 0
  }

  private let threads: NIOThreadPool
  private let mostWaiting: Int
  private let state: Mutex<State>

  /// - Parameters:
  ///   - threadCount: pieces of work that run at a time.
  ///   - mostWaiting: pieces of work that wait for them at most.
  init(threadCount: Int, mostWaiting: Int) {
    threads = NIOThreadPool(numberOfThreads: threadCount)
    threads.start()
    state = Mutex(State(freeCount: threadCount))
    self.mostWaiting = mostWaiting
  }

  deinit { threads.shutdownGracefully { _ in } }

  /// Runs `body` on one of the threads when one is free.
  /// - Throws: what `body` throws; a 429 where too much waits already; a 503 where none is free within `limit`, and a
  ///   `CancellationError` where the task is cancelled before.
  func run<Value: Sendable>(
    within limit: Duration?, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await enter(within: limit)
    defer { leave() }
    // Not by the pool's own function that suspends: its waiting does not end with the task.
    return try await withCheckedThrowingContinuation { continuation in
      threads.submit { state in
        guard case .active = state else { return continuation.resume(throwing: CancellationError()) }
        continuation.resume(with: Result(catching: body))
      }
    }
  }

  /// Waits for a free thread.
  private func enter(within limit: Duration?) async throws {
    let id = state.withLock { state in
      defer { state.nextID += 1 }
      return state.nextID
    }
    let timer = limit.map { limit in
      Task {
        try await Task.sleep(for: limit)
        giveUp(
          id, Self.busy(.serviceUnavailable, "the server did not come to this request within \(limit.seconds) s"))
      }
    }
    defer { timer?.cancel() }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let outcome = state.withLock { state -> Result<Void, any Error>? in
          if state.freeCount > 0 {
            state.freeCount -= 1
            return .success(())
          }
          guard state.line.count < mostWaiting else {
            return .failure(Self.busy(.tooManyRequests, "\(mostWaiting) requests wait for a processor already"))
          }
          state.line.append((id, continuation))
          return nil
        }
        if let outcome { return continuation.resume(with: outcome) }
        // Whoever was cancelled before was not in the line yet.
        if Task.isCancelled { giveUp(id, CancellationError()) }
      }
    } onCancel: {
      giveUp(id, CancellationError())
    }
  }

  /// Ends the waiting of whoever still waits.
  private func giveUp(_ id: UInt64, _ error: any Error) {
    let continuation = state.withLock { state in
      state.line.firstIndex { $0.id == id }.map { state.line.remove(at: $0).continuation }
    }
    continuation?.resume(throwing: error)
  }

  /// Hands a thread on to the next in the line.
  private func leave() {
    let next = state.withLock { state -> CheckedContinuation<Void, any Error>? in
      guard state.line.isEmpty else { return state.line.removeFirst().continuation }
      state.freeCount += 1
      return nil
    }
    next?.resume()
  }

  private static func busy(_ status: HTTPResponse.Status, _ message: String) -> APIError {
    var error = APIError(
      status, "\(message); try again later",
      type: status == .tooManyRequests ? "rate_limit_error" : "server_error", code: "too_busy")
    error.retryAfter = 1
    return error
  }
}
