internal import Synchronization

/// How far the files of a download are, told to whoever watches, but not more often than they can look.
final class PullProgress: Sendable {
  private struct State {
    var total = 0
    var bytes: [ContentHash: Int] = [:]
    var sum = 0
    var fetched = 0
    var lastReport: ContinuousClock.Instant?
  }

  private let state = Mutex(State())
  private let report: @Sendable (PullEvent) -> Void

  init(report: @escaping @Sendable (PullEvent) -> Void) { self.report = report }

  /// Adds to what is to be fetched.
  func expect(_ bytes: Int) { state.withLock { $0.total += bytes } }

  /// So many bytes of this file are here.
  /// - Parameter fetched: how many of them have just come over the network.
  func set(_ bytes: Int, of file: ContentHash, fetched: Int = 0) {
    state.withLock { state in
      state.fetched += fetched
      state.sum += bytes - (state.bytes.updateValue(bytes, forKey: file) ?? 0)
      let now = ContinuousClock.now
      let isDue = state.lastReport.map { now - $0 >= .milliseconds(100) } ?? true
      guard isDue || state.sum == state.total else { return }
      state.lastReport = now
      // Under the lock, so that no report overtakes another.
      report(.progress(done: state.sum, total: state.total, fetched: state.fetched))
    }
  }
}
