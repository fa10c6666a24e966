internal import CMartletSIMD
import Synchronization

/// What the threads of a pool bring into their caches while they wait.
///
/// Between the matrix products of a step one thread normalises, rotates and writes a row, and memory stands still. A thread that
/// waits can meanwhile bring the beginning of what it will read next. Nothing depends on whether it does.
///
/// All accesses are atomic. A reader that sees fields of two announcements mixed asks for the wrong addresses, which
/// costs a little time and harms nothing: ``martlet_bring`` reads nothing.
final class Lookahead: Sendable {
  /// Bytes that a thread brings at most: a part of its second cache.
  private static let budget = 256 << 10
  /// Bytes between two looks at whether there is work again.
  private static let step = 1024

  private let version = Atomic<UInt64>(0)
  private let base = Atomic<UInt>(0)
  private let count = Atomic<Int>(0)
  private let unitBytes = Atomic<Int>(0)
  private let grain = Atomic<Int>(0)

  /// Announces a loop over `count` units of `unitBytes` bytes each.
  func announce(_ memory: UnsafeRawPointer, count: Int, unitBytes: Int, grain: Int) {
    base.store(UInt(bitPattern: memory), ordering: .relaxed)
    self.count.store(count, ordering: .relaxed)
    self.unitBytes.store(unitBytes, ordering: .relaxed)
    self.grain.store(grain, ordering: .relaxed)
    version.add(1, ordering: .releasing)
  }

  /// One thread's way through the announced memory.
  struct Reader {
    private let thread: Int
    private let threadCount: Int
    private var version: UInt64 = 0
    private var next: UInt = 0
    private var end: UInt = 0

    init(thread: Int, of threadCount: Int) {
      self.thread = thread
      self.threadCount = threadCount
    }

    /// Brings a little more of the piece that this thread will probably take first.
    mutating func advance(in lookahead: Lookahead) {
      let version = lookahead.version.load(ordering: .acquiring)
      if version != self.version {
        self.version = version
        start(lookahead)
      }
      guard next < end else { return }
      if let memory = UnsafeRawPointer(bitPattern: next) { martlet_bring(memory, Lookahead.step) }
      next &+= UInt(Lookahead.step)
    }

    private mutating func start(_ lookahead: Lookahead) {
      let count = lookahead.count.load(ordering: .relaxed)
      let grain = lookahead.grain.load(ordering: .relaxed)
      let unitBytes = lookahead.unitBytes.load(ordering: .relaxed)
      // The threads take the first pieces in the order of their indices, more often than not.
      var piece = 0..<0
      for _ in 0...thread {
        piece = ThreadPool.piece(from: piece.upperBound, count: count, grain: grain, threadCount: threadCount)
      }
      next = lookahead.base.load(ordering: .relaxed) &+ UInt(truncatingIfNeeded: piece.lowerBound &* unitBytes)
      end = next &+ UInt(min(max(0, piece.count &* unitBytes), Lookahead.budget))
    }
  }
}
