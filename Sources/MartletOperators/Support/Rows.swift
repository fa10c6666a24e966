import MartletTensor

/// A tensor seen as rows of its last dimension, each without gaps, at equal distances: what most operators work on.
struct Rows: @unchecked Sendable {
  // `@unchecked Sendable`: a pointer into a storage that the plan's tensors keep alive; see `Storage`.
  let base: UnsafeMutableRawPointer
  /// How many rows.
  let count: Int
  /// Elements in a row.
  let width: Int
  /// Elements from one row to the next.
  let stride: Int
  let dtype: DType

  /// Nil if the leading dimensions cannot be walked with one distance or the last one has gaps.
  init?(_ tensor: Tensor) {
    let shape = tensor.shape
    guard let width = shape.last, width <= 1 || tensor.strides[shape.count - 1] == 1 else { return nil }
    var stride = width
    var covered = 1
    // Without rows there are no distances to agree.
    let isEmpty = shape.dropLast().contains(0)
    for dimension in shape.indices.dropLast().reversed() where shape[dimension] != 1 && !isEmpty {
      if covered == 1 {
        stride = tensor.strides[dimension]
      } else if tensor.strides[dimension] != stride * covered {
        return nil
      }
      covered *= shape[dimension]
    }
    self.base = tensor.pointer
    self.count = isEmpty ? 0 : covered
    self.width = width
    self.stride = stride
    self.dtype = tensor.dtype
  }

  /// The address of a row.
  subscript(row: Int) -> UnsafeMutableRawPointer {
    base + row * stride / dtype.blockSize * dtype.blockBytes
  }
}

extension DType {
  /// The number that the C loops know the type by.
  var code: Int32 { Int32(rawValue) }
}
