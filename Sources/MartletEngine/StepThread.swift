#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A serial executor with a thread of its own.
///
/// Steps compute for milliseconds to seconds without suspending. On Swift's cooperative pool, which has one thread a
/// core, each engine would take one of them away from everything else in the process; on two cores that is half. With a
/// thread of its own the step competes for the processor only, by the system's time slices, and a device context that
/// is bound to a thread stays valid.
final class StepThread: SerialExecutor, TaskExecutor {
  private let queue = JobQueue()

  /// Starts the thread. It runs until `stop()`.
  init() {
    let executor = Unmanaged.passRetained(self)
    // What a main thread has; the default of other threads differs from system to system.
    let stackSize = 8 << 20
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, stackSize)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    #if canImport(Glibc)
      var thread = pthread_t()
    #else
      var thread: pthread_t?
    #endif
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        #if canImport(Darwin)
          let pointer = argument
        #else
          let pointer = argument!
        #endif
        // The thread owns its executor until it ends, so the last job may drop every other reference to it.
        let executor = Unmanaged<StepThread>.fromOpaque(pointer).takeRetainedValue()
        executor.runJobs()
        return nil
      }, executor.toOpaque())
    pthread_attr_destroy(&attributes)
    precondition(status == 0, "the system refused a thread for the engine (error \(status))")
  }

  func enqueue(_ job: consuming ExecutorJob) {
    queue.append(UnownedJob(job))
  }

  /// Lets the thread end once the jobs that it has are done. Nothing may be enqueued afterwards.
  func stop() {
    queue.close()
  }

  private func runJobs() {
    while let job = queue.next() {
      job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }
  }
}

/// Jobs from any thread for one thread that waits for them.
///
/// Sendable, because `jobs` and `isClosed` are only touched while `mutex` is held, and `mutex` and `condition` are
/// initialised before the object is shared and destroyed when nobody has it any more.
private final class JobQueue: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var jobs: [UnownedJob] = []
  private var isClosed = false

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

  func append(_ job: UnownedJob) {
    withLock {
      precondition(!isClosed, "a job was given to a thread that has been stopped")
      jobs.append(job)
      pthread_cond_signal(condition)
    }
  }

  func close() {
    withLock {
      isClosed = true
      pthread_cond_signal(condition)
    }
  }

  /// Waits for a job; nil once the queue is closed and empty.
  func next() -> UnownedJob? {
    withLock {
      while jobs.isEmpty, !isClosed { pthread_cond_wait(condition, mutex) }
      return jobs.isEmpty ? nil : jobs.removeFirst()
    }
  }

  private func withLock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
