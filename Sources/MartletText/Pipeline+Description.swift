extension Pipeline {
  /// What a GGUF file describes.
  /// - Throws: whatever ``TokenizerDescription/validate()`` is documented to.
  init(_ description: TokenizerDescription) throws(TextError) {
    try description.validateTables()
    var addsBeginToken = description.addsBeginToken
    switch description.model {
    case .byteLevelBPE:
      let preTokenizer = try PreTokenizer(named: description.preTokenizer)
      try self.init(byteLevel: description, preTokenizer)
      setPreTokenizer(preTokenizer.stages.map { .split($0) })
      addsBeginToken = addsBeginToken ?? (preTokenizer.addsBeginToken && description.beginToken != nil)
      addsSpacePrefix = description.addsSpacePrefix ?? false
    case .sentencePieceBPE:
      let addsSpacePrefix = description.addsSpacePrefix ?? true
      try self.init(scored: description, addsSpacePrefix: addsSpacePrefix)
      self.addsSpacePrefix = addsSpacePrefix
      normalizers = [.replace([0x20], with: Metaspace.bytes)]
      if addsSpacePrefix { normalizers.insert(.prepend([0x20]), at: 0) }
      addsBeginToken = addsBeginToken ?? (description.beginToken != nil)
    }
    if addsBeginToken == true, let token = description.beginToken { prefix = [token] }
    if description.addsEndToken == true, let token = description.endToken { suffix = [token] }
    roles = Roles(
      begin: description.beginToken, end: description.endToken, unknown: description.unknownToken,
      padding: description.paddingToken)
    for token in (description.endToken.map { [$0] } ?? []) + description.additionalEndTokens
    where !roles.ends.contains(token) {
      roles.ends.append(token)
    }
    var all: [AddedToken] = []
    var plain: [AddedToken] = []
    for (id, kind) in vocabulary.kinds.enumerated() where kind == .control || kind == .userDefined || kind == .unknown {
      let token = AddedToken(text: Array(description.tokens[id]), id: Int32(truncatingIfNeeded: id))
      all.append(token)
      if kind == .userDefined { plain.append(token) }
    }
    allTokens.raw = AddedTokenMatcher(all)
    plainTokens.raw = AddedTokenMatcher(plain)
  }

  private init(byteLevel description: TokenizerDescription, _ preTokenizer: PreTokenizer) throws(TextError) {
    let kinds =
      description.kinds.isEmpty
      ? [TokenKind](repeating: .normal, count: description.tokens.count) : description.kinds
    let isText = FrozenBuffer.isText(kinds)
    let tokens = try Vocabulary.plainTokens(description.tokens) {
      kinds[$0] == .control || kinds[$0] == .userDefined || kinds[$0] == .unknown
    }.tokens
    let index = TokenIndex(tokens, isText: isText)
    let merges = try MergeTable(
      description.merges, separator: UInt8(ascii: " "), isByteLevel: true, index: index, isText: isText)
    let model = ByteLevelModel(
      merges: merges, byteTokens: Vocabulary.plainByteTokens(index, isText: isText),
      ignoresMerges: preTokenizer.ignoresMerges)
    self.init(
      Vocabulary(index: index, kinds: kinds, isText: isText, model: .byteLevel(model)),
      TokenDecoder(pieces: .init(bytes: index.bytes, offsets: index.offsets)))
  }

  private init(scored description: TokenizerDescription, addsSpacePrefix: Bool) throws(TextError) {
    let tokens = description.tokens
    var kinds =
      description.kinds.isEmpty
      ? (0..<tokens.count).map { Vocabulary.byte(spelledBy: tokens[$0]) == nil ? .normal : .byte } : description.kinds
    // Text becomes this token, so it steers nothing, whatever the table says.
    if let unknown = description.unknownToken, kinds[Int(unknown)] == .control { kinds[Int(unknown)] = .unknown }
    let isText = FrozenBuffer.isText(kinds)
    var byteTokens = [Int32](repeating: -1, count: 256)
    var byteValues = [Int16](repeating: -1, count: tokens.count)
    for id in kinds.indices where kinds[id] == .byte {
      guard let byte = Vocabulary.byte(spelledBy: tokens[id]) else {
        throw .invalidVocabulary(reason: "token \(id) \"\(tokens.string(at: id))\" is a byte but not spelled <0xNN>")
      }
      byteTokens[Int(byte)] = Int32(truncatingIfNeeded: id)
      byteValues[id] = Int16(byte)
    }
    var pieces = ByteStringTable()
    pieces.reserveCapacity(strings: tokens.count, bytes: tokens.bytes.count)
    var cutsBeforeMetaspace = true
    let space = Normalizer.replace(Metaspace.bytes, with: [0x20])
    var piece: [UInt8] = []
    for id in 0..<tokens.count {
      piece.removeAll(keepingCapacity: true)
      tokens[id].withUnsafeBufferPointer { token in
        if isText.base[id] && Metaspace.isInner(of: token) { cutsBeforeMetaspace = false }
        if kinds[id] == .normal || kinds[id] == .unused {
          var startsAtOrigin = true
          space.append(token, to: &piece, startsAtOrigin: &startsAtOrigin)
        } else {
          piece += token
        }
      }
      try pieces.append(piece)
    }
    let ranks = SentencePieceRule.ranks(scores: description.scores) { isText.base[$0] }
    let model = CharacterModel(
      rule: .scores(FrozenBuffer(ranks)), byteTokens: FrozenBuffer(byteTokens),
      cutsBeforeMetaspace: cutsBeforeMetaspace, unknown: UnknownRule(token: description.unknownToken))
    var decoder = TokenDecoder(pieces: .init(pieces))
    decoder.byteValues = FrozenBuffer(byteValues)
    decoder.leading.count = addsSpacePrefix ? 1 : 0
    self.init(
      Vocabulary(index: TokenIndex(tokens, isText: isText), kinds: kinds, isText: isText, model: .characters(model)),
      decoder)
  }
}
