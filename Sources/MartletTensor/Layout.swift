/// How a tensor's elements lie in its storage: extents, distances and start, all counted in elements.
public struct Layout: Hashable, Sendable {
  /// Extents, outermost first.
  public var shape: Shape
  /// Distances between neighbours along each dimension.
  public var strides: Dimensions
  /// The first element.
  public var offset: Int

  /// A layout without gaps whose last dimension is innermost.
  /// - Precondition: `shape` has a ``Dimensions/checkedProduct``.
  public init(contiguous shape: Shape, offset: Int = 0) {
    var strides = shape
    var stride = 1
    for dimension in shape.indices.reversed() {
      strides[dimension] = stride
      stride *= Swift.max(1, shape[dimension])
    }
    self.init(shape: shape, strides: strides, offset: offset)
  }

  /// Any layout.
  /// - Precondition: as many strides as extents.
  public init(shape: Shape, strides: Dimensions, offset: Int) {
    precondition(shape.count == strides.count, "\(shape.count) extents with \(strides.count) strides")
    self.shape = shape
    self.strides = strides
    self.offset = offset
  }

  /// How many elements the tensor has.
  public var elementCount: Int { shape.reduce(1, *) }

  /// Whether the elements lie without gaps in row-major order. Strides of extents 1 do not matter, nor do those of an
  /// empty tensor.
  public var isContiguous: Bool {
    if shape.contains(0) { return true }
    var expected = 1
    for dimension in shape.indices.reversed() {
      if shape[dimension] > 1, strides[dimension] != expected { return false }
      expected *= shape[dimension]
    }
    return true
  }

  /// One past the furthest element that the layout reaches, from the storage's start; the offset if it is empty.
  /// Nil if the arithmetic overflows, a negative element would be reached, or the elements cannot be counted: strides
  /// of zero let a small storage show more of them than an `Int` holds.
  public var upperBound: Int? {
    guard offset >= 0, let count = shape.checkedProduct else { return nil }
    if count == 0 { return offset }
    var last = offset
    for (extent, stride) in zip(shape, strides) {
      guard stride >= 0 else { return nil }
      let (distance, overflow) = (extent - 1).multipliedReportingOverflow(by: stride)
      let (sum, overflowOfSum) = last.addingReportingOverflow(distance)
      if overflow || overflowOfSum { return nil }
      last = sum
    }
    return last == Int.max ? nil : last + 1
  }

  /// The same elements with dimensions in another order.
  package func permuted(_ order: Dimensions) throws(TensorError) -> Layout {
    guard order.sorted() == Array(shape.indices) else {
      throw .invalidPermutation(order: order, shape: shape)
    }
    return Layout(
      shape: Shape(order.map { shape[$0] }), strides: Dimensions(order.map { strides[$0] }), offset: offset)
  }

  /// Elements `range` along one dimension.
  package func sliced(_ dimension: Int, _ range: Range<Int>) throws(TensorError) -> Layout {
    guard shape.indices.contains(dimension), range.lowerBound >= 0, range.upperBound <= shape[dimension] else {
      throw .sliceOutOfRange(dimension: dimension, range: range, shape: shape)
    }
    var result = self
    result.shape[dimension] = range.count
    // An empty slice at the very end must not point past the storage.
    if !range.isEmpty { result.offset += range.lowerBound * strides[dimension] }
    return result
  }

  /// The same elements under another shape, if that needs no copy.
  ///
  /// Old dimensions are taken in groups of equal element count with the new ones; a group can be viewed if its old
  /// dimensions lie without gaps among themselves.
  package func viewed(_ newShape: Shape) throws(TensorError) -> Layout {
    guard let count = newShape.checkedProduct, count == elementCount else {
      throw .viewChangesElementCount(from: shape, to: newShape)
    }
    if count == 0 { return Layout(contiguous: newShape, offset: offset) }
    var newStrides = Dimensions(repeating: 1, count: newShape.count)
    var old = shape.count - 1
    var new = newShape.count - 1
    while new >= 0 {
      while old >= 0, shape[old] == 1 { old -= 1 }
      if newShape[new] == 1 {
        new -= 1
        continue
      }
      // One group: grow the smaller side until both hold the same number of elements.
      let stride = strides[old]
      var oldCount = shape[old]
      var newCount = newShape[new]
      newStrides[new] = stride
      while oldCount != newCount {
        if newCount < oldCount {
          new -= 1
          newStrides[new] = stride * newCount
          newCount *= newShape[new]
        } else {
          old -= 1
          guard shape[old] == 1 || strides[old] == stride * oldCount else {
            throw .viewNeedsCopy(shape: shape, strides: strides, to: newShape)
          }
          oldCount *= shape[old]
        }
      }
      old -= 1
      new -= 1
    }
    return Layout(shape: newShape, strides: newStrides, offset: offset)
  }
}
