/// GPT-2's alphabet of 256 printable characters, one for each byte: printable Latin-1 stands for itself, the other 68
/// bytes for U+0100 onwards, in order (`bytes_to_unicode` of the GPT-2 release).
enum ByteAlphabet {
  /// Of scalars below U+0144 the byte that each stands for, or -1.
  private static let byteOfScalar: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x100 + 68)
    var next = 0x100
    for byte in 0..<256 {
      if isPrintable(byte) {
        table[byte] = Int16(byte)
      } else {
        table[next] = Int16(byte)
        next += 1
      }
    }
    return table
  }()

  private static func isPrintable(_ byte: Int) -> Bool {
    (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
  }

  /// Appends to `output` the bytes that `spelling`, UTF-8 text in this alphabet, stands for.
  /// - Returns: false, with `output` as before, if `spelling` has a character that is not of the alphabet.
  static func decode(_ spelling: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]) -> Bool {
    let start = output.count
    let isDecoded = byteOfScalar.withUnsafeBufferPointer { table in
      var index = 0
      while index < spelling.count {
        var scalar = Int(spelling[index])
        index += 1
        if scalar >= 0x80 {
          // The alphabet ends at U+0143, so that two-byte sequences (lead bytes C2 to C5) are all there is.
          guard (0xC2...0xC5).contains(scalar), index < spelling.count, spelling[index] & 0xC0 == 0x80 else {
            return false
          }
          scalar = (scalar & 0x1F) << 6 | Int(spelling[index] & 0x3F)
          index += 1
        }
        guard scalar < table.count, table[scalar] >= 0 else { return false }
        output.append(UInt8(truncatingIfNeeded: table[scalar]))
      }
      return true
    }
    if !isDecoded { output.removeSubrange(start...) }
    return isDecoded
  }
}
