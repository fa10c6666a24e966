/// Text to tokens and back, for one vocabulary. Immutable: any number of threads may use one tokenizer at once.
public final class Tokenizer: Sendable {
  let vocabulary: Vocabulary
  private let description: TokenizerDescription
  private let userDefined: SpecialTokenMatcher
  private let allSpecial: SpecialTokenMatcher
  /// Whether ``encode(_:addSpecial:parseSpecial:)-(String,_,_)`` puts the begin-of-text token first when asked to add
  /// special tokens.
  public let addsBeginToken: Bool
  /// Whether it puts the end-of-text token last then.
  public let addsEndToken: Bool
  /// Whether text is encoded as if a space stood before it (SentencePiece).
  public let addsSpacePrefix: Bool
  /// The tokens that end generation: the end-of-text token first, if there is one.
  public let endTokens: [Int32]

  /// Builds the tables of a vocabulary.
  /// - Throws: ``TextError`` for whatever ``TokenizerDescription/validate()`` is documented to.
  public init(_ description: TokenizerDescription) throws(TextError) {
    let vocabulary = try Vocabulary(description)
    self.vocabulary = vocabulary
    switch vocabulary.merging {
    case .merges(_, _, let preTokenizer):
      addsBeginToken =
        description.addsBeginToken ?? (preTokenizer.addsBeginToken && description.beginToken != nil)
      addsSpacePrefix = description.addsSpacePrefix ?? false
    case .scores:
      addsBeginToken = description.addsBeginToken ?? (description.beginToken != nil)
      addsSpacePrefix = description.addsSpacePrefix ?? true
    }
    addsEndToken = description.addsEndToken ?? false
    var endTokens: [Int32] = []
    for token in (description.endToken.map { [$0] } ?? []) + description.additionalEndTokens
    where !endTokens.contains(token) {
      endTokens.append(token)
    }
    self.endTokens = endTokens
    var special: [(text: [UInt8], id: Int32)] = []
    var user: [(text: [UInt8], id: Int32)] = []
    for (id, kind) in vocabulary.kinds.enumerated() {
      guard kind == .control || kind == .userDefined || kind == .unknown else { continue }
      let entry = (text: Array(description.tokens[id]), id: Int32(truncatingIfNeeded: id))
      special.append(entry)
      if kind == .userDefined { user.append(entry) }
    }
    userDefined = SpecialTokenMatcher(user)
    allSpecial = SpecialTokenMatcher(special)
    // The bulk is in the tables now.
    var description = description
    description.tokens = ByteStringTable()
    description.merges = ByteStringTable()
    description.scores = []
    description.kinds = []
    self.description = description
  }

  /// The number of tokens.
  public var vocabularySize: Int { vocabulary.index.count }

  /// The token that begins a text.
  public var beginToken: Int32? { description.beginToken }

  /// The token that ends a text.
  public var endToken: Int32? { description.endToken }

  /// The token that stands for what the vocabulary cannot spell.
  public var unknownToken: Int32? { description.unknownToken }

  /// The token that fills up.
  public var paddingToken: Int32? { description.paddingToken }

  /// Whether generation ends at `id`.
  public func isEndOfText(_ id: Int32) -> Bool { endTokens.contains(id) }

  /// Whether `id` is a control or unknown token, which ``decode(_:skipSpecial:)`` leaves out unless told otherwise.
  public func isSpecial(_ id: Int32) -> Bool {
    guard let kind = kind(of: id) else { return false }
    return kind == .control || kind == .unknown
  }

  /// What `id` is for, or nil if the vocabulary has no such token.
  public func kind(of id: Int32) -> TokenKind? {
    id >= 0 && Int(id) < vocabularySize ? vocabulary.kinds[Int(id)] : nil
  }

  // MARK: Encoding

  /// The tokens of `text`.
  /// - Parameters:
  ///   - addSpecial: Puts the begin-of-text token first and the end-of-text token last where the model wants them.
  ///   - parseSpecial: Reads control tokens, such as `<|im_start|>`, where their text stands. Leave it off for text that a
  ///     user wrote: without it no text ever becomes a control token.
  public func encode(_ text: String, addSpecial: Bool, parseSpecial: Bool = false) -> [Int32] {
    var text = text
    return text.withUTF8 { encodeValid($0, addSpecial, parseSpecial) }
  }

  /// The tokens of `utf8`; what is not valid UTF-8 counts as U+FFFD.
  public func encode(
    _ utf8: UnsafeBufferPointer<UInt8>, addSpecial: Bool, parseSpecial: Bool = false
  ) -> [Int32] {
    if let repaired = UTF8Repair.repaired(utf8) {
      return repaired.withUnsafeBufferPointer { encodeValid($0, addSpecial, parseSpecial) }
    }
    return encodeValid(utf8, addSpecial, parseSpecial)
  }

  /// The tokens of `utf8`; what is not valid UTF-8 counts as U+FFFD.
  public func encode(_ utf8: Span<UInt8>, addSpecial: Bool, parseSpecial: Bool = false) -> [Int32] {
    utf8.withUnsafeBufferPointer { encode($0, addSpecial: addSpecial, parseSpecial: parseSpecial) }
  }

  private func encodeValid(_ text: UnsafeBufferPointer<UInt8>, _ addSpecial: Bool, _ parseSpecial: Bool) -> [Int32] {
    let begin = addSpecial && addsBeginToken ? beginToken : nil
    let end = addSpecial && addsEndToken ? endToken : nil
    guard let base = text.baseAddress, !text.isEmpty else { return [begin, end].compactMap(\.self) }
    return withExtendedLifetime(self) {
      var session = EncodingSession(text, base: base, index: vocabulary.index)
      if let begin { session.append(begin) }
      switch vocabulary.merging {
      case .merges(let merges, let byteTokens, let preTokenizer):
        preTokenizer.stages.withUnsafeBufferPointer { stages in
          vocabulary.kinds.withUnsafeBufferPointer { kinds in
            let model = EncodingSession.ByteLevel(
              scanner: Scanner(text: base, classes: UnicodeClass.view), stages: stages, merges: merges.view,
              byteTokens: byteTokens.base, kinds: kinds, ignoresMerges: preTokenizer.ignoresMerges)
            forEachFragment(of: text, parseSpecial, &session) { $0.encode($1, model) }
          }
        }
      case .scores(let ranks, let byteTokens, let splitsAtSpaces):
        let model = EncodingSession.Scored(
          ranks: ranks.base, byteTokens: byteTokens.base, splitsAtSpaces: splitsAtSpaces, unknownToken: unknownToken)
        forEachFragment(of: text, parseSpecial, &session) {
          $0.encode($1, model, addsSpacePrefix: addsSpacePrefix)
        }
      }
      if let end { session.append(end) }
      return session.tokens
    }
  }

  /// Calls `encode` with each stretch of plain text, and adds the special tokens between them.
  private func forEachFragment(
    of text: UnsafeBufferPointer<UInt8>, _ parseSpecial: Bool, _ session: inout EncodingSession,
    _ encode: (inout EncodingSession, Range<Int>) -> Void
  ) {
    let matcher = parseSpecial ? allSpecial : userDefined
    var start = 0
    if !matcher.isEmpty {
      while let match = matcher.nextMatch(in: text, from: start) {
        if match.range.lowerBound > start { encode(&session, start..<match.range.lowerBound) }
        session.append(match.id)
        start = match.range.upperBound
      }
    }
    if start < text.count { encode(&session, start..<text.count) }
  }
}
