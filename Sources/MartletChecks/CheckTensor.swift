import MartletRuntime
package import MartletTensor

/// A tensor in the midst of memory that is not its own: margins before and after it, and the gaps between its rows, hold
/// bytes that are NaN in every floating-point type. What reads them spoils its result, and what writes them is found.
package struct CheckTensor {
  package let tensor: Tensor
  /// The memory around it, as one tensor of bytes.
  private let bytes: Tensor
  private let margin: Int

  /// Two bytes that, repeated, are a NaN in f32, f16 and bf16.
  static let poison: [UInt8] = [0xc1, 0x7f]

  /// - Parameters:
  ///   - elements: bytes of the elements in row-major order; poison too if nil.
  init(
    _ elements: [UInt8]?, _ shape: Shape, _ dtype: DType, strides: Dimensions? = nil, on runtime: Runtime
  ) throws(TensorError) {
    // A whole number of blocks, and of the 16 bytes that kernels read at once.
    margin = dtype.blockSize * 16
    let strides = strides ?? Layout(contiguous: shape).strides
    let layout = Layout(shape: shape, strides: strides, offset: margin)
    guard let upperBound = layout.upperBound, let count = dtype.byteCount(elements: upperBound + margin) else {
      throw .invalidShape(shape: Array(shape), dtype: dtype)
    }
    var host = (0..<count).map { Self.poison[$0 % 2] }
    bytes = try Tensor([count], .u8, on: runtime)
    tensor = try Tensor(storage: bytes.storage, dtype: dtype, layout: layout)
    if let elements {
      let places = Self.places(of: tensor)
      guard places.count * dtype.blockBytes == elements.count else {
        throw .dataMismatch(expected: "\(places.count) elements", found: "\(elements.count) bytes")
      }
      for (index, place) in places.enumerated() {
        for byte in 0..<dtype.blockBytes { host[place + byte] = elements[index * dtype.blockBytes + byte] }
      }
    }
    try bytes.load(contentsOf: host, on: runtime)
  }

  /// Where each element, or block of elements, begins in the memory, in row-major order.
  private static func places(of tensor: Tensor) -> [Int] {
    let block = tensor.dtype.blockSize
    var places: [Int] = []
    var index = 0
    let first = tensor.layout.offset
    tensor.forEachElementOffset { offset in
      if index % block == 0 { places.append((first + offset) / block * tensor.dtype.blockBytes) }
      index += 1
    }
    return places
  }

  /// What the tensor holds, and where something beside it was written, if that happened.
  package func result() throws(TensorError) -> CheckOutput {
    let memory = try bytes.hostBytes()
    let size = tensor.dtype.blockBytes
    var isOwn = [Bool](repeating: false, count: memory.count)
    var elements: [UInt8] = []
    for place in Self.places(of: tensor) {
      for byte in place..<place + size {
        isOwn[byte] = true
        elements.append(memory[byte])
      }
    }
    let spoiled = memory.indices.first { !isOwn[$0] && memory[$0] != Self.poison[$0 % 2] }
    return CheckOutput(dtype: tensor.dtype, bytes: elements, spoiledAt: spoiled)
  }
}

/// What an operator left.
package struct CheckOutput {
  let dtype: DType
  /// The elements in row-major order.
  let bytes: [UInt8]
  /// The first byte beside the elements that was written.
  let spoiledAt: Int?

  /// The elements as numbers; quantised ones as bytes.
  var numbers: [Double] {
    bytes.withUnsafeBytes { bytes in
      (0..<bytes.count / dtype.blockBytes).map { index -> Double in
        switch dtype {
        case .f32: Double(bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
        case .f16: Double(bytes.loadUnaligned(fromByteOffset: index * 2, as: Float16.self))
        case .bf16: Double(bytes.loadUnaligned(fromByteOffset: index * 2, as: BFloat16.self).float)
        case .i32: Double(bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
        case .i64: Double(bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
        default: Double(bytes[index])
        }
      }
    }
  }
}
