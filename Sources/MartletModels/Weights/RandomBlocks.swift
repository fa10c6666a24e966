import MartletTensor

/// Fills memory with pseudo-random elements of any weight type, directly in its blocks.
///
/// The quants are random bits; scales are chosen so that elements lie around zero with a standard deviation of about
/// `deviation`, and differ from block to block by up to a quarter. (Block layouts: `ggml-common.h` of llama.cpp.)
struct RandomBlocks {
  let dtype: DType
  let deviation: Float

  /// Fills all of `bytes`, a whole number of blocks.
  func fill(_ bytes: UnsafeMutableRawBufferPointer, using random: inout SplitMix64) {
    switch dtype {
    case .f32, .f16, .bf16: fillPlain(bytes, using: &random)
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_K, .q5_K, .q6_K:
      fillBits(bytes, using: &random)
      for start in stride(from: 0, to: bytes.count, by: dtype.blockBytes) {
        let block = UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + dtype.blockBytes])
        setScales(block, using: &random)
      }
    case .i32, .i64, .u8: preconditionFailure("weights are floating-point or quantised")
    }
  }

  /// Evenly distributed numbers: their standard deviation is the largest one over the root of three.
  private func fillPlain(_ bytes: UnsafeMutableRawBufferPointer, using random: inout SplitMix64) {
    let largest = deviation * Float(3).squareRoot()
    for index in 0..<bytes.count / dtype.blockBytes {
      let value = random.nextSigned() * largest
      switch dtype {
      case .f16: bytes.storeBytes(of: Float16(value), toByteOffset: index * 2, as: Float16.self)
      case .bf16: bytes.storeBytes(of: BFloat16(value), toByteOffset: index * 2, as: BFloat16.self)
      default: bytes.storeBytes(of: value, toByteOffset: index * 4, as: Float.self)
      }
    }
  }

  private func fillBits(_ bytes: UnsafeMutableRawBufferPointer, using random: inout SplitMix64) {
    let whole = bytes.count / 8 * 8
    for offset in stride(from: 0, to: whole, by: 8) {
      bytes.storeBytes(of: random.next(), toByteOffset: offset, as: UInt64.self)
    }
    let last = random.next()
    for offset in whole..<bytes.count { bytes[offset] = UInt8(truncatingIfNeeded: last >> (8 * (offset - whole))) }
  }

  private func setScales(_ block: UnsafeMutableRawBufferPointer, using random: inout SplitMix64) {
    /// An element is `scale * (quant - middle)`; `spread` is the standard deviation of what the scale multiplies.
    func scale(spread: Float) -> Float { deviation / spread * (1 + random.nextSigned() / 4) }
    func put(_ value: Float, at offset: Int) {
      block.storeBytes(of: Float16(value), toByteOffset: offset, as: Float16.self)
    }
    // n evenly distributed quants have the standard deviation n / sqrt(12). Without a minimum their middle is half a
    // step off zero, which scales of either sign even out.
    let signed = random.next() & 1 == 0 ? Float(1) : -1
    switch dtype {
    case .q8_0: put(scale(spread: 73.9) * signed, at: 0)
    case .q4_0: put(scale(spread: 4.62) * signed, at: 0)
    case .q5_0: put(scale(spread: 9.24) * signed, at: 0)
    case .q4_1, .q5_1:
      let (spread, middle): (Float, Float) = dtype == .q4_1 ? (4.62, 7.5) : (9.24, 15.5)
      let step = scale(spread: spread)
      put(step, at: 0)
      put(-step * middle, at: 2)
    case .q4_K, .q5_K:
      let (spread, middle): (Float, Float) = dtype == .q4_K ? (4.62, 7.5) : (9.24, 15.5)
      // The 6-bit scales have the root mean square 36.4.
      let step = scale(spread: spread * 36.4)
      put(step, at: 0)
      put(step * middle, at: 2)
      // Minimums equal to the scales keep every sub-block around zero: bytes 0…3 hold the first four scales, bytes 4…7
      // the first four minimums, bytes 8…11 the low halves of the others, whose high bits are in bytes 0…7.
      for index in 4..<8 {
        block[4 + index] = block[index]
        let low = block[8 + index] & 15
        block[8 + index] = low | low << 4
      }
    case .q6_K: put(scale(spread: 18.5 * 73.9) * signed, at: 208)
    case .f32, .f16, .bf16, .i32, .i64, .u8: break
    }
  }
}
