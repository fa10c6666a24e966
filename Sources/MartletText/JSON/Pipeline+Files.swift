extension Pipeline {
  /// What the files of Hugging Face describe.
  /// - Throws: ``TextError``.
  init(_ files: TokenizerFiles) throws(TextError) {
    // A typed error cannot pass through `withUnsafeBufferPointer` in every toolchain; a result can.
    let result = files.tokenizer.withUnsafeBufferPointer { bytes -> Result<TokenizerDocument, TextError> in
      do throws(TextError) { return .success(try TokenizerDocument(bytes)) } catch { return .failure(error) }
    }
    let special = try SpecialTokenConfiguration(files)
    let builder = try PipelineBuilder(try result.get(), special)
    self = try builder.pipeline(special)
  }
}

/// Puts a ``Pipeline`` together out of a `tokenizer.json`.
struct PipelineBuilder {
  private let document: TokenizerDocument
  private let preTokenizer: PreTokenizerConfiguration
  private let model: ModelConfiguration
  private var added: [AddedTokenConfiguration]
  /// The tokens of the model, then those added.
  private var tokens: ByteStringTable
  /// Of the tokens of roles those that are there.
  private var roles = Pipeline.Roles()

  init(_ document: TokenizerDocument, _ special: SpecialTokenConfiguration) throws(TextError) {
    self.document = document
    preTokenizer = try PreTokenizerConfiguration(document.preTokenizer)
    model = try ModelConfiguration(document.model, isByteLevel: preTokenizer.isByteLevel)
    tokens = document.model.tokens
    let lookup = SpellingLookup(tokens)
    added = try AddedTokenConfiguration.all(document.addedTokens, special.configuration, find: lookup.find)
    try addRoles(special, lookup)
    try append(added.filter { lookup.find($0.content) == nil })
    guard tokens.count > 0 else { throw .invalidVocabulary(reason: "it has no tokens") }
  }

  /// Finds tokens by their spelling in the file, made only if any is asked for.
  private final class SpellingLookup {
    private let tokens: ByteStringTable
    private lazy var index = TokenIndex(
      tokens, isText: FrozenBuffer([Bool](repeating: true, count: tokens.count)))

    init(_ tokens: ByteStringTable) { self.tokens = tokens }

    func find(_ text: String) -> Int32? {
      guard tokens.count > 0, !text.isEmpty else { return nil }
      let id = index.find(Array(text.utf8))
      return id >= 0 ? id : nil
    }
  }

  private mutating func addRoles(_ special: SpecialTokenConfiguration, _ lookup: SpellingLookup) throws(TextError) {
    let ids = Dictionary(added.map { ($0.content, $0.id) }, uniquingKeysWith: { first, _ in first })
    let wanted: [(name: String, role: WritableKeyPath<Pipeline.Roles, Int32?>, isNeeded: Bool)] = [
      ("bos_token", \.begin, true), ("eos_token", \.end, true), ("unk_token", \.unknown, false),
      ("pad_token", \.padding, false),
    ]
    for (name, role, isNeeded) in wanted {
      guard let (text, node) = try special.content(name), !text.isEmpty else { continue }
      if let id = ids[text] {
        roles[keyPath: role] = id
      } else if let id = lookup.find(text) {
        roles[keyPath: role] = id
        if !added.contains(where: { $0.content == text }) {
          added.append(AddedTokenConfiguration(special: text, id: id))
        }
      } else if isNeeded {
        throw node.unsupported("a token of the vocabulary")
      }
    }
    roles.unknown = roles.unknown ?? model.unknownToken
  }

  /// Adds tokens that the model lacks behind those that it has.
  ///
  /// Hugging Face tokenizers number these tokens themselves, whatever the file says: only a file that says the same means
  /// what it says.
  private mutating func append(_ more: [AddedTokenConfiguration]) throws(TextError) {
    let isPresent = document.model.isPresent
    var next = isPresent.isEmpty ? tokens.count : isPresent.count(where: \.self)
    for token in more {
      guard Int(token.id) == next, next >= tokens.count else {
        throw .invalidVocabulary(
          reason: "added token \"\(token.content)\" has the id \(token.id), expected \(max(next, tokens.count))")
      }
      try tokens.append(token.content.utf8)
      next += 1
    }
  }

  func pipeline(_ special: SpecialTokenConfiguration) throws(TextError) -> Pipeline {
    var kinds = [TokenKind](repeating: .normal, count: tokens.count)
    var isText = [Bool](repeating: false, count: tokens.count)
    for id in 0..<document.model.tokens.count {
      let isPresent = document.model.isPresent.isEmpty || document.model.isPresent[id]
      kinds[id] = isPresent ? .normal : .unused
      isText[id] = isPresent
    }
    if model.hasByteFallback {
      for id in kinds.indices where Vocabulary.byte(spelledBy: tokens[id]) != nil { kinds[id] = .byte }
    }
    for id in document.model.tokens.count..<tokens.count { kinds[id] = .unused }
    for token in added {
      if token.isSpecial && kinds[Int(token.id)] == .byte {
        throw .unsupportedField(
          field: "\(TokenizerFiles.tokenizerName): added_tokens", found: "\"\(token.content)\" as a special token",
          expected: "one that is not special, as model.byte_fallback makes it of text")
      }
      // What text becomes where the model knows no better steers nothing.
      let isUnknown = token.id == roles.unknown || token.id == model.unknownToken
      kinds[Int(token.id)] = token.isSpecial ? (isUnknown ? .unknown : .control) : .userDefined
      if token.isSpecial { isText[Int(token.id)] = false }
    }
    let vocabulary = try model.vocabulary(tokens, kinds, isText: isText)
    let normalizers = try Normalizer.steps(document.normalizer)
    let decoder = try decoder(vocabulary, normalizers)
    var pipeline = Pipeline(vocabulary, decoder)
    pipeline.normalizers = normalizers
    pipeline.setPreTokenizer(preTokenizer.steps)
    pipeline.addsSpacePrefix =
      preTokenizer.addsSpacePrefix
      || pipeline.normalizers.contains { if case .prepend = $0 { true } else { false } }
    pipeline.allTokens = matchers(pipeline.normalizers, ignoresSpecial: false)
    pipeline.plainTokens = matchers(pipeline.normalizers, ignoresSpecial: true)
    try setTemplate(&pipeline, special)
    return pipeline
  }

  /// Added tokens that are looked for in normalized text stand for what they look like there, as in Hugging Face
  /// tokenizers, so that the decoder can undo it.
  private func decoder(_ vocabulary: Vocabulary, _ normalizers: [Normalizer]) throws(TextError) -> TokenDecoder {
    let configuration = try DecoderConfiguration(document.decoder)
    var changed: [Int32: [UInt8]] = [:]
    for token in added where token.isNormalized {
      let original = Array(token.content.utf8)
      let normalized = Self.normalized(original, normalizers)
      if normalized != original { changed[token.id] = normalized }
    }
    if changed.isEmpty {
      return try configuration.decoder(tokens, plain: preTokenizer.isByteLevel ? vocabulary.index : nil)
    }
    var spellings = ByteStringTable()
    spellings.reserveCapacity(strings: tokens.count, bytes: tokens.bytes.count)
    for id in 0..<tokens.count {
      if let text = changed[Int32(truncatingIfNeeded: id)] {
        try spellings.append(text)
      } else {
        try spellings.append(tokens[id])
      }
    }
    return try configuration.decoder(spellings, plain: nil)
  }

  private static func normalized(_ text: [UInt8], _ normalizers: [Normalizer]) -> [UInt8] {
    normalizers.reduce(text) { text, normalizer in
      var output: [UInt8] = []
      var startsAtOrigin = true
      text.withUnsafeBufferPointer { normalizer.append($0, to: &output, startsAtOrigin: &startsAtOrigin) }
      return output
    }
  }

  private func matchers(_ normalizers: [Normalizer], ignoresSpecial: Bool) -> Pipeline.AddedTokens {
    var raw: [AddedToken] = []
    var normalized: [AddedToken] = []
    for token in added {
      var entry = AddedToken(
        text: Array(token.content.utf8), id: token.id, stripsLeft: token.stripsLeft, stripsRight: token.stripsRight,
        isSingleWord: token.isSingleWord, isIgnored: ignoresSpecial && token.isSpecial)
      if !token.isNormalized {
        raw.append(entry)
        continue
      }
      entry.text = Self.normalized(entry.text, normalizers)
      normalized.append(entry)
    }
    return .init(raw: AddedTokenMatcher(raw), normalized: AddedTokenMatcher(normalized))
  }

  private func setTemplate(_ pipeline: inout Pipeline, _ special: SpecialTokenConfiguration) throws(TextError) {
    let template = try PostProcessorConfiguration(document.postProcessor)
    pipeline.prefix = template.prefix
    pipeline.suffix = template.suffix
    for id in pipeline.prefix + pipeline.suffix { try check(id, "a token of the post-processor") }
    pipeline.roles = roles
    let ends = try special.generationEnds() ?? (roles.end.map { [$0] } ?? [])
    for id in ends { try check(id, "an eos_token_id of \(TokenizerFiles.generationName)") }
    let first = roles.end.map { ends.contains($0) ? [$0] : [] } ?? []
    for id in first + ends where !pipeline.roles.ends.contains(id) { pipeline.roles.ends.append(id) }
  }

  private func check(_ id: Int32, _ role: String) throws(TextError) {
    if Int(id) >= tokens.count { throw .tokenOutOfRange(role: role, id: id, vocabularySize: tokens.count) }
  }
}
