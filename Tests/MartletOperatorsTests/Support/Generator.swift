import MartletTensor

/// The Swift twin of `scripts/goldens/generator.py`: splitmix64 streams, addressed by draw.
/// (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".)
struct Generator {
  let seed: UInt64

  init(_ seed: UInt64) { self.seed = seed }

  /// Draw number `index`.
  subscript(index: Int) -> UInt64 {
    var z = seed &+ (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  /// A real number in `-scale ..< scale`; exact if `scale` is a power of two.
  func uniform(_ index: Int, scale: Float = 1) -> Float {
    Float(Int32(truncatingIfNeeded: self[index] >> 40) - (1 << 23)) / Float(1 << 23) * scale
  }

  /// The first `count` reals.
  func uniform(count: Int, scale: Float = 1) -> [Float] { (0..<count).map { uniform($0, scale: scale) } }

  /// An integer in `0 ..< bound`.
  func below(_ index: Int, _ bound: Int) -> Int { Int(self[index] % UInt64(bound)) }

  /// The numbers `0 ..< count` in a random order (Fisher and Yates).
  func shuffled(_ count: Int) -> [Int] {
    var result = Array(0..<count)
    for index in stride(from: count - 1, to: 0, by: -1) { result.swapAt(index, below(index, index + 1)) }
    return result
  }

  /// Random bytes.
  func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: self[$0 / 8] >> (8 * UInt64($0 % 8))) }
  }
}
