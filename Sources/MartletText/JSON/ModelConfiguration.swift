/// What the `model` of a `tokenizer.json` asks for.
struct ModelConfiguration {
  private let document: ModelDocument
  private let isByteLevel: Bool
  let hasByteFallback: Bool
  private let ignoresMerges: Bool
  private let fusesUnknown: Bool
  private(set) var unknownToken: Int32?

  init(_ document: ModelDocument, isByteLevel: Bool) throws(TextError) {
    self.document = document
    self.isByteLevel = isByteLevel
    var fields = Dictionary(document.fields.map { ($0.key, $0.node) }, uniquingKeysWith: { $1 })
    func take(_ name: String) -> JSONNode? { fields.removeValue(forKey: name) }

    let type = take("type")
    // Files of before 2021 leave the type out.
    let name = try type?.string() ?? (document.isUnigram ? "Unigram" : "BPE")
    guard name == "BPE" || name == "Unigram" else {
      throw type?.unsupported("BPE or Unigram") ?? .invalidVocabulary(reason: "it has no model")
    }
    guard (name == "Unigram") == document.isUnigram else {
      throw .invalidVocabulary(
        reason: "the model is \(name), but model.vocab is \(document.isUnigram ? "a list" : "an object")")
    }
    if let dropout = take("dropout") {
      guard case .number(let number) = dropout.value, number == 0 else { throw dropout.unsupported("0 or null") }
    }
    for affix in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let node = take(affix), try !node.string().isEmpty { throw node.unsupported("nothing") }
    }
    hasByteFallback = try take("byte_fallback")?.bool() ?? false
    ignoresMerges = try take("ignore_merges")?.bool() ?? false
    fusesUnknown = try take("fuse_unk")?.bool() ?? false
    if let node = take("unk_token") {
      let text = try node.string()
      unknownToken = (0..<document.tokens.count).first { document.tokens[$0].elementsEqual(text.utf8) }
        .map { Int32(truncatingIfNeeded: $0) }
      if unknownToken == nil { throw node.unsupported("a token of model.vocab") }
    }
    if let node = take("unk_id") {
      unknownToken = try node.tokenID()
      guard Int(try node.tokenID()) < document.tokens.count else {
        throw node.unsupported("an index of model.vocab, which has \(document.tokens.count) tokens")
      }
    }
    if let (_, node) = fields.min(by: { $0.key < $1.key }) { throw node.unsupported("no field of this name") }
    if document.isUnigram {
      if isByteLevel {
        throw .unsupportedField(
          field: "\(TokenizerFiles.tokenizerName): pre_tokenizer", found: "ByteLevel",
          expected: "another, as model.type is Unigram")
      }
      if unknownToken == nil {
        throw .unsupportedField(
          field: "\(TokenizerFiles.tokenizerName): model.unk_id", found: "nothing", expected: "the id of a token")
      }
    }
  }

  /// The vocabulary of `tokens`, which are spelled as in the file and begin with those of the model.
  func vocabulary(
    _ tokens: ByteStringTable, _ kinds: [TokenKind], isText: [Bool]
  ) throws(TextError) -> Vocabulary {
    let unknown = UnknownRule(token: unknownToken, isFused: fusesUnknown)
    if isByteLevel {
      let (plain, isDecoded) = try Vocabulary.plainTokens(tokens) { _ in false }
      // What is not in the alphabet of bytes cannot come from text.
      let isText = FrozenBuffer(zip(isText, isDecoded).map { $0 && $1 })
      let index = TokenIndex(plain, isText: isText)
      let byteTokens = Vocabulary.plainByteTokens(index, isText: isText)
      if hasByteFallback, (0..<256).contains(where: { byteTokens.base[$0] < 0 }) {
        throw .unsupportedField(
          field: "\(TokenizerFiles.tokenizerName): model.byte_fallback", found: "true",
          expected: "false, as the ByteLevel vocabulary lacks bytes")
      }
      let model = ByteLevelModel(
        merges: try merges(index, isText), byteTokens: byteTokens, ignoresMerges: ignoresMerges, unknown: unknown)
      return Vocabulary(index: index, kinds: kinds, isText: isText, model: .byteLevel(model))
    }
    var isText = isText
    if document.isUnigram, let unknownToken { isText[Int(unknownToken)] = false }
    let isTextTable = FrozenBuffer(isText)
    let index = TokenIndex(tokens, isText: isTextTable)
    let byteTokens = hasByteFallback ? Vocabulary.byteTokens(index) : nil
    if document.isUnigram, let unknownToken {
      let model = UnigramModel(
        scores: document.scores, unknownToken: unknownToken, byteTokens: byteTokens, index: index, isText: isTextTable)
      return Vocabulary(index: index, kinds: kinds, isText: isTextTable, model: .unigram(model))
    }
    let merges = try merges(index, isTextTable)
    let metaspace = index.find(Metaspace.bytes)
    let model = CharacterModel(
      rule: .merges(merges), byteTokens: byteTokens,
      cutsBeforeMetaspace: merges.isCutBeforeMetaspace && metaspace >= 0 && isText[Int(metaspace)],
      ignoresMerges: ignoresMerges, unknown: unknown)
    return Vocabulary(index: index, kinds: kinds, isText: isTextTable, model: .characters(model))
  }

  private func merges(_ index: TokenIndex, _ isText: FrozenBuffer<Bool>) throws(TextError) -> MergeTable {
    try MergeTable(
      document.merges, separator: ModelDocument.mergeSeparator, isByteLevel: isByteLevel, index: index, isText: isText)
  }
}
