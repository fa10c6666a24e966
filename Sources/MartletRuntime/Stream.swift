package import CMartletSIMD

/// A queue of work on one device; what is put on one stream runs in order.
///
/// On the processor the work is done when the call that put it there returns: the calling thread does its share and the
/// stream's ``ThreadPool`` the rest. A stream belongs to whoever makes it and is used by one thread at a time; the
/// engine's model runner owns the one that its steps run on.
package final class Stream {
  package let runtime: Runtime
  package private(set) var handle: StreamHandle
  /// The threads that share a processor stream's work.
  package let pool: ThreadPool
  /// The instruction set whose loops a processor stream runs.
  package let instructionSet: InstructionSet
  private var scratchStorage: Storage?
  /// The vendor's matrix products and their memory, from the first product on; nil inside if there are none.
  private var products: (library: any MatrixProducts, workspace: Storage)??
  /// How often the working memory has moved: what was recorded before it did must be recorded again.
  package private(set) var scratchGeneration = 0

  package var device: Device { runtime.device }

  /// The loops of ``instructionSet``.
  package var kernels: UnsafePointer<martlet_kernels> { instructionSet.kernels }

  /// - Parameters:
  ///   - threads: how many threads share the work of a processor stream; all cores unless given.
  ///   - instructionSet: the best one unless given.
  ///   - isDefault: whether it is the device's default stream, on which plain copies and PyTorch work and which may have
  ///     any number of users.
  /// - Throws: `RuntimeError` if the device gives no stream or `threads` is not within 1 and
  ///   ``ThreadPool/maximumThreadCount``.
  package init(
    on runtime: Runtime, threads: Int? = nil, instructionSet: InstructionSet? = nil, isDefault: Bool = false
  ) throws(RuntimeError) {
    self.runtime = runtime
    try runtime.api.setDevice(runtime.device.index)
    if let instructionSet {
      self.instructionSet = instructionSet
    } else {
      self.instructionSet = try .preferred()
    }
    // A GPU's stream leaves the processor's threads alone.
    let threads = runtime.device.kind == .cpu ? threads ?? ThreadPool.defaultThreadCount : 1
    self.pool = try ThreadPool(threadCount: threads)
    // The handle comes last: a throw before it leaves nothing to destroy.
    self.handle = isDefault ? .default : try runtime.api.createStream()
  }

  deinit {
    // What the stream worked on may be given to others as soon as it is gone. A device that fails here has failed before.
    try? synchronize()
    runtime.api.destroyStream(handle)
  }

  /// Runs `body`, whose work goes to another stream of the device meanwhile.
  func redirected(to other: StreamHandle, _ body: () throws -> Void) throws {
    let own = handle
    handle = other
    defer { handle = own }
    try body()
  }

  /// Waits for everything on the stream.
  package func synchronize() throws(RuntimeError) {
    try runtime.api.setDevice(runtime.device.index)
    try runtime.api.synchronizeStream(handle)
  }

  /// Working memory for the operator that runs next; the one before must not need it any more.
  ///
  /// It grows to the largest request and stays, so that a step of a size seen before allocates nothing.
  package func scratch(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    if let storage = scratchStorage, storage.byteCount >= bytes { return storage.pointer }
    // The operator before may still be at work in it.
    if scratchStorage != nil { try synchronize() }
    scratchStorage = nil
    let storage = try Storage(byteCount: bytes, on: runtime)
    scratchStorage = storage
    scratchGeneration += 1
    return storage.pointer
  }

  /// The vendor's matrix products with their working memory; nil if there are none.
  func matrixProducts() throws(RuntimeError) -> (any MatrixProducts, workspace: UnsafeMutableRawPointer)? {
    if products == nil {
      try runtime.api.setDevice(device.index)
      let library = try runtime.gpu().matrixProducts()
      products = .some(
        try library.map { library throws(RuntimeError) in
          (library, try Storage(byteCount: library.workspaceBytes, on: runtime))
        })
    }
    return (products ?? nil).map { ($0.library, $0.workspace.pointer) }
  }
}

extension Stream {
  /// Puts a kernel on a GPU's stream.
  /// - Parameters:
  ///   - grid: blocks; without any there is nothing to do.
  ///   - overlaps: whether it may begin before the kernel ahead of it has ended; it waits for that one itself.
  ///   - argument: the struct that the kernel takes.
  package func launch<Argument: BitwiseCopyable>(
    _ name: String, of source: KernelSource, grid: GridSize, block: GridSize, sharedBytes: Int = 0,
    overlaps: Bool = false, _ argument: Argument
  ) throws(RuntimeError) {
    guard grid.x > 0, grid.y > 0, grid.z > 0 else { return }
    let gpu = try runtime.gpu()
    guard let kernels = runtime.kernels else { return }
    let function = try kernels.function(name, of: source)
    // Threads come and go, and each may have used another device before.
    try gpu.setDevice(device.index)
    var argument = argument
    let result = withUnsafeMutableBytes(of: &argument) { bytes in
      Result { () throws(RuntimeError) in
        try gpu.launch(
          function, grid: grid, block: block, sharedBytes: sharedBytes, stream: handle,
          overlaps: overlaps && kernels.description.canOverlap, argument: bytes)
      }
    }
    try result.get()
  }
}
