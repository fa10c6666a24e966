internal import CMartletDriver
internal import Glibc

/// MetaX's devices by the run-time functions of its library.
///
/// A device is chosen by number on each thread; there are no contexts to keep. Of the numbers behind errors only success is
/// relied on.
package struct MetaXRuntimeAPI: GPUAPI {
  let driver: MetaXDriver

  /// This machine's library.
  package init() { self.init(driver: .shared) }

  /// A library of one's own.
  package init(driver: MetaXDriver) { self.driver = driver }

  /// The library's functions, ready for use.
  func functions() throws(RuntimeError) -> martlet_mc_functions { try driver.functions() }

  // MARK: Devices

  package func deviceCount() throws(RuntimeError) -> Int {
    let functions = try functions()
    var count: Int32 = 0
    let result = functions.device_count(&count)
    // Without a device some libraries count none and others fail; the reason is worth having.
    guard result == MARTLET_MC_SUCCESS else {
      throw .deviceUnavailable(
        device: Device.Kind.metax.rawValue,
        reason: "\(functions.exported("GetDeviceCount")): \(MetaXDriver.describe(result, functions))")
    }
    return Int(count)
  }

  package func setDevice(_ index: Int) throws(RuntimeError) {
    let functions = try functions()
    try checkIndex(index)
    try check(functions.device_set(Int32(index)), "SetDevice")
  }

  private func checkIndex(_ index: Int) throws(RuntimeError) {
    let count = try deviceCount()
    guard index >= 0, index < count else {
      throw .deviceUnavailable(
        device: "metax:\(index)", reason: "this machine has \(count) of them, counted from 0")
    }
  }

  package func describe(_ index: Int) throws(RuntimeError) -> GPUDescription {
    try checkIndex(index)
    return try driver.description(of: index) { () throws(RuntimeError) in try ask(index) }
  }

  /// 64 KB a block, none of which needs leave.
  private static let sharedBytes = 64 << 10
  /// Of the C500, for a library that does not say; it decides on speed only.
  private static let usualProcessors = 104

  /// Asks the library and, by a kernel, the device.
  private func ask(_ index: Int) throws(RuntimeError) -> GPUDescription {
    let functions = try functions()
    var name = [CChar](repeating: 0, count: 256)
    try check(functions.device_name(&name, 255, Int32(index)), "DeviceGetName")
    var memory = 0
    try check(functions.device_memory(&memory, Int32(index)), "DeviceTotalMem")
    var processors: Int32 = 0
    if let attribute = functions.device_attribute,
      attribute(&processors, Int32(MARTLET_MC_ATTRIBUTE_PROCESSORS), Int32(index)) != MARTLET_MC_SUCCESS
    {
      processors = 0
    }
    let target = try identify(index)
    let text = Directory.text(Array(name.prefix { $0 != 0 }) + [0])
    return GPUDescription(
      name: functions.stand_in == nil ? text : "MetaX (stand-in) \(text)", architecture: target.text,
      wave: target.wave,
      processors: processors > 0 ? Int(processors) : Self.usualProcessors,
      memory: memory, sharedBytes: Self.sharedBytes, canOverlap: false, hasMatrixUnits: false,
      canRecord: functions.graphs != nil)
  }

  package func memoryUsage() throws(RuntimeError) -> (free: Int, total: Int) {
    let functions = try functions()
    var (free, total) = (0, 0)
    try check(functions.memory_info(&free, &total), "MemGetInfo")
    return (free, total)
  }

  package func synchronizeDevice() throws(RuntimeError) {
    try check(functions().device_synchronize(), "DeviceSynchronize")
  }

  // MARK: Streams

  package func createStream() throws(RuntimeError) -> StreamHandle {
    let functions = try functions()
    var stream: OpaquePointer?
    try check(functions.stream_create(&stream), "StreamCreate")
    return StreamHandle(rawValue: UInt(bitPattern: stream))
  }

  package func destroyStream(_ stream: StreamHandle) {
    guard let functions = try? functions(), let stream = stream.metax else { return }
    _ = functions.stream_destroy(stream)
  }

  package func synchronizeStream(_ stream: StreamHandle) throws(RuntimeError) {
    try check(functions().stream_synchronize(stream.metax), "StreamSynchronize")
  }

  // MARK: Memory

  package func allocateDevice(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "a negative number of bytes")
    let functions = try functions()
    var pointer: UnsafeMutableRawPointer?
    let result = functions.memory_allocate(&pointer, max(bytes, Self.leastAllocation))
    if result == MARTLET_MC_SUCCESS, let pointer { return pointer }
    // What the number for a full device is nobody says for sure, but what is larger than what is free does not fit.
    let usage = try? memoryUsage()
    if result == MARTLET_MC_OUT_OF_MEMORY || result == MARTLET_MC_SUCCESS || usage.map({ bytes > $0.free }) == true {
      throw .outOfMemory(device: Device(.metax, index: currentIndex), bytes: bytes)
    }
    try check(result, "Malloc")
    preconditionFailure("success was handled above")
  }

  package func freeDevice(_ pointer: UnsafeMutableRawPointer) {
    _ = try? functions().memory_free(pointer)
  }

  package func allocateHost(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "a negative number of bytes")
    let functions = try functions()
    var pointer: UnsafeMutableRawPointer?
    // Callers in C++ hide the flags behind a default; there are three arguments.
    let result = functions.host_allocate(&pointer, max(bytes, Self.leastAllocation), 0)
    guard result == MARTLET_MC_SUCCESS, let pointer else {
      throw failure(result, "MallocHost", " of \(bytes) bytes", functions)
    }
    return pointer
  }

  package func freeHost(_ pointer: UnsafeMutableRawPointer) {
    _ = try? functions().host_free(pointer)
  }

  /// Nothing is asked for no bytes; the smallest piece is that of NVIDIA's alignment, which kernels are used to.
  private static let leastAllocation = 256

  package func copy(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind
  ) throws(RuntimeError) {
    guard bytes > 0 else { return }
    if kind == .hostToHost {
      memmove(destination, source, bytes)
    } else {
      try check(functions().copy(destination, source, bytes, kind.metax), "Memcpy")
    }
  }

  package func copyAsync(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind,
    stream: StreamHandle
  ) throws(RuntimeError) {
    guard bytes > 0 else { return }
    try check(functions().copy_async(destination, source, bytes, kind.metax, stream.metax), "MemcpyAsync")
  }

  // MARK: Errors

  /// - Throws: `RuntimeError.callFailed` with the library's words and number for the result.
  func check(_ result: Int32, _ call: String, _ detail: String = "") throws(RuntimeError) {
    guard result != MARTLET_MC_SUCCESS else { return }
    throw failure(result, call, detail, try functions())
  }

  func failure(
    _ result: Int32, _ call: String, _ detail: String, _ functions: martlet_mc_functions
  ) -> RuntimeError {
    .callFailed(
      device: Device(.metax, index: currentIndex), call: functions.exported(call) + detail,
      reason: MetaXDriver.describe(result, functions))
  }

  /// The device of the calling thread; 0 if it has none.
  private var currentIndex: Int {
    guard let functions = try? functions() else { return 0 }
    var device: Int32 = 0
    return functions.device_get(&device) == MARTLET_MC_SUCCESS ? Int(device) : 0
  }
}

extension StreamHandle {
  /// The library's stream; nil is the default one.
  var metax: OpaquePointer? { OpaquePointer(bitPattern: rawValue) }
}

extension CopyKind {
  fileprivate var metax: Int32 {
    switch self {
    case .hostToHost: Int32(MARTLET_MC_HOST_TO_HOST)
    case .hostToDevice: Int32(MARTLET_MC_HOST_TO_DEVICE)
    case .deviceToHost: Int32(MARTLET_MC_DEVICE_TO_HOST)
    case .deviceToDevice: Int32(MARTLET_MC_DEVICE_TO_DEVICE)
    }
  }
}
