/// Random numbers that are addressed by their place, so that every device gets the same ones.
/// (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".)
struct Draws {
  let seed: UInt64

  init(_ seed: UInt64) { self.seed = seed }

  /// Draw number `index`.
  subscript(index: Int) -> UInt64 {
    var mixed = seed &+ (UInt64(index) &+ 1) &* 0x9e37_79b9_7f4a_7c15
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// `count` numbers in `-scale ..< scale`.
  func numbers(_ count: Int, scale: Float = 1) -> [Float] {
    (0..<count).map { Float(Int32(truncatingIfNeeded: self[$0] >> 40) - 0x80_0000) * 0x1p-23 * scale }
  }

  /// `count` integers in `0 ..< bound`.
  func integers(_ count: Int, below bound: Int) -> [Int] { (0..<count).map { Int(self[$0] % UInt64(bound)) } }

  /// The integers `0 ..< count` in a random order (Fisher and Yates).
  func shuffled(_ count: Int) -> [Int] {
    var result = Array(0..<count)
    for index in stride(from: count - 1, to: 0, by: -1) { result.swapAt(index, Int(self[index] % UInt64(index + 1))) }
    return result
  }

  /// Random bytes.
  func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: self[$0 / 8] >> (8 * UInt64($0 % 8))) }
  }
}
