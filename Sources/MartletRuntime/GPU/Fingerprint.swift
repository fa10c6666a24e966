/// A 128-bit FNV-1a hash: tells apart what differs by accident or by edit, not by ill will.
/// (Fowler, Noll, Vo; draft-eastlake-fnv.)
package struct Fingerprint: Hashable, Sendable {
  private var state: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
  private static let prime: UInt128 = 0x0000_0000_0100_0000_0000_0000_0000_013b

  package init() {}

  package mutating func append(_ bytes: some Sequence<UInt8>) {
    for byte in bytes { state = (state ^ UInt128(byte)) &* Self.prime }
  }

  /// Appends a text and its end, so that two texts do not pass for another two.
  package mutating func append(_ text: String) {
    append(text.utf8)
    append(CollectionOfOne(0xff))
  }

  /// 32 hexadecimal digits.
  package var text: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
