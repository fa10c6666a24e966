/// Text to tokens and back, for one vocabulary. Immutable: any number of threads may use one tokenizer at once.
public final class Tokenizer: Sendable {
  let pipeline: Pipeline
  var decoder: TokenDecoder { pipeline.decoder }

  /// Builds the tables of a vocabulary.
  /// - Throws: ``TextError`` for whatever ``TokenizerDescription/validate()`` is documented to.
  public init(_ description: TokenizerDescription) throws(TextError) {
    pipeline = try Pipeline(description)
  }

  /// Builds the tables of a vocabulary in the files of Hugging Face.
  /// - Throws: ``TextError`` for files that are damaged or contradict each other, and for every field that asks for
  ///   something that is not implemented, by its name.
  public init(_ files: TokenizerFiles) throws(TextError) {
    pipeline = try Pipeline(files)
  }

  /// The number of tokens.
  public var vocabularySize: Int { pipeline.vocabulary.index.count }

  /// The token that begins a text.
  public var beginToken: Int32? { pipeline.roles.begin }

  /// The token that ends a text.
  public var endToken: Int32? { pipeline.roles.end }

  /// The token that stands for what the vocabulary cannot spell.
  public var unknownToken: Int32? { pipeline.roles.unknown }

  /// The token that fills up.
  public var paddingToken: Int32? { pipeline.roles.padding }

  /// The tokens that end generation: the end-of-text token first, if there is one.
  public var endTokens: [Int32] { pipeline.roles.ends }

  /// Whether ``encode(_:addSpecial:parseSpecial:)-(String,_,_)`` puts the begin-of-text token first when asked to add
  /// special tokens.
  public var addsBeginToken: Bool { beginToken.map { pipeline.prefix.contains($0) } ?? false }

  /// Whether it puts the end-of-text token last then.
  public var addsEndToken: Bool { endToken.map { pipeline.suffix.contains($0) } ?? false }

  /// Whether text is encoded as if a space stood before it (SentencePiece).
  public var addsSpacePrefix: Bool { pipeline.addsSpacePrefix }

  /// Whether generation ends at `id`.
  public func isEndOfText(_ id: Int32) -> Bool { endTokens.contains(id) }

  /// Whether `id` is a control or unknown token, which ``decode(_:skipSpecial:)`` leaves out unless told otherwise.
  public func isSpecial(_ id: Int32) -> Bool {
    guard let kind = kind(of: id) else { return false }
    return kind == .control || kind == .unknown
  }

  /// What `id` is for, or nil if the vocabulary has no such token.
  public func kind(of id: Int32) -> TokenKind? {
    id >= 0 && Int(id) < vocabularySize ? pipeline.vocabulary.kinds[Int(id)] : nil
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
    if text.isEmpty { return addSpecial ? pipeline.prefix + pipeline.suffix : [] }
    return withExtendedLifetime(self) { pipeline.encode(text, addSpecial: addSpecial, parseSpecial: parseSpecial) }
  }
}
