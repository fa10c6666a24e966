import CMartletSIMD
import MartletOperators
import MartletRuntime
import MartletTensor

/// A matrix of random blocks of a quantised type, and the numbers that the blocks stand for.
struct QuantizedWeights {
  let tensor: Tensor
  /// The dequantised elements in row-major order; `QuantizedBlocksTests` compares dequantising itself with gguf-py.
  let values: [Float]

  /// All block types.
  static let types = DType.allCases.filter(\.isQuantized)

  /// Random bytes whose half-precision scales are then made sensible: up to 1/32 in size, a quarter of them negative.
  init(_ type: DType, rows: Int, columns: Int, seed: UInt64, on runtime: Runtime) throws {
    let blocks = rows * columns / type.blockSize
    let generator = Generator(seed &* 1000 &+ UInt64(type.rawValue))
    var bytes = generator.bytes(blocks * type.blockBytes)
    for block in 0..<blocks {
      for (number, offset) in Self.scaleOffsets(type).enumerated() {
        let random = Generator(generator.seed &+ 1 &+ UInt64(number)).uniform(block, scale: 0.5)
        let scale = Float16((0.02 + abs(random) / 40) * (random < -0.25 ? -1 : 1))
        let at = block * type.blockBytes + offset
        bytes[at] = UInt8(truncatingIfNeeded: scale.bitPattern)
        bytes[at + 1] = UInt8(truncatingIfNeeded: scale.bitPattern >> 8)
      }
    }
    tensor = try Tensor([rows, columns], type, on: runtime)
    try tensor.load(contentsOf: bytes, on: runtime)
    values = Self.dequantized(bytes, type)
  }

  /// What blocks stand for.
  static func dequantized(_ bytes: [UInt8], _ type: DType) -> [Float] {
    let count = bytes.count / type.blockBytes * type.blockSize
    return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
      if let target = buffer.baseAddress, count > 0 {
        bytes.withUnsafeBytes { source in
          if let source = source.baseAddress { martlet_dequantize(Int32(type.rawValue), source, target, count) }
        }
      }
      initialized = count
    }
  }

  /// Where the half-precision scale and, where there is one, minimum lie in a block.
  private static func scaleOffsets(_ type: DType) -> [Int] {
    switch type {
    case .q4_1, .q5_1, .q4_K, .q5_K: [0, 2]
    case .q6_K: [208]
    default: [0]
    }
  }
}
