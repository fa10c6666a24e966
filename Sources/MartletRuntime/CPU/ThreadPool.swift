internal import CMartletSIMD
import Glibc
import Synchronization

/// Threads that share the loops of operators.
///
/// A transformer layer is a dozen loops of a few microseconds each, so a worker that has finished spins for a moment
/// before it sleeps: waking a sleeping thread costs more than such a loop. The caller takes part as thread 0.
///
/// `@unchecked Sendable`: `job` is written by the caller before it advances `epoch` (release) and read by workers
/// after they see the new epoch (acquire); the caller does not return before `pending` says that all have finished
/// with it (release by the workers, acquire by the caller). `run` is entered by one thread at a time, which `busy`
/// checks.
package final class ThreadPool: @unchecked Sendable {
  /// Threads that work on a job, the caller's included.
  package let threadCount: Int

  /// `@unchecked Sendable`: atomics, pthread objects made for sharing, and `job`, whose order the proof at ``ThreadPool``
  /// gives.
  private final class Shared: @unchecked Sendable {
    let epoch = Atomic<UInt64>(0)
    let pending = Atomic<Int>(0)
    let nextUnit = Atomic<Int>(0)
    let sleepers = Atomic<Int>(0)
    let stopping = Atomic<Bool>(false)
    let busy = Atomic<Bool>(false)
    /// Where the caller runs, for workers to leave it alone.
    let callerCore = Atomic<Int32>(-1)
    let lookahead = Lookahead()
    /// Of each thread's share, the pieces that are taken: `padding` apart, so that no two lie in one cache line.
    let piecesTaken: UnsafeMutablePointer<Atomic<Int>>
    var job: ((Int) -> Void)?
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(threadCount: Int) {
      piecesTaken = .allocate(capacity: threadCount * ThreadPool.padding)
      for index in 0..<threadCount * ThreadPool.padding { (piecesTaken + index).initialize(to: Atomic(0)) }
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(condition, nil)
    }

    deinit {
      pthread_cond_destroy(condition)
      pthread_mutex_destroy(mutex)
      mutex.deallocate()
      condition.deallocate()
      piecesTaken.deallocate()
    }
  }

  private let shared: Shared
  private let workers: [pthread_t]
  /// Used by the thread that `run` has made the only one.
  private var ownLookahead: Lookahead.Reader

  /// About 50 microseconds of pauses: longer than the gaps between the loops of a step, shorter than anything that a
  /// person or another process would notice.
  private static let spins = 4_000
  /// Counters of 8 bytes in two cache lines, which processors fetch together.
  private static let padding = 16
  private static let piecesOfShare = 8
  /// Long enough that the gaps within a step do not reach it.
  private static let spinsBeforeMoving = 500

  /// The cores that this process may use.
  package static var defaultThreadCount: Int {
    max(1, Int(martlet_available_cores()))
  }

  /// More threads than any machine has cores are a slip of the keyboard.
  package static let maximumThreadCount = 1_024

  /// Starts the workers.
  /// - Throws: `RuntimeError.callFailed` if the count is not within 1 and ``maximumThreadCount``, or if the system gives
  ///   no more threads.
  package init(threadCount: Int) throws(RuntimeError) {
    guard (1...Self.maximumThreadCount).contains(threadCount) else {
      throw .callFailed(
        device: .cpu, call: "starting \(threadCount) threads", reason: "choose 1 to \(Self.maximumThreadCount) threads")
    }
    self.threadCount = threadCount
    shared = Shared(threadCount: threadCount)
    var workers: [pthread_t] = []
    for index in 1..<threadCount {
      do throws(RuntimeError) {
        workers.append(
          try Self.startThread { [shared] in
            Self.work(shared, index: index, lookahead: Lookahead.Reader(thread: index, of: threadCount))
          })
      } catch {
        Self.stop(workers, shared)
        throw error
      }
    }
    self.workers = workers
    ownLookahead = Lookahead.Reader(thread: 0, of: threadCount)
  }

  deinit { Self.stop(workers, shared) }

  private static func stop(_ workers: [pthread_t], _ shared: Shared) {
    shared.stopping.store(true, ordering: .sequentiallyConsistent)
    wakeSleepers(shared)
    for worker in workers { pthread_join(worker, nil) }
  }

  /// Calls `body` once on every thread with the thread's index, and returns when all have returned.
  package func run(_ body: (Int) -> Void) {
    guard threadCount > 1 else { return body(0) }
    let wasBusy = shared.busy.exchange(true, ordering: .acquiring)
    precondition(!wasBusy, "a thread pool runs one job at a time: each stream has its own")
    withoutActuallyEscaping(body) { job in
      shared.job = job
      shared.callerCore.store(martlet_current_core(), ordering: .relaxed)
      shared.pending.store(threadCount - 1, ordering: .relaxed)
      shared.epoch.add(1, ordering: .sequentiallyConsistent)
      if shared.sleepers.load(ordering: .sequentiallyConsistent) > 0 { Self.wakeSleepers(shared) }
      job(0)
      var spins = 0
      var lookahead = ownLookahead
      while shared.pending.load(ordering: .acquiring) > 0 {
        lookahead.advance(in: shared.lookahead)
        Self.pause(&spins)
      }
      ownLookahead = lookahead
      shared.job = nil
    }
    shared.busy.store(false, ordering: .releasing)
  }

  /// Splits `0..<count` into pieces that the threads take as they become free: a fair share of half of what is left in
  /// multiples of `grain`, so that the last pieces are small and threads finish together. Which thread takes which piece must
  /// not matter to the result. (Guided self-scheduling: Polychronopoulos and Kuck 1987.)
  package func forEachRange(_ count: Int, grain: Int, _ body: (_ range: Range<Int>, _ thread: Int) -> Void) {
    let grain = max(1, grain)
    if count <= grain || threadCount == 1 {
      if count > 0 { body(0..<count, 0) }
      return
    }
    shared.nextUnit.store(0, ordering: .relaxed)
    run { thread in
      var start = shared.nextUnit.load(ordering: .relaxed)
      while start < count {
        let piece = Self.piece(from: start, count: count, grain: grain, threadCount: threadCount)
        let (taken, seen) = shared.nextUnit.weakCompareExchange(
          expected: start, desired: piece.upperBound, ordering: .relaxed)
        guard taken else {
          start = seen
          continue
        }
        body(piece, thread)
        start = shared.nextUnit.load(ordering: .relaxed)
      }
    }
  }

  /// Splits `0..<count` into one share for each thread, the same at every call, for loops that do nothing but move memory: a
  /// thread then meets in its own cache what it wrote when the loop ran before. Whoever is done helps the others with what is
  /// left of theirs. Only the last piece of a share is smaller than `grain`, and shares are not.
  package func forEachShare(_ count: Int, grain: Int, _ body: (_ range: Range<Int>, _ thread: Int) -> Void) {
    let share = max(grain, (count + threadCount - 1) / threadCount)
    if count <= share {
      if count > 0 { body(0..<count, 0) }
      return
    }
    let length = max(grain, (share + Self.piecesOfShare - 1) / Self.piecesOfShare)
    let taken = shared.piecesTaken
    for owner in 0..<threadCount { taken[owner * Self.padding].store(0, ordering: .relaxed) }
    run { thread in
      for step in 0..<threadCount {
        let owner = (thread + step) % threadCount
        guard owner * share < count else { continue }
        let end = min((owner + 1) * share, count)
        while true {
          let start = owner * share + taken[owner * Self.padding].add(1, ordering: .relaxed).oldValue * length
          guard start < end else { break }
          body(start..<min(start + length, end), thread)
        }
      }
    }
  }

  /// The piece of a loop that begins at `start`.
  static func piece(from start: Int, count: Int, grain: Int, threadCount: Int) -> Range<Int> {
    let length = max(grain, (count - start) / (2 * threadCount) / grain * grain)
    return start..<min(start + length, count)
  }

  /// Announces what a later `forEachRange(count, grain:)` will read: unit `i` lies at `memory + i * unitBytes`. Threads that
  /// wait bring the beginning of their share into their caches; no result depends on it.
  package func expect(_ memory: UnsafeRawPointer, count: Int, unitBytes: Int, grain: Int) {
    guard threadCount > 1 else { return }
    shared.lookahead.announce(memory, count: count, unitBytes: unitBytes, grain: max(1, grain))
  }

  private static func wakeSleepers(_ shared: Shared) {
    pthread_mutex_lock(shared.mutex)
    pthread_cond_broadcast(shared.condition)
    pthread_mutex_unlock(shared.mutex)
  }

  private static func pause(_ spins: inout Int) {
    spins += 1
    if spins & 1023 == 0 { sched_yield() } else { martlet_pause() }
  }

  private static func work(_ shared: Shared, index: Int, lookahead: Lookahead.Reader) {
    var lookahead = lookahead
    var seen: UInt64 = 0
    while true {
      var spins = 0
      while shared.epoch.load(ordering: .acquiring) == seen, !shared.stopping.load(ordering: .acquiring) {
        lookahead.advance(in: shared.lookahead)
        // The system likes to wake a thread where the one runs that woke it. That one spins too, so the two would take
        // turns on one core, a time slice each, until the system notices.
        if spins == Self.spinsBeforeMoving { martlet_leave_core(shared.callerCore.load(ordering: .relaxed)) }
        if spins < Self.spins { pause(&spins) } else { sleep(shared, seen: seen) }
      }
      if shared.stopping.load(ordering: .acquiring) { return }
      seen += 1
      shared.job?(index)
      shared.pending.subtract(1, ordering: .releasing)
    }
  }

  /// Waits on the condition until the epoch moves. `sleepers` is raised before the epoch is looked at once more, and
  /// `run` advances the epoch before it looks at `sleepers`, both in sequentially consistent order: one of the two
  /// sees the other.
  private static func sleep(_ shared: Shared, seen: UInt64) {
    pthread_mutex_lock(shared.mutex)
    shared.sleepers.add(1, ordering: .sequentiallyConsistent)
    while shared.epoch.load(ordering: .sequentiallyConsistent) == seen,
      !shared.stopping.load(ordering: .sequentiallyConsistent)
    {
      pthread_cond_wait(shared.condition, shared.mutex)
    }
    shared.sleepers.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(shared.mutex)
    martlet_leave_core(shared.callerCore.load(ordering: .relaxed))
  }

  private final class ThreadBody {
    let run: () -> Void
    init(_ run: @escaping () -> Void) { self.run = run }
  }

  private static func startThread(_ body: @escaping @Sendable () -> Void) throws(RuntimeError) -> pthread_t {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(ThreadBody(body))
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, argument.toOpaque())
    guard status == 0 else {
      argument.release()
      throw .callFailed(
        device: .cpu, call: "pthread_create", reason: "the system gives no more threads (\(status)): use fewer")
    }
    return thread
  }
}
