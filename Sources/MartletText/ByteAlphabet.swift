/// GPT-2's alphabet of 256 printable characters, one for each byte: printable Latin-1 stands for itself, the other 68
/// bytes for U+0100 onwards, in order (`bytes_to_unicode` of the GPT-2 release).
enum ByteAlphabet {
  /// Of scalars below U+0144 the byte that each stands for, or -1.
  private static let table = FrozenBuffer<Int16>(repeating: -1, count: scalarCount) { table in
    var next = 0x100
    for byte in 0..<256 {
      if isPrintable(byte) {
        table[byte] = Int16(byte)
      } else {
        table[next] = Int16(byte)
        next += 1
      }
    }
  }

  private static let scalarCount = 0x100 + 68

  private static func isPrintable(_ byte: Int) -> Bool {
    (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
  }

  /// The table that ``decode(_:_:into:table:)`` reads; it lives as long as the process.
  static var view: UnsafePointer<Int16> { table.base }

  /// Writes to `output`, which has room for `count` bytes, what the `count` bytes of `spelling`, UTF-8 text in this
  /// alphabet, stand for.
  /// - Returns: The number of bytes written, or -1 if `spelling` has a character that is not of the alphabet.
  @inline(__always)
  static func decode(
    _ spelling: UnsafePointer<UInt8>, _ count: Int, into output: UnsafeMutablePointer<UInt8>,
    table: UnsafePointer<Int16>
  ) -> Int {
    var index = 0
    var written = 0
    while index < count {
      var scalar = Int(spelling[index])
      index += 1
      if scalar >= 0x80 {
        // The alphabet ends at U+0143, so that two-byte sequences (lead bytes C2 to C5) are all there is.
        guard scalar >= 0xC2, scalar <= 0xC5, index < count, spelling[index] & 0xC0 == 0x80 else { return -1 }
        scalar = (scalar & 0x1F) << 6 | Int(spelling[index] & 0x3F)
        index += 1
      }
      guard scalar < scalarCount, table[scalar] >= 0 else { return -1 }
      output[written] = UInt8(truncatingIfNeeded: table[scalar])
      written += 1
    }
    return written
  }

  /// The bytes that `spelling` stands for, or nil if it has a character that is not of the alphabet.
  static func decode(_ spelling: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard let base = spelling.baseAddress else { return [] }
    var isDecoded = false
    let bytes = [UInt8](unsafeUninitializedCapacity: spelling.count) { output, written in
      guard let start = output.baseAddress else { return }
      let count = decode(base, spelling.count, into: start, table: table.base)
      isDecoded = count >= 0
      written = max(count, 0)
    }
    return isDecoded || spelling.isEmpty ? bytes : nil
  }
}
