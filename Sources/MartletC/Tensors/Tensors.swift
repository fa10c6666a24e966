// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import MartletRuntime
internal import MartletTensor

/// The tensor behind a handle.
func tensorObject(
  _ handle: martlet_tensor_t?, _ name: @autoclosure () -> String = "tensor"
) throws(Failure) -> TensorObject {
  try HandleTable.shared.object(handle, name())
}

/// Makes a tensor and hands its handle to the caller.
private func make(
  _ out: UnsafeMutablePointer<martlet_tensor_t?>?, _ name: String, _ body: () throws -> TensorObject
) -> martlet_status {
  boundary {
    let out = try required(out, name)
    out.pointee = try HandleTable.shared.insert(try body())
  }
}

@c @implementation
public func martlet_tensor_create(
  _ shape: UnsafePointer<Int64>?, _ dimensions: Int, _ dtype: martlet_dtype, _ device_type: martlet_device_type,
  _ device_index: Int32, _ tensor: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  make(tensor, "tensor") {
    try TensorObject(
      Extents.read(shape, dimensions, "shape"), ElementType(number: dtype.rawValue),
      on: namedDevice(device_type.rawValue, device_index))
  }
}

@c @implementation
public func martlet_tensor_borrow(
  _ memory: UnsafePointer<martlet_memory>?, _ tensor: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  boundary {
    let out = try required(tensor, "tensor")
    let memory = try Versioned.read(
      try required(memory, "memory"), defaults: martlet_memory(), "memory", flags: [\.read_only])
    let owner = ForeignMemory()
    let handle = try HandleTable.shared.insert(try TensorObject(borrowing: memory, owner: owner))
    // Before anybody gets the handle, who may free it at once.
    owner.arm(memory.release, memory.context)
    out.pointee = handle
  }
}

@c @implementation
public func martlet_tensor_free(_ tensor: martlet_tensor_t?) -> martlet_status {
  boundary { try HandleTable.shared.remove(tensor, as: TensorObject.self, "tensor") }
}

@c @implementation
public func martlet_tensor_describe(
  _ tensor: martlet_tensor_t?, _ info: UnsafeMutablePointer<martlet_tensor_info>?
) -> martlet_status {
  boundary {
    let tensor = try tensorObject(tensor)
    let info = try required(info, "info")
    var result = martlet_tensor_info()
    result.data = tensor.data
    result.dimensions = tensor.shape.count
    withUnsafeMutableBytes(of: &result.shape) { shape in
      for (index, extent) in tensor.shape.enumerated() {
        shape.storeBytes(of: Int64(extent), toByteOffset: index * 8, as: Int64.self)
      }
    }
    withUnsafeMutableBytes(of: &result.strides) { strides in
      for (index, stride) in tensor.layout.strides.enumerated() {
        strides.storeBytes(of: Int64(stride), toByteOffset: index * 8, as: Int64.self)
      }
    }
    result.dtype = martlet_dtype(rawValue: tensor.type.rawValue)
    result.device_type = martlet_device_type(rawValue: DeviceFamily(tensor.device.kind).rawValue)
    result.device_index = Int32(tensor.device.index)
    result.element_size = tensor.type.size
    result.element_count = tensor.layout.elementCount
    result.is_contiguous = tensor.layout.isContiguous
    result.read_only = !tensor.memory.storage.isWritable
    try Versioned.write(result, to: info, "info")
    tensor.memory.noteFilled()
  }
}

@c @implementation
public func martlet_tensor_view(
  _ tensor: martlet_tensor_t?, _ shape: UnsafePointer<Int64>?, _ dimensions: Int,
  _ view: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  make(view, "view") { try tensorObject(tensor).viewed(Extents.read(shape, dimensions, "shape")) }
}

@c @implementation
public func martlet_tensor_permute(
  _ tensor: martlet_tensor_t?, _ order: UnsafePointer<Int>?, _ count: Int,
  _ permuted: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  make(permuted, "permuted") { try tensorObject(tensor).permuted(Extents.read(order, count, "order")) }
}

@c @implementation
public func martlet_tensor_slice(
  _ tensor: martlet_tensor_t?, _ dimension: Int, _ start: Int64, _ end: Int64,
  _ slice: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  make(slice, "slice") { try tensorObject(tensor).sliced(dimension, Int(start), Int(end)) }
}

@c @implementation
public func martlet_tensor_contiguous(
  _ tensor: martlet_tensor_t?, _ contiguous: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  make(contiguous, "contiguous") { try tensorObject(tensor).contiguous() }
}

@c @implementation
public func martlet_tensor_copy(
  _ tensor: martlet_tensor_t?, _ device_type: martlet_device_type, _ device_index: Int32,
  _ copy: UnsafeMutablePointer<martlet_tensor_t?>?
) -> martlet_status {
  make(copy, "copy") { try tensorObject(tensor).copied(to: namedDevice(device_type.rawValue, device_index)) }
}

@c @implementation
public func martlet_tensor_load(
  _ tensor: martlet_tensor_t?, _ data: UnsafeRawPointer?, _ byte_count: Int
) -> martlet_status {
  boundary {
    try tensorObject(tensor).load(
      UnsafeRawBufferPointer(try list(data?.assumingMemoryBound(to: UInt8.self), byte_count, "data")))
  }
}

@c @implementation
public func martlet_tensor_read(
  _ tensor: martlet_tensor_t?, _ data: UnsafeMutableRawPointer?, _ byte_count: Int
) -> martlet_status {
  boundary {
    let tensor = try tensorObject(tensor)
    guard byte_count == tensor.byteCount else {
      throw Failure.argument(
        "byte_count", expected: "the \(tensor.byteCount) bytes of \(tensor.description)",
        found: "\(UInt(bitPattern: byte_count))")
    }
    guard byte_count > 0 else { return }
    guard let data else { throw Failure.argument("data", expected: "an address", found: "null") }
    try tensor.withHostBytes { data.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
  }
}
