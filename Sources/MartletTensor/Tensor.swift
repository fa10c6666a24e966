package import MartletRuntime

/// A typed, strided look at a piece of device memory.
///
/// A tensor is a value of a few words; the memory behind it is shared between all tensors that look at it and freed with
/// the last one. Views, slices and permutations never copy; what needs a copy says so.
package struct Tensor: Sendable {
  package let storage: Storage
  package let dtype: DType
  package let layout: Layout

  @inlinable package var shape: Shape { layout.shape }
  @inlinable package var strides: Dimensions { layout.strides }
  @inlinable package var device: Device { storage.device }
  package var elementCount: Int { layout.elementCount }
  package var isContiguous: Bool { layout.isContiguous }

  /// Looks at `storage`.
  /// - Throws: ``TensorError`` if the layout reaches beyond it or cuts blocks of a quantised type.
  package init(storage: Storage, dtype: DType, layout: Layout) throws(TensorError) {
    guard let upperBound = layout.upperBound else {
      throw .invalidShape(shape: Array(layout.shape), dtype: dtype)
    }
    let block = dtype.blockSize
    if block > 1 {
      let rowsAreWhole = layout.shape.last.map { $0 % block == 0 } ?? false
      guard rowsAreWhole, layout.strides.last == 1, layout.offset % block == 0,
        layout.strides.dropLast().allSatisfy({ $0 % block == 0 })
      else { throw .quantizedLayout(dtype: dtype, operation: "this layout") }
    }
    guard let bytes = dtype.byteCount(elements: upperBound), bytes <= storage.byteCount || layout.shape.contains(0)
    else { throw .layoutExceedsStorage(layout: layout, dtype: dtype, storageBytes: storage.byteCount) }
    self.init(unchecked: storage, dtype, layout)
  }

  private init(unchecked storage: Storage, _ dtype: DType, _ layout: Layout) {
    self.storage = storage
    self.dtype = dtype
    self.layout = layout
  }

  /// A new contiguous tensor; its elements are undefined.
  package init(_ shape: Shape, _ dtype: DType, on runtime: Runtime) throws(TensorError) {
    guard let count = shape.checkedProduct, let bytes = dtype.byteCount(elements: count),
      dtype.blockSize == 1 || (shape.last ?? 1) % dtype.blockSize == 0
    else { throw .invalidShape(shape: Array(shape), dtype: dtype) }
    do throws(RuntimeError) {
      let storage = try Storage(byteCount: bytes, on: runtime)
      self.init(unchecked: storage, dtype, Layout(contiguous: shape))
    } catch {
      throw .runtime(error)
    }
  }

  /// The address of the first element, in device memory.
  @inlinable package var pointer: UnsafeMutableRawPointer {
    storage.pointer + layout.offset / dtype.blockSize * dtype.blockBytes
  }

  /// The address as elements of a host type.
  package func pointer<Element>(as type: Element.Type) -> UnsafeMutablePointer<Element> {
    pointer.assumingMemoryBound(to: type)
  }

  /// The bytes of a contiguous tensor.
  package var byteCount: Int { dtype.byteCount(elements: elementCount) ?? 0 }
}

// MARK: Looks that copy nothing

extension Tensor {
  /// The same elements under another shape.
  /// - Throws: ``TensorError/viewNeedsCopy(shape:strides:to:)`` if strides cannot describe it.
  package func view(_ shape: Shape) throws(TensorError) -> Tensor {
    let layout = try layout.viewed(shape)
    return try Tensor(storage: storage, dtype: dtype, layout: layout)
  }

  /// Dimensions in another order: `order[i]` is the old dimension at the new place `i`.
  package func permute(_ order: Dimensions) throws(TensorError) -> Tensor {
    let layout = try layout.permuted(order)
    return try Tensor(storage: storage, dtype: dtype, layout: layout)
  }

  /// Elements `range` along `dimension`.
  package func slice(_ dimension: Int, _ range: Range<Int>) throws(TensorError) -> Tensor {
    let layout = try layout.sliced(dimension, range)
    return try Tensor(storage: storage, dtype: dtype, layout: layout)
  }

  /// The first `count` rows along the outermost dimension.
  package func prefix(_ count: Int) throws(TensorError) -> Tensor { try slice(0, 0..<count) }
}
