package import MartletRuntime
package import MartletTensor

/// Memory for the tensors of one step, given out front to back and taken back all at once.
///
/// A step of the same shape finds its tensors at the same addresses, and no step asks the device for memory unless it
/// is larger than all before.
package struct Arena {
  private let runtime: Runtime
  private var storage: Storage
  private var used = 0
  /// What was asked for since the last ``reset()``; the next one grows to it.
  private var wanted = 0
  /// Whether more was asked for than there is, so that some tensors have memory of their own.
  package var isTooSmall: Bool { wanted > storage.byteCount }

  package init(runtime: Runtime, byteCount: Int = 1 << 20) throws(RuntimeError) {
    self.runtime = runtime
    storage = try Storage(byteCount: byteCount, on: runtime)
  }

  /// Takes everything back. Tensors of the last step must not be used any more.
  package mutating func reset() throws(RuntimeError) {
    if wanted > storage.byteCount { storage = try Storage(byteCount: wanted, on: runtime) }
    used = 0
    wanted = 0
  }

  /// A contiguous tensor until the next ``reset()``; its elements are undefined.
  package mutating func tensor(_ shape: Shape, _ dtype: DType) throws -> Tensor {
    guard let count = shape.checkedProduct, let bytes = dtype.byteCount(elements: count) else {
      throw TensorError.invalidShape(shape: Array(shape), dtype: dtype)
    }
    let alignment = 64
    let padded = (bytes + alignment - 1) / alignment * alignment
    wanted += padded
    // The first step of a new size gets memory of its own; from the next one on the arena has room.
    guard used + padded <= storage.byteCount else { return try Tensor(shape, dtype, on: runtime) }
    let tensor = try Tensor(
      storage: storage, dtype: dtype, layout: Layout(contiguous: shape, offset: used / dtype.blockBytes))
    used += padded
    return tensor
  }
}
