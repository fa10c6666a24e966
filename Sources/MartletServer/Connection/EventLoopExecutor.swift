internal import NIOCore

/// Runs tasks on a connection's event loop.
///
/// A token's way from the engine to the socket leads through several tasks. On threads of their own each would wake the
/// next one's thread, and where the model computes on every core each wake pushes a computing thread aside. On the loop
/// that writes to the socket they follow each other.
final class EventLoopExecutor: TaskExecutor {
  private let loop: any EventLoop

  init(_ loop: any EventLoop) { self.loop = loop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    loop.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
  }
}
