internal import CMartlet
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor
internal import Synchronization

/// The memory of tensors, shared by all that look at it.
final class TensorMemory: Sendable {
  let storage: Storage
  /// Whether somebody has written to the memory, or has got its address and may have.
  let mayBeFilled: Atomic<Bool>

  init(_ storage: Storage, mayBeFilled: Bool = false) {
    self.storage = storage
    self.mayBeFilled = Atomic(mayBeFilled)
  }

  func noteFilled() { mayBeFilled.store(true, ordering: .relaxed) }
}

/// What a tensor's handle stands for: a typed, strided look at memory. Types that no operator knows have layouts too.
final class TensorObject: HandleObject {
  static let handleKind = HandleKind.tensor

  let memory: TensorMemory
  let type: ElementType
  let layout: Layout
  /// Bytes from the beginning of the first element to the end of the furthest one; 0 without elements.
  let byteLength: Int
  /// The tensor as operators take it; nil for types that they do not know.
  private let operand: Tensor?

  /// - Precondition: the layout lies within the memory.
  init(_ memory: TensorMemory, _ type: ElementType, _ layout: Layout) {
    self.memory = memory
    self.type = type
    self.layout = layout
    byteLength = layout.elementCount == 0 ? 0 : ((layout.upperBound ?? layout.offset) - layout.offset) * type.size
    operand = type.dtype.flatMap { try? Tensor(storage: memory.storage, dtype: $0, layout: layout) }
  }

  /// A new tensor without gaps whose elements are undefined.
  convenience init(_ shape: Shape, _ type: ElementType, on device: Device) throws {
    try Extents.check(shape, type)
    let bytes = shape.reduce(1, *) * type.size
    let storage = try Storage(byteCount: bytes, on: Devices.runtime(device))
    self.init(TensorMemory(storage), type, Layout(contiguous: shape))
  }

  var device: Device { memory.storage.device }
  var shape: Shape { layout.shape }
  var byteCount: Int { layout.elementCount * type.size }
  var data: UnsafeMutableRawPointer { memory.storage.pointer + layout.offset * type.size }

  /// For messages: `f32[2, 3] on cpu`.
  var description: String { "\(type.name)\(shape) on \(device)" }

  /// The tensor as operators take it.
  func tensor(_ operatorName: @autoclosure () -> String, _ argument: @autoclosure () -> String) throws -> Tensor {
    guard let operand else {
      throw OperatorError(
        operatorName(), argument(), expected: "of a type that operators know (f32, f16, bf16, i32, i64, u8)",
        found: description)
    }
    return operand
  }

  /// The tensor for moving its bytes, of a type that operators do not know in the guise of one that they do; elements of 16
  /// bytes are two of 8.
  func carrier() throws -> Tensor {
    if let operand { return operand }
    let parts = type.size / type.carrier.blockBytes
    var layout = layout
    if parts > 1 {
      guard shape.count < Dimensions.capacity else {
        throw Failure.argument(
          "tensor", expected: "of at most \(Dimensions.capacity - 1) dimensions to be moved", found: description)
      }
      for dimension in shape.indices { layout.strides[dimension] *= parts }
      layout.offset *= parts
      layout.shape.append(parts)
      layout.strides.append(1)
    }
    return try Tensor(storage: memory.storage, dtype: type.carrier, layout: layout)
  }

  // MARK: Looks and copies

  func viewed(_ shape: Shape) throws -> TensorObject {
    try Extents.check(shape, type)
    return TensorObject(memory, type, try layout.viewed(shape))
  }

  func permuted(_ order: Dimensions) throws -> TensorObject {
    TensorObject(memory, type, try layout.permuted(order))
  }

  func sliced(_ dimension: Int, _ start: Int, _ end: Int) throws -> TensorObject {
    guard start >= 0, start <= end else {
      throw Failure.argument("start and end", expected: "0 or more, and in order", found: "\(start) and \(end)")
    }
    return TensorObject(memory, type, try layout.sliced(dimension, start..<end))
  }

  /// This tensor if it has no gaps, else a copy without.
  func contiguous() throws -> TensorObject {
    if layout.isContiguous { return self }
    let copy = try TensorObject(shape, type, on: device)
    let rearrange = try Rearrange(carrier(), into: copy.carrier())
    try StreamPool.shared.run(rearrange, on: device)
    copy.memory.noteFilled()
    return copy
  }

  /// A copy without gaps on a device.
  func copied(to device: Device) throws -> TensorObject {
    let copy = try contiguous().carrier().copy(to: Devices.runtime(device))
    return TensorObject(TensorMemory(copy.storage, mayBeFilled: true), type, Layout(contiguous: shape))
  }

  /// Fills a tensor without gaps from bytes of the host.
  func load(_ bytes: UnsafeRawBufferPointer) throws {
    guard bytes.count == byteCount else {
      throw Failure.argument(
        "byte_count", expected: "the \(byteCount) bytes of \(description)", found: "\(bytes.count) bytes")
    }
    try carrier().load(bytes, on: Devices.runtime(device))
    memory.noteFilled()
  }

  /// Calls `body` with the elements in row-major order in the host's memory.
  func withHostBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) throws -> Result {
    let host = try device == .cpu ? contiguous() : copied(to: .cpu)
    return try withExtendedLifetime(host) {
      try body(UnsafeRawBufferPointer(start: host.data, count: host.byteCount))
    }
  }
}
