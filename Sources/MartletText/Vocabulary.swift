/// The tokens of a tokenizer and how words become them: built once, only read afterwards.
struct Vocabulary: Sendable {
  /// The tokens as the model sees them: plain bytes for byte-level BPE, else as spelled in the file.
  let index: TokenIndex
  let kinds: [TokenKind]
  /// For each token whether text may become it.
  let isText: FrozenBuffer<Bool>
  let model: WordModel

  /// The byte that `<0xNN>` spells.
  static func byte(spelledBy spelling: ArraySlice<UInt8>) -> UInt8? {
    guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling.last == UInt8(ascii: ">") else { return nil }
    let digits = spelling.dropFirst(3).dropLast()
    guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) else { return nil }
    return UInt8(String(decoding: digits, as: UTF8.self), radix: 16)
  }

  /// For each byte the token `<0xNN>` of `index` that stands for it, or -1.
  static func byteTokens(_ index: TokenIndex) -> FrozenBuffer<Int32> {
    let digits = Array("0123456789ABCDEF".utf8)
    return FrozenBuffer(
      (0..<256).map { byte in
        index.find(Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15], UInt8(ascii: ">")])
      })
  }

  /// For each byte the token of `index` that is just this byte and that text may become, or -1.
  static func plainByteTokens(_ index: TokenIndex, isText: FrozenBuffer<Bool>) -> FrozenBuffer<Int32> {
    let view = index.view
    return FrozenBuffer(
      (0...255).map { (byte: UInt8) in
        let id = withUnsafePointer(to: byte) { view.find($0, 1) }
        return id >= 0 && isText.base[Int(id)] ? id : -1
      })
  }

  /// The plain bytes of tokens in the byte alphabet, and for each whether it is in the alphabet. What is not, or is spelled
  /// plainly as `isPlain` tells, is taken as it stands.
  static func plainTokens(
    _ tokens: ByteStringTable, isPlain: (Int) -> Bool
  ) throws(TextError) -> (tokens: ByteStringTable, isDecoded: [Bool]) {
    let alphabet = ByteAlphabet.view
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(tokens.count + 1)
    var isDecoded = [Bool](repeating: false, count: tokens.count)
    // Decoding never lengthens, so that there is room for all and offsets stay within 32 bits.
    let bytes = [UInt8](unsafeUninitializedCapacity: tokens.bytes.count) { output, written in
      tokens.bytes.withUnsafeBufferPointer { all in
        guard let target = output.baseAddress, let source = all.baseAddress else {
          offsets.append(contentsOf: repeatElement(0, count: tokens.count))
          return
        }
        for id in 0..<tokens.count {
          let spelling = source + Int(tokens.offsets[id])
          let count = Int(tokens.offsets[id + 1] - tokens.offsets[id])
          var plainCount = -1
          if !isPlain(id) {
            plainCount = ByteAlphabet.decode(spelling, count, into: target + written, table: alphabet)
          }
          isDecoded[id] = plainCount >= 0
          if plainCount < 0 {
            (target + written).update(from: spelling, count: count)
            plainCount = count
          }
          written += plainCount
          offsets.append(UInt32(truncatingIfNeeded: written))
        }
      }
    }
    return (try ByteStringTable(bytes: bytes, offsets: offsets), isDecoded)
  }
}

extension FrozenBuffer<Bool> {
  /// For each of `kinds` whether text may become tokens of it: control tokens are never made from text.
  static func isText(_ kinds: [TokenKind]) -> FrozenBuffer<Bool> {
    FrozenBuffer(
      kinds.map { kind in
        switch kind {
        case .normal, .userDefined, .unused: true
        case .unknown, .control, .byte: false
        }
      })
  }
}
