/// The upper half of an f32: eight bits of exponent, seven of mantissa.
package struct BFloat16: Hashable, Sendable, BitwiseCopyable {
  package var bits: UInt16

  package init(bits: UInt16) { self.bits = bits }

  /// Rounds to nearest, ties to even; a NaN stays a (quiet) NaN.
  package init(_ value: Float) {
    let pattern = value.bitPattern
    if value.isNaN {
      bits = UInt16(truncatingIfNeeded: pattern >> 16) | 0x40
    } else {
      bits = UInt16(truncatingIfNeeded: (pattern &+ 0x7fff &+ ((pattern >> 16) & 1)) >> 16)
    }
  }

  /// The exact value.
  package var float: Float { Float(bitPattern: UInt32(bits) << 16) }
}
