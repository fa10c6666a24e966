// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import MartletRuntime
internal import MartletTensor

/// Makes a tensor and returns its handle; null on failure.
private func make(_ function: String, _ body: () throws -> TensorObject) -> llaisysTensor_t? {
  boundary(function, failed: nil) { try HandleTable.shared.insert(try body()) }
}

/// Asks a tensor something.
private func ask<Result>(
  _ tensor: llaisysTensor_t?, _ function: String, failed: Result, _ body: (TensorObject) throws -> Result
) -> Result {
  boundary(function, failed: failed) { try body(try tensorObject(tensor)) }
}

@c @implementation
public func tensorCreate(
  _ shape: UnsafePointer<Int>?, _ ndim: Int, _ dtype: llaisysDataType_t, _ device_type: llaisysDeviceType_t,
  _ device_id: Int32
) -> llaisysTensor_t! {
  make("tensorCreate") {
    try TensorObject(
      Extents.read(shape, ndim, "shape"), ElementType(number: dtype.rawValue),
      on: namedDevice(device_type.rawValue, device_id))
  }
}

@c @implementation
public func tensorDestroy(_ tensor: llaisysTensor_t?) {
  boundary("tensorDestroy", failed: ()) {
    if tensor != nil { try HandleTable.shared.remove(tensor, as: TensorObject.self, "tensor") }
  }
}

@c @implementation
public func tensorGetData(_ tensor: llaisysTensor_t?) -> UnsafeMutableRawPointer! {
  ask(tensor, "tensorGetData", failed: nil) {
    $0.memory.noteFilled()
    return $0.data
  }
}

@c @implementation
public func tensorGetNdim(_ tensor: llaisysTensor_t?) -> Int {
  ask(tensor, "tensorGetNdim", failed: 0) { $0.shape.count }
}

@c @implementation
public func tensorGetShape(_ tensor: llaisysTensor_t?, _ shape: UnsafeMutablePointer<Int>?) {
  ask(tensor, "tensorGetShape", failed: ()) { tensor in
    guard !tensor.shape.isEmpty else { return }
    let shape = try required(shape, "shape")
    for (index, extent) in tensor.shape.enumerated() { shape[index] = extent }
  }
}

@c @implementation
public func tensorGetStrides(_ tensor: llaisysTensor_t?, _ strides: UnsafeMutablePointer<Int>?) {
  ask(tensor, "tensorGetStrides", failed: ()) { tensor in
    guard !tensor.shape.isEmpty else { return }
    let strides = try required(strides, "strides")
    for (index, stride) in tensor.layout.strides.enumerated() { strides[index] = stride }
  }
}

@c @implementation
public func tensorGetDataType(_ tensor: llaisysTensor_t?) -> llaisysDataType_t {
  ask(tensor, "tensorGetDataType", failed: LLAISYS_DTYPE_INVALID) { llaisysDataType_t(rawValue: $0.type.rawValue) }
}

@c @implementation
public func tensorGetDeviceType(_ tensor: llaisysTensor_t?) -> llaisysDeviceType_t {
  ask(tensor, "tensorGetDeviceType", failed: LLAISYS_DEVICE_CPU) {
    llaisysDeviceType_t(rawValue: DeviceFamily($0.device.kind).rawValue)
  }
}

@c @implementation
public func tensorGetDeviceId(_ tensor: llaisysTensor_t?) -> Int32 {
  ask(tensor, "tensorGetDeviceId", failed: 0) { Int32($0.device.index) }
}

@c @implementation
public func tensorDebug(_ tensor: llaisysTensor_t?) {
  ask(tensor, "tensorDebug", failed: ()) { StandardOutput.print(try $0.debugText()) }
}

@c @implementation
public func tensorIsContiguous(_ tensor: llaisysTensor_t?) -> UInt8 {
  ask(tensor, "tensorIsContiguous", failed: 0) { $0.layout.isContiguous ? 1 : 0 }
}

@c @implementation
public func tensorLoad(_ tensor: llaisysTensor_t?, _ data: UnsafeRawPointer?) {
  ask(tensor, "tensorLoad", failed: ()) { tensor in
    let bytes = try list(data?.assumingMemoryBound(to: UInt8.self), tensor.byteCount, "data")
    try tensor.load(UnsafeRawBufferPointer(bytes))
  }
}

@c @implementation
public func tensorView(_ tensor: llaisysTensor_t?, _ shape: UnsafePointer<Int>?, _ ndim: Int) -> llaisysTensor_t! {
  make("tensorView") { try tensorObject(tensor).viewed(Extents.read(shape, ndim, "shape")) }
}

@c @implementation
public func tensorPermute(_ tensor: llaisysTensor_t?, _ order: UnsafePointer<Int>?) -> llaisysTensor_t! {
  make("tensorPermute") {
    let tensor = try tensorObject(tensor)
    return try tensor.permuted(Extents.read(order, tensor.shape.count, "order"))
  }
}

@c @implementation
public func tensorSlice(_ tensor: llaisysTensor_t?, _ dim: Int, _ start: Int, _ end: Int) -> llaisysTensor_t! {
  make("tensorSlice") { try tensorObject(tensor).sliced(dim, start, end) }
}
