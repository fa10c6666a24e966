internal import CMartletDriver
internal import Glibc

/// NVIDIA's devices by the driver's functions.
///
/// Each device is used in its *primary* context, the one that CUDA's runtime library and so PyTorch use too: memory can be
/// handed over without a copy. Streams are ordered with the default stream, on which plain copies and PyTorch work.
package struct CUDARuntimeAPI: GPUAPI {
  private let driver: CUDADriver
  let compiler: CUDACompiler
  /// Opened when products are asked for: it is large.
  let matrixLibrary: @Sendable () -> CUDAMatrixLibrary?

  /// This machine's driver and libraries.
  package init() { self.init(driver: .shared, compiler: .shared) { .shared } }

  /// A driver and libraries of one's own.
  package init(
    driver: CUDADriver, compiler: CUDACompiler,
    matrixLibrary: @escaping @Sendable () -> CUDAMatrixLibrary? = { nil }
  ) {
    (self.driver, self.compiler, self.matrixLibrary) = (driver, compiler, matrixLibrary)
  }

  /// The driver's functions, ready for use.
  func functions() throws(RuntimeError) -> martlet_cuda_functions { try driver.functions() }

  // MARK: Devices

  package func deviceCount() throws(RuntimeError) -> Int {
    let functions = try functions()
    var count: Int32 = 0
    let result = functions.device_count(&count)
    if result == MARTLET_CU_NO_DEVICE { return 0 }
    try check(result, "cuDeviceGetCount")
    return Int(count)
  }

  package func setDevice(_ index: Int) throws(RuntimeError) {
    let functions = try functions()
    let context = try driver.context(of: index) { () throws(RuntimeError) in
      let device = try device(index, functions)
      var context: OpaquePointer?
      try check(functions.context_retain(&context, device), "cuDevicePrimaryCtxRetain")
      return UInt(bitPattern: context)
    }
    try check(functions.context_set(OpaquePointer(bitPattern: context)), "cuCtxSetCurrent")
  }

  private func device(_ index: Int, _ functions: martlet_cuda_functions) throws(RuntimeError) -> Int32 {
    let count = try deviceCount()
    guard index >= 0, index < count else {
      throw .deviceUnavailable(
        device: "cuda:\(index)", reason: "this machine has \(count) of them, counted from 0")
    }
    var device: Int32 = 0
    try check(functions.device_get(&device, Int32(index)), "cuDeviceGet")
    return device
  }

  package func describe(_ index: Int) throws(RuntimeError) -> GPUDescription {
    let functions = try functions()
    let device = try device(index, functions)
    var name = [CChar](repeating: 0, count: 256)
    try check(functions.device_name(&name, 256, device), "cuDeviceGetName")
    var memory = 0
    try check(functions.device_memory(&memory, device), "cuDeviceTotalMem")
    func attribute(_ number: Int) throws(RuntimeError) -> Int {
      var value: Int32 = 0
      try check(functions.device_attribute(&value, Int32(number), device), "cuDeviceGetAttribute")
      return Int(value)
    }
    let major = try attribute(MARTLET_CU_ATTRIBUTE_CAPABILITY_MAJOR)
    let minor = try attribute(MARTLET_CU_ATTRIBUTE_CAPABILITY_MINOR)
    // Hopper's own instructions are in the architecture with an a.
    let architecture = "sm_\(major)\(minor)" + (major == 9 ? "a" : "")
    return GPUDescription(
      name: Directory.text(Array(name.prefix { $0 != 0 }) + [0]), architecture: architecture, wave: 32,
      processors: try attribute(MARTLET_CU_ATTRIBUTE_PROCESSORS), memory: memory,
      sharedBytes: try attribute(MARTLET_CU_ATTRIBUTE_SHARED_BYTES), canOverlap: major >= 9,
      hasMatrixUnits: true, canRecord: true)
  }

  package func memoryUsage() throws(RuntimeError) -> (free: Int, total: Int) {
    let functions = try functions()
    var (free, total) = (0, 0)
    try check(functions.memory_info(&free, &total), "cuMemGetInfo")
    return (free, total)
  }

  package func synchronizeDevice() throws(RuntimeError) {
    try check(functions().context_synchronize(), "cuCtxSynchronize")
  }

  // MARK: Streams

  package func createStream() throws(RuntimeError) -> StreamHandle {
    let functions = try functions()
    var stream: OpaquePointer?
    try check(functions.stream_create(&stream, UInt32(MARTLET_CU_STREAM_DEFAULT)), "cuStreamCreate")
    return StreamHandle(rawValue: UInt(bitPattern: stream))
  }

  package func destroyStream(_ stream: StreamHandle) {
    guard let functions = try? functions(), let stream = stream.cuda else { return }
    _ = functions.stream_destroy(stream)
  }

  package func synchronizeStream(_ stream: StreamHandle) throws(RuntimeError) {
    try check(functions().stream_synchronize(stream.cuda), "cuStreamSynchronize")
  }

  // MARK: Memory

  package func allocateDevice(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "a negative number of bytes")
    let functions = try functions()
    var address: UInt64 = 0
    let result = functions.memory_allocate(&address, max(bytes, Self.leastAllocation))
    if result == MARTLET_CU_OUT_OF_MEMORY || (result == MARTLET_CU_INVALID_VALUE && bytes > 0) {
      throw .outOfMemory(device: Device(.cuda, index: currentIndex), bytes: bytes)
    }
    try check(result, "cuMemAlloc")
    guard let pointer = UnsafeMutableRawPointer(bitPattern: UInt(address)) else {
      throw .outOfMemory(device: Device(.cuda, index: currentIndex), bytes: bytes)
    }
    return pointer
  }

  package func freeDevice(_ pointer: UnsafeMutableRawPointer) {
    _ = try? functions().memory_free(UInt64(UInt(bitPattern: pointer)))
  }

  package func allocateHost(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "a negative number of bytes")
    let functions = try functions()
    var pointer: UnsafeMutableRawPointer?
    let result = functions.host_allocate(
      &pointer, max(bytes, Self.leastAllocation), UInt32(MARTLET_CU_HOST_PORTABLE))
    guard result == MARTLET_CU_SUCCESS, let pointer else {
      // The host's pinned memory, which the system limits.
      throw .callFailed(
        device: Device(.cuda, index: currentIndex), call: "cuMemHostAlloc of \(bytes) bytes",
        reason: CUDADriver.describe(result, functions))
    }
    return pointer
  }

  package func freeHost(_ pointer: UnsafeMutableRawPointer) {
    _ = try? functions().host_free(pointer)
  }

  /// The driver refuses nothing; the smallest piece is that of its alignment.
  private static let leastAllocation = 256

  package func copy(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind
  ) throws(RuntimeError) {
    guard bytes > 0 else { return }
    // Addresses are unified: the driver sees where each lies.
    if kind == .hostToHost {
      memmove(destination, source, bytes)
    } else {
      try check(functions().copy(destination.cuda, source.cuda, bytes), "cuMemcpy")
    }
  }

  package func copyAsync(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind,
    stream: StreamHandle
  ) throws(RuntimeError) {
    guard bytes > 0 else { return }
    try check(functions().copy_async(destination.cuda, source.cuda, bytes, stream.cuda), "cuMemcpyAsync")
  }

  // MARK: Errors

  /// - Throws: `RuntimeError.callFailed` with the driver's name and words for the result. A kernel that failed shows at
  ///   a later call, whichever is next.
  func check(_ result: Int32, _ call: String) throws(RuntimeError) {
    guard result != MARTLET_CU_SUCCESS else { return }
    throw .callFailed(
      device: Device(.cuda, index: currentIndex), call: call, reason: CUDADriver.describe(result, try functions()))
  }

  /// The device of the calling thread's context; 0 if it has none.
  private var currentIndex: Int {
    guard let functions = try? functions() else { return 0 }
    var device: Int32 = 0
    return functions.context_device(&device) == MARTLET_CU_SUCCESS ? Int(device) : 0
  }
}

extension StreamHandle {
  /// The driver's stream; nil is the default one.
  var cuda: OpaquePointer? { OpaquePointer(bitPattern: rawValue) }
}

extension UnsafeRawPointer {
  /// The address as the driver writes it.
  fileprivate var cuda: UInt64 { UInt64(UInt(bitPattern: self)) }
}

extension UnsafeMutableRawPointer {
  fileprivate var cuda: UInt64 { UInt64(UInt(bitPattern: self)) }
}
