import MartletText
import Testing

/// Behaviour on vocabularies small enough to be read here.
struct TokenizerTests {
  /// Pieces `a`, `b`, `▁`, `▁a`, `▁▁`, `ab` by score, with bytes and control tokens.
  static func sentencePiece() throws -> TokenizerDescription {
    let bytes = (0..<256).map { byte in
      "<0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true) + ">"
    }
    let pieces = ["▁", "a", "b", "▁a", "▁▁", "ab"]
    var description = TokenizerDescription(
      model: .sentencePieceBPE, tokens: try ByteStringTable(["<unk>", "<s>", "</s>"] + bytes + pieces))
    description.kinds =
      [.unknown, .control, .control] + [TokenKind](repeating: .byte, count: 256)
      + [TokenKind](repeating: .normal, count: pieces.count)
    description.scores = [Float](repeating: 0, count: 259) + [-10, -11, -12, -1, -2, -3]
    description.unknownToken = 0
    description.beginToken = 1
    description.endToken = 2
    return description
  }

  @Test func controlTokensComeFromTextOnlyWhenAsked() throws {
    var description = try TokenizerDescription.bytes([
      ("<|a|>", .control), ("<|a|><|b|>", .control), ("<u>", .userDefined), ("<|a", .control),
    ])
    description.beginToken = 256
    description.endToken = 257
    description.addsBeginToken = true
    description.addsEndToken = true
    let tokenizer = try Tokenizer(description)
    let text = "x<|a|><|b|><|a|<u>"
    let plain = Array(text.utf8.dropLast(3)).map { Int32($0) }
    #expect(tokenizer.encode(text, addSpecial: false) == plain + [258])
    #expect(
      tokenizer.encode(text, addSpecial: false, parseSpecial: true)
        == [120, 257, 259, Int32(UInt8(ascii: "|")), 258])
    #expect(tokenizer.encode("y", addSpecial: true) == [256, 121, 257])
    #expect(tokenizer.encode("", addSpecial: true) == [256, 257])
    #expect(tokenizer.encode("", addSpecial: false) == [])
    #expect(try tokenizer.decode([256, 121, 258, 257]) == "y<u>")
    #expect(try tokenizer.decode([256, 121, 257], skipSpecial: false) == "<|a|>y<|a|><|b|>")
  }

  @Test func mergesNeverMakeControlTokens() throws {
    var description = try TokenizerDescription.bytes([("ab", .control), ("bc", .normal)])
    description.merges = try ByteStringTable(["a b", "b c"])
    #expect(try Tokenizer(description).encode("abc", addSpecial: false) == [97, 257])
    description.preTokenizer = "llama3"
    #expect(try Tokenizer(description).encode("ab", addSpecial: false) == [97, 98])
  }

  @Test func sentencePieceMergesByScore() throws {
    let tokenizer = try Tokenizer(Self.sentencePiece())
    #expect(tokenizer.encode("ab", addSpecial: true) == [1, 262, 261])
    #expect(tokenizer.encode("bab", addSpecial: false) == [259, 261, 264])
    #expect(tokenizer.encode("  a", addSpecial: false) == [263, 262])
    #expect(tokenizer.encode("é", addSpecial: false) == [259, 3 + 0xC3, 3 + 0xA9])
    #expect(tokenizer.encode("<s>a", addSpecial: false, parseSpecial: true) == [1, 262])
    #expect(try tokenizer.decode([1, 262, 3 + 0xC3, 3 + 0xA9, 2]) == "aé")
    #expect(try tokenizer.decode([263, 262]) == "  a")
    #expect(tokenizer.token(for: " a") == 262 && tokenizer.token(for: "▁a") == 262)
    #expect(tokenizer.token(for: "zz") == nil)
    var description = try Self.sentencePiece()
    description.addsSpacePrefix = false
    #expect(try Tokenizer(description).encode("ab", addSpecial: false) == [264])
  }

  @Test func sentencePieceWithInnerSpacesIsNotCut() throws {
    var description = try Self.sentencePiece()
    try description.tokens.append("a▁".utf8)
    description.kinds.append(.normal)
    description.scores.append(-0.5)
    let tokenizer = try Tokenizer(description)
    #expect(tokenizer.encode("a a", addSpecial: false) == [259, 265, 260])
  }

  @Test func streamingTakesOffTheLeadingSpaceOnce() throws {
    let tokenizer = try Tokenizer(Self.sentencePiece())
    var stream = StreamingDetokenizer(tokenizer)
    #expect([1, 262, 262, 3 + 0xC3].map { stream.append($0) } == ["", "a", " a", ""])
    #expect(stream.append(3 + 0xA9) == "é")
    #expect(stream.append(100_000) == "")
    #expect(stream.finish() == "")
    var continuing = StreamingDetokenizer(tokenizer, skipSpecial: false, continuesText: true)
    #expect(continuing.append(262) == " a")
    #expect(continuing.append(2) == "</s>")
    #expect(continuing.append(3 + 0xF0) == "")
    #expect(continuing.finish() == "\u{FFFD}")
  }

  /// Merges "a a" to "aa", "aa aa" to "aaaa" and so on, mixed with "a b": the scan of short words and the heap of long ones
  /// against the definition.
  @Test(arguments: [2, 3, 63, 64, 65, 66, 200, 1000])
  func scanAndHeapFollowTheDefinition(count: Int) throws {
    let more = ["ab", "aa", "aaaa", "aab", "ba", "bab"]
    let merges = [("a", "b"), ("a", "a"), ("aa", "aa"), ("aa", "b"), ("b", "a"), ("b", "ab")]
    var description = try TokenizerDescription.bytes(more.map { ($0, .normal) })
    description.merges = try ByteStringTable(merges.map { "\($0.0) \($0.1)" })
    let tokenizer = try Tokenizer(description)
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20 {
      let text = (0..<count).map { _ in Bool.random(using: &generator) ? "a" : "b" }
      var parts = text
      while true {
        var best: (rank: Int, place: Int)?
        for place in parts.indices.dropLast() {
          guard let rank = merges.firstIndex(where: { $0 == (parts[place], parts[place + 1]) }) else { continue }
          if rank < best?.rank ?? .max { best = (rank, place) }
        }
        guard let best else { break }
        parts[best.place] += parts.remove(at: best.place + 1)
      }
      let expected = parts.compactMap { tokenizer.token(for: $0) }
      #expect(tokenizer.encode(text.joined(), addSpecial: false) == expected, "\(text.joined())")
    }
  }

  @Test func bytesAndKindsOfTokens() throws {
    let tokenizer = try Tokenizer(.bytes([("<|x|>", .control)]))
    #expect(tokenizer.vocabularySize == 257)
    #expect(tokenizer.bytes(of: 0) == [0] && tokenizer.bytes(of: 0xE2) == [0xE2])
    #expect(tokenizer.bytes(of: 257) == nil && tokenizer.bytes(of: -1) == nil)
    #expect(tokenizer.token(for: "Ġ") == 32 && tokenizer.token(for: " ") == 32)
    #expect(tokenizer.kind(of: 256) == .control && tokenizer.kind(of: 300) == nil)
    #expect(throws: TextError.tokenOutOfRange(role: "an id to decode", id: 257, vocabularySize: 257)) {
      try tokenizer.decode([257])
    }
  }
}
