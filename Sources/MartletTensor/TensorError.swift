public import MartletRuntime

/// Why a tensor cannot be made, viewed, moved or read as asked.
public enum TensorError: Error, Equatable, Sendable {
  /// Too many dimensions, a negative extent, a row that is not whole blocks, or a size beyond `Int`.
  case invalidShape(shape: [Int], dtype: DType)
  /// The layout reaches beyond the storage.
  case layoutExceedsStorage(layout: Layout, dtype: DType, storageBytes: Int)
  /// A list that is not a rearrangement of 0, 1, … one for each dimension.
  case invalidPermutation(order: Dimensions, shape: Shape)
  /// A slice outside of the dimension, or a dimension that is not there.
  case sliceOutOfRange(dimension: Int, range: Range<Int>, shape: Shape)
  /// A view with another number of elements.
  case viewChangesElementCount(from: Shape, to: Shape)
  /// The view cannot be described by strides.
  case viewNeedsCopy(shape: Shape, strides: Dimensions, to: Shape)
  /// Blocks of quantised elements cannot be taken apart.
  case quantizedLayout(dtype: DType, operation: String)
  /// Host data of the wrong size or type for the tensor.
  case dataMismatch(expected: String, found: String)
  /// The device failed.
  case runtime(RuntimeError)
}

extension TensorError: CustomStringConvertible {
  /// One sentence that names the thing, the numbers and the way out.
  public var description: String {
    switch self {
    case .invalidShape(let shape, let dtype):
      "no tensor of type \(dtype.name) can have the shape \(shape): at most \(Dimensions.capacity) dimensions, none "
        + "negative, rows of whole blocks of \(dtype.blockSize)"
    case .layoutExceedsStorage(let layout, let dtype, let bytes):
      "shape \(layout.shape) with strides \(layout.strides) from element \(layout.offset) of type \(dtype.name) reaches "
        + "beyond the storage of \(bytes) bytes"
    case .invalidPermutation(let order, let shape):
      "\(order) does not rearrange the dimensions of shape \(shape): name each of 0 to \(shape.count - 1) once"
    case .sliceOutOfRange(let dimension, let range, let shape):
      "slice \(range.lowerBound)..<\(range.upperBound) of dimension \(dimension) does not lie within shape \(shape)"
    case .viewChangesElementCount(let from, let to):
      "a view of shape \(from) cannot have shape \(to): the number of elements differs"
    case .viewNeedsCopy(let shape, let strides, let to):
      "shape \(shape) with strides \(strides) cannot be seen as \(to) without a copy: call contiguous first"
    case .quantizedLayout(let dtype, let operation):
      "\(operation) would cut the blocks of a \(dtype.name) tensor: dequantise it first"
    case .dataMismatch(let expected, let found):
      "the data does not fit the tensor: expected \(expected), found \(found)"
    case .runtime(let error): error.description
    }
  }
}
