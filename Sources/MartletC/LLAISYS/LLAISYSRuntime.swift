// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import MartletRuntime

/// One of the twelve functions of a family, at work.
private struct RuntimeCall {
  let api: any RuntimeAPI

  /// Makes the device that this thread has chosen the vendor's current one, since other calls of the library may have
  /// chosen another for theirs.
  /// - Throws: `RuntimeError` with the reason if the family is not there.
  init(_ type: llaisysDeviceType_t) throws {
    let kind = try DeviceFamily(number: type.rawValue, "device_type").device(0).kind
    api = kind.api
    try api.setDevice(ThreadState.withCurrent { $0.chosenDevices[kind] ?? 0 })
  }

  static func choose(_ type: llaisysDeviceType_t, _ index: Int32) throws {
    let device = try namedDevice(type.rawValue, index)
    try device.kind.api.setDevice(device.index)
    ThreadState.withCurrent { $0.chosenDevices[device.kind] = device.index }
  }

  /// A size of the caller's; beyond half the addresses it arrives as a negative number.
  static func size(_ size: Int) throws(Failure) -> Int {
    guard size >= 0 else {
      throw .argument("size", expected: "at most \(Int.max)", found: "\(UInt(bitPattern: size))")
    }
    return size
  }

  /// What a copy is asked to do; nil for nothing.
  static func copy(
    _ destination: UnsafeMutableRawPointer?, _ source: UnsafeRawPointer?, _ size: Int, _ kind: llaisysMemcpyKind_t
  ) throws(Failure) -> (to: UnsafeMutableRawPointer, from: UnsafeRawPointer, bytes: Int, kind: CopyKind)? {
    let bytes = try Self.size(size)
    let direction: CopyKind
    switch kind {
    case LLAISYS_MEMCPY_H2H: direction = .hostToHost
    case LLAISYS_MEMCPY_H2D: direction = .hostToDevice
    case LLAISYS_MEMCPY_D2H: direction = .deviceToHost
    case LLAISYS_MEMCPY_D2D: direction = .deviceToDevice
    default: throw .argument("kind", expected: "0 to 3", found: "\(kind.rawValue)")
    }
    guard bytes > 0 else { return nil }
    guard let destination, let source else {
      throw .argument(destination == nil ? "dst" : "src", expected: "an address", found: "null")
    }
    return (destination, source, bytes, direction)
  }
}

extension StreamHandle {
  fileprivate init(_ stream: llaisysStream_t?) { self.init(rawValue: UInt(bitPattern: stream)) }
}

@c @implementation
public func llaisysGetRuntimeAPI(_ device_type: llaisysDeviceType_t) -> UnsafePointer<LlaisysRuntimeAPI>! {
  boundary("llaisysGetRuntimeAPI", failed: nil) {
    _ = try DeviceFamily(number: device_type.rawValue, "device_type")
    return runtime_table(device_type)
  }
}

@c @implementation
public func llaisysSetContextRuntime(_ device_type: llaisysDeviceType_t, _ device_id: Int32) {
  boundary("llaisysSetContextRuntime", failed: ()) { try RuntimeCall.choose(device_type, device_id) }
}

@c @implementation
public func runtime_device_count(_ family: llaisysDeviceType_t) -> Int32 {
  var count: Int32 = 0
  _ = martlet_device_count(martlet_device_type(rawValue: family.rawValue), &count)
  return count
}

@c @implementation
public func runtime_set_device(_ family: llaisysDeviceType_t, _ index: Int32) {
  boundary("set_device", failed: ()) { try RuntimeCall.choose(family, index) }
}

@c @implementation
public func runtime_synchronize_device(_ family: llaisysDeviceType_t) {
  boundary("device_synchronize", failed: ()) { try RuntimeCall(family).api.synchronizeDevice() }
}

@c @implementation
public func runtime_create_stream(_ family: llaisysDeviceType_t) -> llaisysStream_t! {
  boundary("create_stream", failed: nil) {
    UnsafeMutableRawPointer(bitPattern: try RuntimeCall(family).api.createStream().rawValue)
  }
}

@c @implementation
public func runtime_destroy_stream(_ family: llaisysDeviceType_t, _ stream: llaisysStream_t?) {
  boundary("destroy_stream", failed: ()) { try RuntimeCall(family).api.destroyStream(StreamHandle(stream)) }
}

@c @implementation
public func runtime_synchronize_stream(_ family: llaisysDeviceType_t, _ stream: llaisysStream_t?) {
  boundary("stream_synchronize", failed: ()) { try RuntimeCall(family).api.synchronizeStream(StreamHandle(stream)) }
}

@c @implementation
public func runtime_malloc_device(_ family: llaisysDeviceType_t, _ size: Int) -> UnsafeMutableRawPointer! {
  boundary("malloc_device", failed: nil) {
    try RuntimeCall(family).api.allocateDevice(bytes: RuntimeCall.size(size))
  }
}

@c @implementation
public func runtime_free_device(_ family: llaisysDeviceType_t, _ pointer: UnsafeMutableRawPointer?) {
  boundary("free_device", failed: ()) {
    let call = try RuntimeCall(family)
    if let pointer { call.api.freeDevice(pointer) }
  }
}

@c @implementation
public func runtime_malloc_host(_ family: llaisysDeviceType_t, _ size: Int) -> UnsafeMutableRawPointer! {
  boundary("malloc_host", failed: nil) {
    try RuntimeCall(family).api.allocateHost(bytes: RuntimeCall.size(size))
  }
}

@c @implementation
public func runtime_free_host(_ family: llaisysDeviceType_t, _ pointer: UnsafeMutableRawPointer?) {
  boundary("free_host", failed: ()) {
    let call = try RuntimeCall(family)
    if let pointer { call.api.freeHost(pointer) }
  }
}

@c @implementation
public func runtime_copy(
  _ family: llaisysDeviceType_t, _ destination: UnsafeMutableRawPointer?, _ source: UnsafeRawPointer?, _ size: Int,
  _ kind: llaisysMemcpyKind_t
) {
  boundary("memcpy_sync", failed: ()) {
    let call = try RuntimeCall(family)
    guard let copy = try RuntimeCall.copy(destination, source, size, kind) else { return }
    try call.api.copy(to: copy.to, from: copy.from, bytes: copy.bytes, kind: copy.kind)
  }
}

@c @implementation
public func runtime_copy_async(
  _ family: llaisysDeviceType_t, _ destination: UnsafeMutableRawPointer?, _ source: UnsafeRawPointer?, _ size: Int,
  _ kind: llaisysMemcpyKind_t, _ stream: llaisysStream_t?
) {
  boundary("memcpy_async", failed: ()) {
    let call = try RuntimeCall(family)
    guard let copy = try RuntimeCall.copy(destination, source, size, kind) else { return }
    try call.api.copyAsync(
      to: copy.to, from: copy.from, bytes: copy.bytes, kind: copy.kind, stream: StreamHandle(stream))
  }
}
