/// A small and fast generator of pseudo-random numbers for weights and tokens that only have to be the same every time.
/// (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".)
package struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  /// Starts where no other name starts (FNV-1a of the name's bytes).
  package init(seed: UInt64, name: String) {
    state = name.utf8.reduce(seed ^ 0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
  }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A number from -1 up to but not including 1.
  mutating func nextSigned() -> Float {
    Float(Int32(truncatingIfNeeded: next() >> 40) - 0x80_0000) * 0x1p-23
  }
}
