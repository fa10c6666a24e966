import MartletRuntime
import MartletTensor

/// A tensor seen as rows of its last dimension, each without gaps, at equal distances: what most operators work on.
struct Rows: @unchecked Sendable {
  // `@unchecked Sendable`: a pointer into the storage beside it; see `Storage`.
  private let storage: Storage
  let base: UnsafeMutableRawPointer
  /// How many rows.
  let count: Int
  /// Elements in a row.
  let width: Int
  /// Elements from one row to the next.
  let stride: Int
  let dtype: DType

  /// Nil if the leading dimensions cannot be walked with one distance or the last one has gaps.
  init?(_ tensor: borrowing Tensor) {
    // Looked at through the layout, which refers to nothing: a look through the tensor would count what that refers to.
    let layout = tensor.layout
    let last = layout.shape.count - 1
    guard last >= 0, layout.shape[last] <= 1 || layout.strides[last] == 1 else { return nil }
    let width = layout.shape[last]
    var stride = width
    var covered = 1
    var isEmpty = false
    for dimension in 0..<last where layout.shape[dimension] == 0 { isEmpty = true }
    // Without rows there are no distances to agree.
    for dimension in (0..<last).reversed() where layout.shape[dimension] != 1 && !isEmpty {
      if covered == 1 {
        stride = layout.strides[dimension]
      } else if layout.strides[dimension] != stride * covered {
        return nil
      }
      covered *= layout.shape[dimension]
    }
    self.storage = tensor.storage
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
