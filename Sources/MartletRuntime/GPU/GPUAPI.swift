/// A loaded piece of machine code.
package struct ModuleHandle: Hashable, Sendable {
  package let rawValue: UInt
  package init(rawValue: UInt) { self.rawValue = rawValue }
}

/// A kernel in a loaded module.
package struct FunctionHandle: Hashable, Sendable {
  package let rawValue: UInt
  package init(rawValue: UInt) { self.rawValue = rawValue }
}

/// A mark in a stream.
package struct EventHandle: Hashable, Sendable {
  package let rawValue: UInt
  package init(rawValue: UInt) { self.rawValue = rawValue }
}

/// A captured sequence of work, ready to be launched.
package struct GraphHandle: Hashable, Sendable {
  package let rawValue: UInt
  package init(rawValue: UInt) { self.rawValue = rawValue }
}

/// Blocks of a launch, or threads of a block.
package struct GridSize: Hashable, Sendable {
  package var x, y, z: Int
  package init(_ x: Int, _ y: Int = 1, _ z: Int = 1) { (self.x, self.y, self.z) = (x, y, z) }
}

/// What a device is, as far as kernels and people care.
package struct GPUDescription: Equatable, Sendable {
  package let name: String
  /// What code is compiled for: `sm_90a`, `xcore1000-64`.
  package let architecture: String
  /// Lanes of a wave, of which operators use groups of 32.
  package let wave: Int
  /// Multiprocessors.
  package let processors: Int
  /// Bytes of memory.
  package let memory: Int
  /// Shared memory that one block may use at most, in bytes.
  package let sharedBytes: Int
  /// Whether a kernel may begin before the one ahead of it has ended.
  package let canOverlap: Bool
  /// Whether there are kernels for its matrix units; elsewhere those for everybody do their work.
  package let hasMatrixUnits: Bool
  /// Whether work can be recorded and launched as a whole.
  package let canRecord: Bool
}

/// What platforms with kernels have beside the twelve functions. As there, calls concern the device that `setDevice` chose
/// on this thread.
package protocol GPUAPI: RuntimeAPI {
  /// What a device is.
  func describe(_ index: Int) throws(RuntimeError) -> GPUDescription
  /// Bytes of the current device that nobody uses, and all that it has.
  func memoryUsage() throws(RuntimeError) -> (free: Int, total: Int)

  /// Everything beside the source that decides what compiling gives: a part of the name under which code is kept.
  func compilerIdentity() throws(RuntimeError) -> String
  /// How files with code end: `cubin`.
  var codeEnding: String { get }
  /// Compiles kernels for an architecture.
  /// - Throws: `RuntimeError.callFailed` with the compiler's words, or `deviceUnavailable` if there is no compiler.
  func compile(_ source: KernelSource, architecture: String) throws(RuntimeError) -> [UInt8]
  func loadModule(_ image: [UInt8]) throws(RuntimeError) -> ModuleHandle
  func unloadModule(_ module: ModuleHandle)
  /// - Parameter source: the module's, which says what shared memory launches ask for.
  func function(
    _ name: String, in module: ModuleHandle, of source: KernelSource
  ) throws(RuntimeError) -> FunctionHandle
  /// Puts a kernel on a stream. All kernels take one argument, a struct, which is copied.
  /// - Parameter overlaps: whether it may begin before the kernel ahead of it has ended.
  func launch(
    _ function: FunctionHandle, grid: GridSize, block: GridSize, sharedBytes: Int, stream: StreamHandle, overlaps: Bool,
    argument: UnsafeMutableRawBufferPointer
  ) throws(RuntimeError)

  /// The vendor's library of matrix products, for one stream of the current device; nil if there is none.
  func matrixProducts() throws(RuntimeError) -> (any MatrixProducts)?

  /// - Parameter isTimed: whether `milliseconds(from:to:)` will be asked.
  func createEvent(isTimed: Bool) throws(RuntimeError) -> EventHandle
  func destroyEvent(_ event: EventHandle)
  func recordEvent(_ event: EventHandle, on stream: StreamHandle) throws(RuntimeError)
  func waitForEvent(_ event: EventHandle, on stream: StreamHandle) throws(RuntimeError)
  func synchronizeEvent(_ event: EventHandle) throws(RuntimeError)
  /// Whether everything before the mark is done.
  func isComplete(_ event: EventHandle) throws(RuntimeError) -> Bool
  func milliseconds(from start: EventHandle, to end: EventHandle) throws(RuntimeError) -> Float

  /// A stream on which this thread's work is recorded instead of run, beside all that the device does meanwhile.
  func beginCapture() throws(RuntimeError) -> StreamHandle
  /// Ends the recording, destroys its stream, and makes what was recorded ready to launch.
  func endCapture(_ stream: StreamHandle) throws(RuntimeError) -> GraphHandle
  func launchGraph(_ graph: GraphHandle, on stream: StreamHandle) throws(RuntimeError)
  func destroyGraph(_ graph: GraphHandle)
}
