/// Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011):
/// a random number is a pure function of a key and a counter, so nothing has to be stored, and what else is in a batch,
/// a preemption or a restart cannot shift the sequence.
package enum Philox {
  /// The four words for a counter under a key.
  package static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
    var (counter, key) = (counter, key)
    for _ in 0..<10 {
      let first = counter[0].multipliedFullWidth(by: 0xd251_1f53)
      let second = counter[2].multipliedFullWidth(by: 0xcd9e_8d57)
      counter = SIMD4(second.high ^ counter[1] ^ key[0], second.low, first.high ^ counter[3] ^ key[1], first.low)
      key &+= SIMD2(0x9e37_79b9, 0xbb67_ae85)
    }
    return counter
  }

  /// 64 random bits for a position under a seed.
  package static func word(seed: UInt64, position: UInt64) -> UInt64 {
    let words = block(
      counter: SIMD4(UInt32(truncatingIfNeeded: position), UInt32(truncatingIfNeeded: position >> 32), 0, 0),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    return UInt64(words[1]) << 32 | UInt64(words[0])
  }
}
