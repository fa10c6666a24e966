internal import Synchronization

/// Values on their way from several tasks to one, which takes all that have come at once.
final class EventQueue<Element: Sendable>: Sendable {
  private struct State {
    var elements: [Element] = []
    /// How it ended, once it has.
    var end: Result<Void, any Error>?
    var reader: CheckedContinuation<Void, Never>?
  }

  private let state = Mutex(State())

  func append(_ element: Element) { change { $0.elements.append(element) } }

  /// Ends the queue. What it holds is still read before the end.
  func finish(_ result: Result<Void, any Error>) { change { $0.end = $0.end ?? result } }

  private func change(_ body: (inout State) -> Void) {
    let reader = state.withLock { state in
      body(&state)
      return state.reader.take()
    }
    reader?.resume()
  }

  /// Everything that has come since the last call, waiting if that is nothing; nil at the end. One task may read.
  /// - Throws: the error with which the queue ended, after its last element.
  func next() async throws -> [Element]? {
    while true {
      let (elements, end) = state.withLock { state in
        defer { state.elements = [] }
        return (state.elements, state.end)
      }
      if !elements.isEmpty { return elements }
      if let end {
        try end.get()
        return nil
      }
      await waitForChange()
    }
  }

  private func waitForChange() async {
    await withCheckedContinuation { continuation in
      let isWaiting = state.withLock { state in
        guard state.elements.isEmpty, state.end == nil else { return false }
        state.reader = continuation
        return true
      }
      if !isWaiting { continuation.resume() }
    }
  }
}
