import MartletRuntime
import MartletTensor
import Testing

/// A tensor in the midst of memory that is not its own: margins before and after it, and the gaps between its rows, hold
/// a pattern that is NaN in every floating-point type. What reads it spoils its result, and what writes it is found by
/// ``expectMarginsUntouched(_:sourceLocation:)``.
struct GuardedTensor {
  let tensor: Tensor
  let runtime: Runtime
  private let margin: Int

  /// Two bytes that, repeated, are a NaN in f32, f16 and bf16, and a large number in i32 and i64.
  static let poison: UInt16 = 0x7FC1

  /// A tensor whose elements are poison too: an output before the run.
  init(_ shape: Shape, _ dtype: DType, strides: Dimensions? = nil, on runtime: Runtime) throws {
    try #require(dtype.blockSize == 1 && dtype.blockBytes % 2 == 0)
    self.runtime = runtime
    margin = 64
    let strides = strides ?? Layout(contiguous: shape).strides
    let layout = Layout(shape: shape, strides: strides, offset: margin)
    let upperBound = try #require(layout.upperBound)
    let bytes = (upperBound + margin) * dtype.blockBytes
    let storage = try Storage(byteCount: bytes, on: runtime)
    storage.pointer.assumingMemoryBound(to: UInt16.self).initialize(repeating: Self.poison, count: bytes / 2)
    tensor = try Tensor(storage: storage, dtype: dtype, layout: layout)
  }

  /// A tensor of f32, f16 or bf16 with these elements in row-major order, rounded to nearest even.
  init(_ values: [Float], _ shape: Shape, _ dtype: DType, strides: Dimensions? = nil, on runtime: Runtime) throws {
    try self.init(shape, dtype, strides: strides, on: runtime)
    try #require(values.count == tensor.elementCount && dtype.isFloatingPoint)
    var index = 0
    let pointer = tensor.pointer
    tensor.forEachElementOffset { offset in
      switch dtype {
      case .f16: (pointer + offset * 2).storeBytes(of: Float16(values[index]), as: Float16.self)
      case .bf16: (pointer + offset * 2).storeBytes(of: BFloat16(values[index]), as: BFloat16.self)
      default: (pointer + offset * 4).storeBytes(of: values[index], as: Float.self)
      }
      index += 1
    }
  }

  /// A tensor of i32 or i64.
  init(_ values: [Int], _ shape: Shape, _ dtype: DType, strides: Dimensions? = nil, on runtime: Runtime) throws {
    try self.init(shape, dtype, strides: strides, on: runtime)
    try #require(values.count == tensor.elementCount && (dtype == .i32 || dtype == .i64))
    var index = 0
    let pointer = tensor.pointer
    tensor.forEachElementOffset { offset in
      if dtype == .i64 {
        (pointer + offset * 8).storeBytes(of: Int64(values[index]), as: Int64.self)
      } else {
        (pointer + offset * 4).storeBytes(of: Int32(values[index]), as: Int32.self)
      }
      index += 1
    }
  }

  /// The elements in row-major order.
  func values() throws -> [Double] { try tensor.hostValues(on: runtime) }

  /// The elements' bits in row-major order.
  var bits: [UInt64] {
    let pointer = UnsafeRawPointer(tensor.pointer)
    let size = tensor.dtype.blockBytes
    var result: [UInt64] = []
    result.reserveCapacity(tensor.elementCount)
    tensor.forEachElementOffset { offset in
      let address = pointer + offset * size
      switch size {
      case 2: result.append(UInt64(address.loadUnaligned(as: UInt16.self)))
      case 4: result.append(UInt64(address.loadUnaligned(as: UInt32.self)))
      default: result.append(address.loadUnaligned(as: UInt64.self))
      }
    }
    return result
  }

  /// Whether everything around the elements still holds the pattern.
  func expectMarginsUntouched(_ label: String = "", sourceLocation: SourceLocation = #_sourceLocation) {
    let words = tensor.dtype.blockBytes / 2
    var isOwn = [Bool](repeating: false, count: tensor.storage.byteCount / 2)
    tensor.forEachElementOffset { offset in
      for word in 0..<words { isOwn[(margin + offset) * words + word] = true }
    }
    let memory = tensor.storage.pointer.assumingMemoryBound(to: UInt16.self)
    let spoiled = isOwn.indices.first { !isOwn[$0] && memory[$0] != Self.poison }
    #expect(
      spoiled == nil, "\(label): wrote outside of \(tensor), at byte \((spoiled ?? 0) * 2 - margin * words * 2)",
      sourceLocation: sourceLocation)
  }
}
