/// What a token is for, as GGUF's `tokenizer.ggml.token_type` tells it.
public enum TokenKind: UInt8, Sendable, CaseIterable {
  /// A piece of text.
  case normal = 1
  /// Stands for text that the vocabulary cannot spell.
  case unknown = 2
  /// Steers the model (begin, end, roles); never made from a user's text.
  case control = 3
  /// Text that is always one token, whatever stands beside it.
  case userDefined = 4
  /// A reserved entry.
  case unused = 5
  /// One byte, spelled `<0xNN>`.
  case byte = 6
}

/// A vocabulary in neutral terms: what a GGUF file or a `tokenizer.json` says, before anything is built from it.
public struct TokenizerDescription: Sendable {
  /// How text becomes tokens.
  public enum Model: Sendable, Equatable {
    /// Byte-level byte-pair encoding by a list of merges (GGUF `gpt2`): Radford et al. 2019.
    case byteLevelBPE
    /// SentencePiece byte-pair encoding by the scores of tokens with byte fallback (GGUF `llama`): Kudo and
    /// Richardson 2018.
    case sentencePieceBPE
  }

  /// How text becomes tokens.
  public var model: Model
  /// The tokens by id, as spelled in the file: in GPT-2's byte alphabet for ``Model/byteLevelBPE``, with `▁` for
  /// a space and `<0xNN>` for a byte for ``Model/sentencePieceBPE``.
  public var tokens: ByteStringTable
  /// One score a token, the best merges first; needed by ``Model/sentencePieceBPE`` only.
  public var scores: [Float]
  /// One kind a token; empty means that all are normal, but for `<0xNN>` in ``Model/sentencePieceBPE``.
  public var kinds: [TokenKind]
  /// The merges, best first, each two tokens with a space between; needed by ``Model/byteLevelBPE`` only.
  public var merges: ByteStringTable
  /// The name of the split pattern (GGUF `tokenizer.ggml.pre`); not used by ``Model/sentencePieceBPE``.
  public var preTokenizer: String
  /// The token that begins a text.
  public var beginToken: Int32?
  /// The token that ends a text.
  public var endToken: Int32?
  /// The token for what the vocabulary cannot spell.
  public var unknownToken: Int32?
  /// The token that fills up.
  public var paddingToken: Int32?
  /// Further tokens that end generation, such as the end of a turn.
  public var additionalEndTokens: [Int32]
  /// Whether ``beginToken`` is put first; nil leaves it to the family: yes for SentencePiece and Llama 3, else no.
  public var addsBeginToken: Bool?
  /// Whether ``endToken`` is put last; nil means no.
  public var addsEndToken: Bool?
  /// Whether text is encoded as if a space stood before it; nil leaves it to the family: yes for SentencePiece.
  public var addsSpacePrefix: Bool?

  /// A vocabulary of `tokens`; everything else begins empty and is filled in by the caller.
  public init(model: Model, tokens: ByteStringTable) {
    self.model = model
    self.tokens = tokens
    scores = []
    kinds = []
    merges = ByteStringTable()
    preTokenizer = "default"
    additionalEndTokens = []
  }

  /// Checks everything that ``Tokenizer`` checks when it is made.
  /// - Throws: ``TextError`` for tables whose lengths do not match, ids out of range, merges that are not two known
  ///   tokens, a pre-tokenizer that is not known.
  public func validate() throws(TextError) { _ = try Tokenizer(self) }

  /// The checks that need no lookup of tokens.
  func validateTables() throws(TextError) {
    let count = tokens.count
    guard count > 0 else { throw .invalidVocabulary(reason: "it has no tokens") }
    guard Int32(exactly: count) != nil else { throw .invalidVocabulary(reason: "\(count) tokens are too many") }
    if !kinds.isEmpty && kinds.count != count {
      throw .lengthMismatch(table: "the table of token types", found: kinds.count, expected: count)
    }
    if scores.count != count && (model == .sentencePieceBPE || !scores.isEmpty) {
      throw .lengthMismatch(table: "the table of token scores", found: scores.count, expected: count)
    }
    if let index = scores.firstIndex(where: \.isNaN) {
      throw .invalidVocabulary(reason: "the score of token \(index) is not a number")
    }
    try check(beginToken, "the begin-of-text token")
    try check(endToken, "the end-of-text token")
    try check(unknownToken, "the unknown token")
    try check(paddingToken, "the padding token")
    for token in additionalEndTokens { try check(token, "an additional end token") }
    if addsBeginToken == true && beginToken == nil {
      throw .invalidVocabulary(reason: "it asks for a begin-of-text token before every text but names none")
    }
    if addsEndToken == true && endToken == nil {
      throw .invalidVocabulary(reason: "it asks for an end-of-text token after every text but names none")
    }
  }

  private func check(_ token: Int32?, _ role: String) throws(TextError) {
    guard let token else { return }
    if token < 0 || Int(token) >= tokens.count {
      throw .tokenOutOfRange(role: role, id: token, vocabularySize: tokens.count)
    }
  }
}
