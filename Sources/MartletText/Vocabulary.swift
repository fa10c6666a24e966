/// The tables behind a tokenizer, built once from a description and only read afterwards.
struct Vocabulary: Sendable {
  /// How words become tokens.
  enum Merging: Sendable {
    /// By a list of merges: the single-byte tokens by byte (-1 where there is none) and the merges.
    case merges(MergeTable, byteTokens: FrozenBuffer<Int32>, PreTokenizer)
    /// By scores: the rank of each token, the tokens `<0xNN>` by byte (-1 where there is none), and whether a `▁` stands
    /// only at the beginning of tokens, so that text can be cut before each run of spaces.
    case scores(ranks: FrozenBuffer<UInt32>, byteTokens: FrozenBuffer<Int32>, splitsAtSpaces: Bool)
  }

  /// `▁`, which stands for a space.
  static let metaspace: [UInt8] = [0xE2, 0x96, 0x81]

  /// The tokens: plain bytes for byte-level BPE, with `▁` for SentencePiece.
  let index: TokenIndex
  let kinds: [TokenKind]
  let merging: Merging

  /// - Throws: whatever ``TokenizerDescription/validate()`` is documented to.
  init(_ description: TokenizerDescription) throws(TextError) {
    try description.validateTables()
    switch description.model {
    case .byteLevelBPE:
      let preTokenizer = try PreTokenizer(named: description.preTokenizer)
      let kinds =
        description.kinds.isEmpty
        ? [TokenKind](repeating: .normal, count: description.tokens.count) : description.kinds
      let tokens = Self.plainTokens(description.tokens, kinds)
      let index = TokenIndex(try ByteStringTable(bytes: tokens.bytes, offsets: tokens.offsets))
      let view = index.view
      let byteTokens = (0...255).map { (byte: UInt8) in withUnsafePointer(to: byte) { view.find($0, 1) } }
      let merges = try MergeTable(description.merges, index: index) { Self.isText(kinds[Int($0)]) }
      self.index = index
      self.kinds = kinds
      merging = .merges(
        merges, byteTokens: FrozenBuffer(byteTokens.map { $0 >= 0 && Self.isText(kinds[Int($0)]) ? $0 : -1 }),
        preTokenizer)
    case .sentencePieceBPE:
      let tokens = description.tokens
      let kinds = description.kinds.isEmpty ? Self.inferredKinds(tokens) : description.kinds
      var byteTokens = [Int32](repeating: -1, count: 256)
      for id in kinds.indices where kinds[id] == .byte {
        guard let byte = Self.byte(spelledBy: tokens[id]) else {
          throw .invalidVocabulary(reason: "token \(id) \"\(tokens.string(at: id))\" is a byte but not spelled <0xNN>")
        }
        byteTokens[Int(byte)] = Int32(truncatingIfNeeded: id)
      }
      let ranks = SentencePieceRule.ranks(scores: description.scores) { Self.isText(kinds[$0]) }
      index = TokenIndex(tokens)
      self.kinds = kinds
      merging = .scores(
        ranks: FrozenBuffer(ranks), byteTokens: FrozenBuffer(byteTokens),
        splitsAtSpaces: kinds.indices.allSatisfy { !Self.isText(kinds[$0]) || !Self.hasInnerMetaspace(tokens[$0]) })
    }
  }

  /// Whether text may become a token of this kind: control tokens are never made from text.
  static func isText(_ kind: TokenKind) -> Bool {
    switch kind {
    case .normal, .userDefined, .unused: true
    case .unknown, .control, .byte: false
    }
  }

  /// The byte that `<0xNN>` spells.
  static func byte(spelledBy spelling: ArraySlice<UInt8>) -> UInt8? {
    guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling.last == UInt8(ascii: ">") else { return nil }
    return UInt8(String(decoding: spelling.dropFirst(3).dropLast(), as: UTF8.self), radix: 16)
  }

  private static func inferredKinds(_ tokens: ByteStringTable) -> [TokenKind] {
    (0..<tokens.count).map { byte(spelledBy: tokens[$0]) == nil ? .normal : .byte }
  }

  /// Whether a `▁` follows something else.
  private static func hasInnerMetaspace(_ token: ArraySlice<UInt8>) -> Bool {
    var rest = token
    while rest.starts(with: metaspace) { rest = rest.dropFirst(metaspace.count) }
    return rest.indices.contains { rest[$0...].starts(with: metaspace) }
  }

  /// The plain bytes of tokens in the byte alphabet. Control and user-defined tokens are spelled plainly already, and so
  /// is what has characters outside the alphabet.
  private static func plainTokens(
    _ tokens: ByteStringTable, _ kinds: [TokenKind]
  ) -> (bytes: [UInt8], offsets: [UInt32]) {
    let alphabet = ByteAlphabet.view
    var offsets: [UInt32] = [0]
    offsets.reserveCapacity(tokens.count + 1)
    // Decoding never lengthens, so that there is room for all and offsets stay within 32 bits.
    let bytes = [UInt8](unsafeUninitializedCapacity: tokens.bytes.count) { output, written in
      tokens.bytes.withUnsafeBufferPointer { all in
        guard let target = output.baseAddress, let source = all.baseAddress else { return }
        for id in 0..<tokens.count {
          let spelling = source + Int(tokens.offsets[id])
          let count = Int(tokens.offsets[id + 1] - tokens.offsets[id])
          var plainCount = -1
          if kinds[id] != .control && kinds[id] != .userDefined && kinds[id] != .unknown {
            plainCount = ByteAlphabet.decode(spelling, count, into: target + written, table: alphabet)
          }
          if plainCount < 0 {
            (target + written).update(from: spelling, count: count)
            plainCount = count
          }
          written += plainCount
          offsets.append(UInt32(truncatingIfNeeded: written))
        }
      }
    }
    return (bytes, offsets)
  }
}
