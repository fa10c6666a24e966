extension TokenizerDescription {
  /// The tokenizer of a folder of Hugging Face in the terms of GGUF files, which know a choice of families where
  /// `tokenizer.json` spells out every step.
  ///
  /// Families are told by what their steps do, not by names. Unicode's composition (NFC), which GGUF files have no word for, is
  /// left out: that is how all files of these families are made, and only text that is not composed already is affected.
  /// - Parameter notes: receives a sentence for everything else that a GGUF file cannot say and that changes little.
  /// - Throws: ``TextError/unsupportedField(field:found:expected:)`` for what would make other tokens, and whatever
  ///   ``Tokenizer/init(_:)-(TokenizerFiles)`` throws.
  package init(_ files: TokenizerFiles, notes: inout [String]) throws(TextError) {
    let pipeline = try Pipeline(files)
    let result = files.tokenizer.withUnsafeBufferPointer { bytes -> Result<TokenizerDocument, TextError> in
      do throws(TextError) { return .success(try TokenizerDocument(bytes)) } catch { return .failure(error) }
    }
    let document = try result.get()
    switch pipeline.vocabulary.model {
    case .byteLevel(let model):
      self.init(model: .byteLevelBPE, tokens: ByteStringTable())
      preTokenizer = try Self.family(of: pipeline, ignoresMerges: model.ignoresMerges)
      merges = try Self.merges(document.model.merges)
      addsSpacePrefix = false
    case .characters(let model):
      self.init(model: .sentencePieceBPE, tokens: ByteStringTable())
      guard !model.ignoresMerges else { throw Self.failure("model.ignore_merges", "true", "false") }
      guard let byteTokens = model.byteTokens, (0..<256).allSatisfy({ byteTokens.base[$0] >= 0 }) else {
        throw Self.failure("model.byte_fallback", "not there for all bytes", "true, with the tokens <0x00> to <0xFF>")
      }
      addsSpacePrefix = try Self.spacePrefix(of: pipeline, notes: &notes)
      scores = try SentencePieceScores(document.model.merges, pipeline.vocabulary).scores
    case .unigram:
      throw Self.failure("model.type", "Unigram", "BPE: llama.cpp has no decoder with a Unigram vocabulary")
    }
    kinds = pipeline.vocabulary.kinds
    tokens = try Self.spellings(document, files, kinds, notes: &notes)
    try setRoles(pipeline, notes: &notes)
    try validate()
  }

  private static func failure(_ field: String, _ found: String, _ expected: String) -> TextError {
    .unsupportedField(
      field: "\(TokenizerFiles.tokenizerName): \(field)", found: found, expected: "\(expected) (for a GGUF file)")
  }

  /// The names of the split patterns that llama.cpp knows too, one for each of them.
  private static let families = [
    "gpt-2", "smollm", "llama-bpe", "qwen2", "deepseek-llm", "deepseek-coder", "deepseek-v3",
  ]

  private static func family(of pipeline: Pipeline, ignoresMerges: Bool) throws(TextError) -> String {
    guard pipeline.normalizers.allSatisfy({ $0 == .form(.nfc) }) else {
      throw failure("normalizer", "more than NFC", "NFC or none")
    }
    guard pipeline.preparation.isEmpty else {
      throw failure("pre_tokenizer", "one that adds spaces", "one that only cuts text")
    }
    var hasPattern = false
    for name in families {
      let family = try PreTokenizer(named: name)
      guard family.stages == pipeline.stages else { continue }
      if family.ignoresMerges == ignoresMerges { return name }
      hasPattern = true
    }
    if hasPattern {
      throw failure("model.ignore_merges", "\(ignoresMerges)", "\(!ignoresMerges), as it goes with the pre_tokenizer")
    }
    throw failure(
      "pre_tokenizer", "a way to cut text that has no name there", "that of \(families.joined(separator: ", "))")
  }

  /// Merges with a space between the two tokens, which byte-level tokens have none of.
  private static func merges(_ merges: ByteStringTable) throws(TextError) -> ByteStringTable {
    var output = ByteStringTable()
    output.reserveCapacity(strings: merges.count, bytes: merges.bytes.count)
    for index in 0..<merges.count {
      let merge = merges[index]
      guard !merge.contains(0x20) else { throw failure("model.merges", "a merge with a space in a token", "none") }
      try output.append(merge.map { $0 == ModelDocument.mergeSeparator ? 0x20 : $0 })
    }
    return output
  }

  /// Whether a SentencePiece vocabulary sees a space before a text.
  private static func spacePrefix(of pipeline: Pipeline, notes: inout [String]) throws(TextError) -> Bool {
    let space = Normalizer.replace([0x20], with: Metaspace.bytes)
    guard pipeline.stages.isEmpty else {
      throw failure("pre_tokenizer", "one that cuts text", "none, or Metaspace with split false")
    }
    if pipeline.preparation.isEmpty {
      switch pipeline.normalizers {
      case [space]: return false
      case [.prepend(Metaspace.bytes), space]: return true
      default: throw failure("normalizer", "another", "Prepend (or not) and Replace of a space by ▁")
      }
    }
    guard pipeline.normalizers.isEmpty, pipeline.preparation.count == 1,
      case .rewrite(.metaspace(Metaspace.bytes, let scheme)) = pipeline.preparation[0]
    else { throw failure("pre_tokenizer", "another", "Metaspace with ▁ alone") }
    if scheme == .first {
      notes.append(
        "text after a special token will begin with a space, which tokenizer.json asks for at the very beginning only")
    }
    return scheme != .never
  }

  /// The tokens as GGUF files spell them: those of the model, the added ones, and a name for ids without a token.
  private static func spellings(
    _ document: TokenizerDocument, _ files: TokenizerFiles, _ kinds: [TokenKind], notes: inout [String]
  ) throws(TextError) -> ByteStringTable {
    let model = document.model
    let index = TokenIndex(
      model.tokens, isText: FrozenBuffer([Bool](repeating: true, count: model.tokens.count)))
    func find(_ text: String) -> Int32? {
      guard model.tokens.count > 0, !text.isEmpty else { return nil }
      let id = index.find(Array(text.utf8))
      return id >= 0 ? id : nil
    }
    let configuration = try SpecialTokenConfiguration(files).configuration
    let added = try AddedTokenConfiguration.all(document.addedTokens, configuration, find: find)
    var contents: [Int: String] = [:]
    for token in added { contents[Int(token.id)] = token.content }
    let flagged = added.filter { $0.stripsLeft || $0.stripsRight || $0.isSingleWord }
    if let first = flagged.first {
      notes.append(
        "\(flagged.count) added tokens treat the text beside them in ways that GGUF files do not say (lstrip, rstrip or "
          + "single_word), such as \(first.content)")
    }
    var tokens = ByteStringTable()
    tokens.reserveCapacity(strings: kinds.count, bytes: model.tokens.bytes.count + 16 * added.count)
    for id in kinds.indices {
      if id < model.tokens.count, !model.tokens[id].isEmpty {
        try tokens.append(model.tokens[id])
      } else {
        try tokens.append((contents[id] ?? paddingSpelling(id)).utf8)
      }
    }
    return tokens
  }

  /// What an id is called that no token has.
  package static func paddingSpelling(_ id: Int) -> String { "[PAD\(id)]" }

  private mutating func setRoles(_ pipeline: Pipeline, notes: inout [String]) throws(TextError) {
    let roles = pipeline.roles
    beginToken = roles.begin ?? pipeline.prefix.first
    endToken = roles.end ?? pipeline.suffix.last ?? roles.ends.first
    unknownToken = roles.unknown
    paddingToken = roles.padding
    additionalEndTokens = roles.ends.filter { $0 != endToken }
    guard pipeline.prefix.isEmpty || pipeline.prefix == [beginToken] else {
      throw Self.failure("post_processor", "one that puts the tokens \(pipeline.prefix) first", "the bos_token alone")
    }
    guard pipeline.suffix.isEmpty || pipeline.suffix == [endToken] else {
      throw Self.failure("post_processor", "one that puts the tokens \(pipeline.suffix) last", "the eos_token alone")
    }
    addsBeginToken = !pipeline.prefix.isEmpty
    addsEndToken = !pipeline.suffix.isEmpty
  }
}
