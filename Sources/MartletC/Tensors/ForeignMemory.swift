internal import CMartlet
internal import MartletRuntime
internal import MartletTensor

/// Memory that a program has lent; tells it when nobody looks at it any more.
///
/// `@unchecked Sendable`: `release` and `context` are set before anybody else knows the object and read when nobody knows
/// it any more.
final class ForeignMemory: @unchecked Sendable {
  private var release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
  private var context: UnsafeMutableRawPointer?

  /// From now on the end of this object is the end of the loan.
  func arm(_ release: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ context: UnsafeMutableRawPointer?) {
    self.release = release
    self.context = context
  }

  deinit { release?(context) }
}

extension TensorObject {
  /// A look at memory of somebody else that `owner` stands for.
  convenience init(borrowing memory: martlet_memory, owner: ForeignMemory) throws {
    let type = try ElementType(number: memory.dtype.rawValue)
    let shape = try Extents.read(memory.shape, memory.dimensions, "memory->shape")
    try Extents.check(shape, type)
    var layout = Layout(contiguous: shape)
    if let strides = memory.strides {
      layout.strides = try Extents.read(strides, memory.dimensions, "memory->strides")
      // A stride that nobody walks may be any number: it is replaced, so that nothing calculated with it can overflow.
      let walked = !shape.contains(0)
      let plain = Layout(contiguous: shape).strides
      for (dimension, extent) in shape.enumerated() where extent < 2 || !walked {
        layout.strides[dimension] = plain[dimension]
      }
    }
    guard let end = layout.upperBound, let bytes = Self.byteCount(end, type) else {
      throw Failure.argument(
        "memory->strides", expected: "small enough for the memory's addresses", found: "\(layout.strides)")
    }
    guard memory.data != nil || layout.elementCount == 0 else {
      throw Failure.argument("memory->data", expected: "the address of the first element", found: "null")
    }
    guard UInt(bitPattern: memory.data) % UInt(type.size) == 0 else {
      throw Failure.argument(
        "memory->data", expected: "at a multiple of the element's \(type.size) bytes",
        found: "\(UInt(bitPattern: memory.data))")
    }
    let device = try namedDevice(memory.device_type.rawValue, memory.device_index)
    _ = try Devices.runtime(device)
    let contents = UnsafeRawBufferPointer(start: memory.data, count: memory.data == nil ? 0 : bytes)
    let storage = Storage(borrowing: contents, owner: owner, isWritable: !memory.read_only, on: device)
    self.init(TensorMemory(storage, mayBeFilled: true), type, layout)
  }

  private static func byteCount(_ elements: Int, _ type: ElementType) -> Int? {
    let (bytes, overflow) = elements.multipliedReportingOverflow(by: type.size)
    return overflow ? nil : bytes
  }
}
