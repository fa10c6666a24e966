internal import Synchronization

/// How far the files of a download are, told to whoever watches, but not more often than they can look.
final class PullProgress: Sendable {
  private struct State {
    var total = 0
    var bytes: [ContentHash: Int] = [:]
    var sum = 0
    var lastReport: ContinuousClock.Instant?
  }

  private let state = Mutex(State())
  private let report: @Sendable (PullEvent) -> Void

  init(report: @escaping @Sendable (PullEvent) -> Void) { self.report = report }

  /// Adds to what is to be fetched.
  func expect(_ bytes: Int) { state.withLock { $0.total += bytes } }

  /// So many bytes of this file are here.
  func set(_ bytes: Int, of file: ContentHash) {
    let event = state.withLock { state -> PullEvent? in
      state.sum += bytes - (state.bytes.updateValue(bytes, forKey: file) ?? 0)
      let now = ContinuousClock.now
      let isDue = state.lastReport.map { now - $0 >= .milliseconds(100) } ?? true
      guard isDue || state.sum == state.total else { return nil }
      state.lastReport = now
      return .progress(done: state.sum, total: state.total)
    }
    if let event { report(event) }
  }
}
