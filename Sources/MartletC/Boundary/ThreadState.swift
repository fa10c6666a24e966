internal import CMartlet
import Glibc
internal import MartletRuntime

/// What the C interface remembers of each thread: how its last call ended, the devices that LLAISYS's functions chose, and a
/// stream for small work.
final class ThreadState {
  private(set) var status = MARTLET_OK
  /// The text of `martlet_last_error`; nil for none.
  private var text: UnsafeMutablePointer<CChar>?
  /// The current device of each family that this thread has chosen one of; device 0 of the others.
  var chosenDevices: [Device.Kind: Int] = [:]

  /// The processor for work that is not worth sharing: a stream without other threads.
  private var ownStream: Stream?

  deinit { free(text) }

  /// The thread's own stream on the processor.
  func stream() throws(RuntimeError) -> Stream {
    if let ownStream { return ownStream }
    let stream = try Stream(on: Devices.runtime(.cpu), threads: 1)
    ownStream = stream
    return stream
  }

  /// An empty C string. `nonisolated(unsafe)`: it is made once and nobody writes to it.
  private nonisolated(unsafe) static let empty: UnsafePointer<CChar> = {
    let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
    byte.initialize(to: 0)
    return UnsafePointer(byte)
  }()

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let code = pthread_key_create(&key) { state in
      guard let state else { return }
      Unmanaged<ThreadState>.fromOpaque(state).release()
    }
    precondition(code == 0, "the system has no more keys for threads' data (error \(code))")
    return key
  }()

  /// Gives the calling thread's state, made at its first call.
  static func withCurrent<Result>(_ body: (ThreadState) throws -> Result) rethrows -> Result {
    let state: Unmanaged<ThreadState>
    if let known = pthread_getspecific(key) {
      state = .fromOpaque(known)
    } else {
      state = .passRetained(ThreadState())
      pthread_setspecific(key, state.toOpaque())
    }
    // The thread keeps it: counting references would take as long as everything else here.
    return try state._withUnsafeGuaranteedRef(body)
  }

  /// Valid until the thread's next call.
  var message: UnsafePointer<CChar> { text.map { UnsafePointer($0) } ?? Self.empty }

  /// Notes that a call did what it says.
  func succeed() {
    status = MARTLET_OK
    if text != nil {
      free(text)
      text = nil
    }
  }

  /// Notes how a call ended that did not.
  func fail(_ failure: Failure) {
    status = failure.status
    free(text)
    text = strdup(failure.message)
  }
}
