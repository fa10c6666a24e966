/// How readers are told what steps brought.
package struct Reporting: Sendable {
  /// Where the telling runs; nil for Swift's own threads. It must live as long as the engine.
  package var executor: (any TaskExecutor)?
  /// How long tokens may be held back to be told with the next ones: waking a reader costs a processor that computes on all
  /// of its cores a part of a small model's step. First tokens, ends and what a long step follows are told at once.
  package var interval = Duration.zero

  package init() {}
}

/// Decides when readers are told.
struct ReportPace {
  private let interval: Duration
  private var last: ContinuousClock.Instant?

  init(interval: Duration) { self.interval = interval }

  /// Whether to tell readers now, before the next step, rather than after it.
  /// - Parameters:
  ///   - continues: whether there is a next step and it only continues sequences, as most do.
  ///   - stepTime: what the step before took; one of the same kind takes about as long.
  mutating func isDue(at now: ContinuousClock.Instant, continues: Bool, stepTime: Duration) -> Bool {
    if continues, let last, last.duration(to: now) + stepTime <= interval { return false }
    last = now
    return true
  }
}
