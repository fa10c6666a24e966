import MartletText
import Testing

/// What a damaged or hostile file may say is refused with its name.
struct TokenizerDescriptionTests {
  static let cases: [(String, TextError, @Sendable (inout TokenizerDescription) throws -> Void)] = [
    ("no tokens", .invalidVocabulary(reason: "it has no tokens"), { $0.tokens = ByteStringTable() }),
    (
      "kinds", .lengthMismatch(table: "the table of token types", found: 255, expected: 256), { $0.kinds.removeLast() }
    ),
    ("scores", .lengthMismatch(table: "the table of token scores", found: 1, expected: 256), { $0.scores = [0] }),
    (
      "missing scores", .lengthMismatch(table: "the table of token scores", found: 0, expected: 256),
      { $0.model = .sentencePieceBPE }
    ),
    (
      "score", .invalidVocabulary(reason: "the score of token 7 is not a number"),
      {
        $0.scores = [Float](repeating: 0, count: 256)
        $0.scores[7] = .nan
      }
    ),
    (
      "begin", .tokenOutOfRange(role: "the begin-of-text token", id: 256, vocabularySize: 256), { $0.beginToken = 256 }
    ),
    ("end", .tokenOutOfRange(role: "the end-of-text token", id: -1, vocabularySize: 256), { $0.endToken = -1 }),
    (
      "additional end", .tokenOutOfRange(role: "an additional end token", id: .max, vocabularySize: 256),
      { $0.additionalEndTokens = [3, .max] }
    ),
    (
      "adds begin", .invalidVocabulary(reason: "it asks for a begin-of-text token before every text but names none"),
      { $0.addsBeginToken = true }
    ),
    (
      "unknown half", .invalidMerge(index: 1, text: "a xy", reason: "is not two tokens of the vocabulary"),
      { $0.merges = try ByteStringTable(["a b", "a xy"]) }
    ),
    (
      "unknown whole", .invalidMerge(index: 0, text: "b a", reason: "makes no token of the vocabulary"),
      { $0.merges = try ByteStringTable(["b a"]) }
    ),
    (
      "no space", .invalidMerge(index: 0, text: "ab", reason: "is not two tokens of the vocabulary"),
      { $0.merges = try ByteStringTable(["ab"]) }
    ),
    (
      "empty merge", .invalidMerge(index: 0, text: "", reason: "is not two tokens of the vocabulary"),
      { $0.merges = try ByteStringTable([""]) }
    ),
    (
      "huge merge",
      .invalidMerge(
        index: 0, text: String(repeating: "a", count: 1000) + " b", reason: "is not two tokens of the vocabulary"),
      { $0.merges = try ByteStringTable([String(repeating: "a", count: 1000) + " b"]) }
    ),
  ]

  @Test(arguments: cases.indices)
  func refuses(index: Int) throws {
    let (_, error, damage) = Self.cases[index]
    var description = try Self.letters()
    try description.validate()
    try damage(&description)
    #expect(throws: error) { try description.validate() }
  }

  @Test func refusesAnUnknownPreTokenizerAndListsTheKnown() throws {
    var description = try Self.letters()
    description.preTokenizer = "tekken"
    let error = try #require(throws: TextError.self) { try description.validate() }
    #expect(error.description.contains("\"tekken\""))
    for name in ["smollm", "gpt-2", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-v3", "deepseek-r1-qwen"] {
      #expect(error.description.contains(name))
      description.preTokenizer = name
      try description.validate()
    }
  }

  @Test func refusesOffsetsThatDoNotAscend() {
    #expect(throws: TextError.self) { try ByteStringTable(bytes: [1, 2], offsets: [0, 2, 1, 2]) }
    #expect(throws: TextError.self) { try ByteStringTable(bytes: [1, 2], offsets: [0, 3]) }
    #expect(throws: TextError.self) { try ByteStringTable(bytes: [], offsets: []) }
  }

  /// 256 tokens: the printable ASCII characters, "ab", and fillers.
  static func letters() throws -> TokenizerDescription {
    let ascii = (0x21...0x7E).map { String(UnicodeScalar(UInt8($0))) }
    let tokens = ascii + ["ab"] + (0..<(255 - ascii.count)).map { "filler\($0)" }
    var description = TokenizerDescription(model: .byteLevelBPE, tokens: try ByteStringTable(tokens))
    description.kinds = [TokenKind](repeating: .normal, count: 256)
    description.merges = try ByteStringTable(["a b"])
    return description
  }
}
