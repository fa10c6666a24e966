package import CMartletSIMD

/// A queue of work on one device; what is put on one stream runs in order.
///
/// On the processor the work is done when the call that put it there returns: the calling thread does its share and the
/// stream's ``ThreadPool`` the rest. A stream belongs to whoever makes it and is used by one thread at a time; the
/// engine's model runner owns the one that its steps run on.
package final class Stream {
  package let runtime: Runtime
  package let handle: StreamHandle
  /// The threads that share a processor stream's work.
  package let pool: ThreadPool
  /// The instruction set whose loops a processor stream runs.
  package let instructionSet: InstructionSet
  private var scratchStorage: Storage?

  package var device: Device { runtime.device }

  /// The loops of ``instructionSet``.
  package var kernels: UnsafePointer<martlet_kernels> { instructionSet.kernels }

  /// - Parameters:
  ///   - threads: how many threads share the work of a processor stream; all cores unless given.
  ///   - instructionSet: the best one unless given.
  /// - Throws: `RuntimeError` if the device gives no stream or `threads` is not within 1 and
  ///   ``ThreadPool/maximumThreadCount``.
  package init(
    on runtime: Runtime, threads: Int? = nil, instructionSet: InstructionSet? = nil
  ) throws(RuntimeError) {
    self.runtime = runtime
    try runtime.api.setDevice(runtime.device.index)
    if let instructionSet {
      self.instructionSet = instructionSet
    } else {
      self.instructionSet = try .preferred()
    }
    self.pool = try ThreadPool(threadCount: threads ?? ThreadPool.defaultThreadCount)
    // The handle comes last: a throw before it leaves nothing to destroy.
    self.handle = try runtime.api.createStream()
  }

  deinit { runtime.api.destroyStream(handle) }

  /// Waits for everything on the stream.
  package func synchronize() throws(RuntimeError) {
    try runtime.api.synchronizeStream(handle)
  }

  /// Working memory for the operator that runs next; the one before must not need it any more.
  ///
  /// It grows to the largest request and stays, so that a step of a size seen before allocates nothing.
  package func scratch(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    if let storage = scratchStorage, storage.byteCount >= bytes { return storage.pointer }
    scratchStorage = nil
    let storage = try Storage(byteCount: bytes, on: runtime)
    scratchStorage = storage
    return storage.pointer
  }
}
