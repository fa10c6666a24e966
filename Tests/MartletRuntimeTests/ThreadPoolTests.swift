import Glibc
import MartletRuntime
import Synchronization
import Testing

/// One counter for each unit of work.
private final class Tally: Sendable {
  private let counts: Mutex<[Int]>
  init(_ count: Int) { counts = Mutex(Array(repeating: 0, count: count)) }
  func add(_ range: Range<Int>) { counts.withLock { counts in for unit in range { counts[unit] += 1 } } }
  var everyUnitOnce: Bool { counts.withLock { $0.allSatisfy { $0 == 1 } } }
}

@Suite(.serialized) struct ThreadPoolTests {
  static let threadCounts = [1, 2, 3, 4, 8, 17]
  /// Loops of so many units in pieces of so many.
  static let splits = [0, 1, 2, 3, 7, 16, 63, 64, 65, 1_000, 4_097].flatMap { count in
    [-1, 0, 1, 2, 3, 16, 100, count, count + 1, Int.max].map { grain in (count, grain) }
  }

  @Test(arguments: threadCounts)
  func everyUnitIsDoneExactlyOnce(threads: Int) throws {
    let pool = try ThreadPool(threadCount: threads)
    for (count, grain) in Self.splits {
      let tally = Tally(count)
      let sizesFit = Atomic<Bool>(true)
      let threadsFit = Atomic<Bool>(true)
      pool.forEachRange(count, grain: grain) { range, thread in
        tally.add(range)
        // No piece takes more than its fair share of the half, and only the last less than the grain.
        let most = threads == 1 ? count : max(grain, count / (2 * threads), 1)
        if range.isEmpty || range.count > most || (range.count < grain && range.upperBound < count) {
          sizesFit.store(false, ordering: .relaxed)
        }
        if !(0..<threads).contains(thread) { threadsFit.store(false, ordering: .relaxed) }
      }
      #expect(tally.everyUnitOnce, "\(count) units by \(grain)")
      let fit = (sizesFit.load(ordering: .relaxed), threadsFit.load(ordering: .relaxed))
      #expect(fit == (true, true), "\(count) units by \(grain)")
    }
  }

  @Test(arguments: threadCounts)
  func everyUnitOfEveryShareIsDoneExactlyOnce(threads: Int) throws {
    let pool = try ThreadPool(threadCount: threads)
    for (count, grain) in Self.splits {
      let tally = Tally(count)
      let share = max(grain, (count + threads - 1) / threads)
      let sizesFit = Atomic<Bool>(true)
      pool.forEachShare(count, grain: grain) { range, thread in
        tally.add(range)
        // No piece lies in two shares, and only a share's last is less than the grain.
        let last = min(count, (range.lowerBound / share + 1) * share)
        if range.isEmpty || range.upperBound > last || (range.count < grain && range.upperBound < last) {
          sizesFit.store(false, ordering: .relaxed)
        }
      }
      let fit = sizesFit.load(ordering: .relaxed)
      #expect(tally.everyUnitOnce && fit, "\(count) units by \(grain)")
    }
  }

  /// A thread that is held up does not hold up the others: they take what is left of its share.
  @Test func sharesAreHelpedWith() throws {
    let pool = try ThreadPool(threadCount: 2)
    let helped = Atomic<Bool>(false)
    for _ in 0..<100 where !helped.load(ordering: .relaxed) {
      pool.forEachShare(16, grain: 1) { range, thread in
        if thread == 0 { usleep(1_000) }
        if thread == 1, range.lowerBound < 8 { helped.store(true, ordering: .relaxed) }
      }
    }
    let wasHelped = helped.load(ordering: .relaxed)
    #expect(wasHelped)
  }

  @Test(arguments: threadCounts)
  func runCallsEveryThreadOnce(threads: Int) throws {
    let pool = try ThreadPool(threadCount: threads)
    for _ in 0..<100 {
      let tally = Tally(threads)
      pool.run { tally.add($0..<($0 + 1)) }
      #expect(tally.everyUnitOnce)
    }
  }

  @Test func theCallerIsThreadZeroAndTheOthersAreNot() throws {
    let pool = try ThreadPool(threadCount: 3)
    let caller = pthread_self()
    let matches = Atomic<Int>(0)
    pool.run { thread in
      if (pthread_equal(pthread_self(), caller) != 0) == (thread == 0) { matches.add(1, ordering: .relaxed) }
    }
    let total = matches.load(ordering: .relaxed)
    #expect(total == 3)
  }

  /// Plain, unsynchronised memory: what the workers wrote must be there when the call returns, and what the caller wrote
  /// before must be there for them.
  @Test(arguments: [(2, 10_000), (3, 3_000), (8, 1_000)])
  func thousandsOfRunsBackToBack(threads: Int, runs: Int) throws {
    let pool = try ThreadPool(threadCount: threads)
    let values = UnsafeMutableBufferPointer<Int>.allocate(capacity: 64)
    values.initialize(repeating: 0)
    defer { values.deallocate() }
    nonisolated(unsafe) let cells = values  // ranges are disjoint, and the pool orders runs
    for _ in 0..<runs {
      pool.forEachRange(64, grain: 5) { range, _ in
        for unit in range { cells[unit] += 1 }
      }
    }
    #expect(values.allSatisfy { $0 == runs })
  }

  /// Pauses from none to well past the time after which workers sleep, so that runs meet workers that spin, that are
  /// about to sleep and that sleep.
  @Test(arguments: [2, 4])
  func runsWakeSleepers(threads: Int) throws {
    let pool = try ThreadPool(threadCount: threads)
    let sum = Atomic<Int>(0)
    var random = SplitMix(seed: 1)
    for round in 0..<400 {
      pool.run { sum.add($0 + 1, ordering: .relaxed) }
      usleep(round % 100 == 0 ? 20_000 : UInt32(random.next() % 300))
    }
    let total = sum.load(ordering: .relaxed)
    #expect(total == 400 * threads * (threads + 1) / 2)
  }

  @Test func takesItsThreadsAlongWhenItGoes() throws {
    func threadsOfTheProcess() -> Int {
      guard let directory = opendir("/proc/self/task") else { return 0 }
      defer { closedir(directory) }
      var count = 0
      while readdir(directory) != nil { count += 1 }
      return count
    }
    // Other tests and the runtime may start or end threads meanwhile: many pools make a leak unmistakable.
    let before = threadsOfTheProcess()
    for round in 0..<100 {
      let pool = try ThreadPool(threadCount: 5)
      if round % 2 == 0 { pool.run { _ in } }
      if round % 10 == 0 { usleep(2_000) }
    }
    #expect(threadsOfTheProcess() < before + 100)
  }

  @Test func aBodyIsReleasedWhenTheCallReturns() throws {
    final class Witness: Sendable {}
    let pool = try ThreadPool(threadCount: 4)
    for _ in 0..<1_000 {
      var witness: Witness? = Witness()
      weak let observed = witness
      if let held = witness { pool.run { _ in _ = ObjectIdentifier(held) } }
      witness = nil
      #expect(observed == nil)
    }
  }

  @Test(arguments: [-1, 0, ThreadPool.maximumThreadCount + 1])
  func refusesSenselessSizes(threads: Int) {
    #expect(throws: RuntimeError.self) { try ThreadPool(threadCount: threads) }
  }
}
