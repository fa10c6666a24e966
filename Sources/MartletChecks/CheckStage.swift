package import MartletRuntime
import MartletTensor

/// Where a check runs, and what it makes its tensors with.
package struct CheckStage {
  package let stream: Stream
  var runtime: Runtime { stream.runtime }

  package init(_ stream: Stream) { self.stream = stream }

  /// Numbers rounded to a floating-point type, row strides wider than the rows by `gap`.
  func numbers(
    _ values: [Float], _ shape: Shape, _ dtype: DType, gap: Int = 0
  ) throws(TensorError) -> CheckTensor {
    try CheckTensor(Self.bytes(values, dtype), shape, dtype, strides: Self.strides(shape, gap: gap), on: runtime)
  }

  /// Integers of type i32 or i64.
  func integers(_ values: [Int], _ shape: Shape, _ dtype: DType) throws(TensorError) -> CheckTensor {
    let bytes = values.flatMap { value in
      (0..<dtype.blockBytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    return try CheckTensor(bytes, shape, dtype, on: runtime)
  }

  /// Random blocks of a quantised type whose scales are sensible.
  func blocks(_ draws: Draws, _ shape: Shape, _ dtype: DType) throws(TensorError) -> CheckTensor {
    let count = shape.reduce(1, *) / dtype.blockSize
    var bytes = draws.bytes(count * dtype.blockBytes)
    let offsets: [Int] =
      switch dtype {
      case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
      case .q6_K: [208]
      default: [0]
      }
    for block in 0..<count {
      for (number, offset) in offsets.enumerated() {
        let random = Int(Draws(draws.seed &+ 1 &+ UInt64(number))[block] % 1000)
        let scale = Float16((0.02 + Float(random) / 80_000) * (random % 4 == 0 ? -1 : 1))
        let place = block * dtype.blockBytes + offset
        bytes[place] = UInt8(truncatingIfNeeded: scale.bitPattern)
        bytes[place + 1] = UInt8(truncatingIfNeeded: scale.bitPattern >> 8)
      }
    }
    return try CheckTensor(bytes, shape, dtype, on: runtime)
  }

  /// Random weights of any type, `[outputs, columns]`; only plain ones have a gap.
  func weights(
    _ draws: Draws, _ shape: Shape, _ dtype: DType, gap: Int = 0
  ) throws(TensorError) -> CheckTensor {
    if dtype.isQuantized { return try blocks(draws, shape, dtype) }
    return try numbers(draws.numbers(shape.reduce(1, *), scale: 0.25), shape, dtype, gap: gap)
  }

  /// Where something is to be written: poison until then.
  func output(_ shape: Shape, _ dtype: DType, gap: Int = 0) throws(TensorError) -> CheckTensor {
    try CheckTensor(nil, shape, dtype, strides: Self.strides(shape, gap: gap), on: runtime)
  }

  private static func strides(_ shape: Shape, gap: Int) -> Dimensions {
    var strides = Layout(contiguous: shape).strides
    guard gap > 0, let width = shape.last else { return strides }
    var stride = width + gap
    for dimension in shape.indices.dropLast().reversed() {
      strides[dimension] = stride
      stride *= shape[dimension]
    }
    return strides
  }

  private static func bytes(_ values: [Float], _ dtype: DType) -> [UInt8] {
    switch dtype {
    case .f16: values.map { Float16($0).bitPattern }.withUnsafeBytes { Array($0) }
    case .bf16: values.map { BFloat16($0) }.withUnsafeBytes { Array($0) }
    default: values.withUnsafeBytes { Array($0) }
    }
  }
}
