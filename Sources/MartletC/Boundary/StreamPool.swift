internal import MartletOperators
internal import MartletRuntime
internal import Synchronization

/// The streams on which operators of C programs run.
///
/// Each call has a stream to itself, since a stream serves one thread at a time, and waits until its work is done, since
/// the next call may come from anywhere. There are as many as there were calls at a time, but only a few are kept.
final class StreamPool: Sendable {
  static let shared = StreamPool()

  /// A stream that nobody uses.
  ///
  /// `@unchecked Sendable`: it is put into the pool by the thread that has used the stream and taken out by the one that
  /// will; the pool's lock orders the two, and nobody else has the stream.
  private final class IdleStream: @unchecked Sendable {
    let stream: Stream
    let device: Device
    init(_ stream: Stream) { (self.stream, device) = (stream, stream.device) }
  }

  private struct State {
    /// A few: going through them is quicker than a dictionary.
    var idle: [IdleStream] = []
    /// Threads of each processor stream; nil for all cores.
    var threads: Int?
    /// Counts the changes of `threads`; streams of before are not kept.
    var version = 0
  }

  private static let mostIdle = 4
  private let state = Mutex(State())

  /// Streams have so many threads from now on.
  func setThreads(_ threads: Int?) {
    // The streams end outside of the lock: their threads are waited for.
    let old = state.withLock { state in
      defer { state.idle = [] }
      state.threads = threads
      state.version += 1
      return state.idle
    }
    _ = consume old
  }

  /// A stream that the pool does not keep, with as many threads as its own have.
  func makeStream(on device: Device) throws(RuntimeError) -> Stream {
    try Stream(on: Devices.runtime(device), threads: state.withLock { $0.threads })
  }

  /// Work on at most so many bytes is done by the calling thread before another one would have heard of it.
  private static let smallWork: UInt = 32_768

  /// Runs an operator on a stream of a device and waits for it.
  /// - Parameter bytes: how many its tensors have at most.
  func run(_ work: borrowing some Operator, on device: Device, bytes: UInt = .max) throws {
    if device == .cpu, bytes <= Self.smallWork {
      return try work.run(on: ThreadState.withCurrent { try $0.stream() })
    }
    let (known, threads, version) = state.withLock { state in
      let place = state.idle.lastIndex { $0.device == device }
      return (place.map { state.idle.remove(at: $0) }, state.threads, state.version)
    }
    let lease = try known ?? IdleStream(Stream(on: Devices.runtime(device), threads: threads))
    try work.run(on: lease.stream)
    try lease.stream.synchronize()
    state.withLock { state in
      if state.version == version, state.idle.count(where: { $0.device == device }) < Self.mostIdle {
        state.idle.append(lease)
      }
    }
  }
}
