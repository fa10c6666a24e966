/// What the decoder of a `tokenizer.json` asks for: what each token becomes by itself, and what happens to all in a row.
///
/// Steps that look at one token come first, then `ByteFallback`, then `Fuse` or `ByteLevel`, which join all, then `Strip`.
/// Another order is refused.
struct DecoderConfiguration {
  private enum Step: Equatable {
    case replace([UInt8], with: [UInt8])
    case metaspace([UInt8], dropsInFirst: Bool)
    case byteLevel
  }

  private var steps: [Step] = []
  private var hasByteFallback = false
  private var isJoined = false
  private var separator: [UInt8] = []
  private var leading: (character: UInt8, count: Int) = (0x20, 0)

  init(_ node: JSONNode?) throws(TextError) {
    if let node { try read(node) } else { separator = [0x20] }
  }

  private mutating func read(_ node: JSONNode) throws(TextError) {
    let type = try node["type"]
    switch try type.string() {
    case "Sequence":
      for child in try node["decoders"].elements() { try read(child) }
    case "Replace":
      try checkOrder(type)
      let text = try node["pattern"]["String"]
      let pattern = Array(try text.string().utf8)
      guard !pattern.isEmpty else { throw text.unsupported("a text that is not empty") }
      steps.append(.replace(pattern, with: Array(try node["content"].string().utf8)))
    case "Metaspace":
      try checkOrder(type)
      let scheme = try Rewrite.PrependScheme(node)
      steps.append(.metaspace(Array(try node["replacement"].string().utf8), dropsInFirst: scheme != .never))
    case "ByteFallback":
      try checkOrder(type)
      hasByteFallback = true
    case "ByteLevel":
      try checkOrder(type)
      steps.append(.byteLevel)
      isJoined = true
    case "Fuse":
      isJoined = true
    case "Strip":
      guard isJoined else { throw type.unsupported("Fuse before Strip") }
      try readStrip(node)
    default:
      throw type.unsupported("one of ByteFallback, ByteLevel, Fuse, Metaspace, Replace, Sequence, Strip")
    }
  }

  private func checkOrder(_ type: JSONNode) throws(TextError) {
    if isJoined { throw type.unsupported("Strip after Fuse or ByteLevel") }
    if hasByteFallback { throw type.unsupported("Fuse after ByteFallback") }
  }

  private mutating func readStrip(_ node: JSONNode) throws(TextError) {
    if leading.count > 0 { throw try node["type"].unsupported("Strip only once") }
    let content = try node["content"]
    guard let character = try content.string().utf8.first, character < 0x80, try content.string().utf8.count == 1 else {
      throw content.unsupported("one ASCII character")
    }
    let stop = try node["stop"]
    guard try stop.tokenID() == 0 else { throw stop.unsupported("0") }
    leading = (character, Int(try node["start"].tokenID()))
  }

  /// The decoder of `tokens`, which are spelled as in the file; `plain` is an index of what they stand for if the
  /// vocabulary has one already.
  func decoder(_ tokens: ByteStringTable, plain: TokenIndex?) throws(TextError) -> TokenDecoder {
    var decoder: TokenDecoder
    if steps == [.byteLevel], let plain {
      decoder = TokenDecoder(pieces: .init(bytes: plain.bytes, offsets: plain.offsets))
    } else {
      decoder = TokenDecoder(pieces: .init(try pieces(tokens, isFirst: false)))
      let dropsInFirst = steps.contains { if case .metaspace(_, dropsInFirst: true) = $0 { true } else { false } }
      if dropsInFirst { decoder.firstPieces = .init(try pieces(tokens, isFirst: true)) }
    }
    if hasByteFallback {
      decoder.byteValues = FrozenBuffer(
        (0..<tokens.count).map { Vocabulary.byte(spelledBy: tokens[$0]).map(Int16.init) ?? -1 })
    }
    decoder.separator = separator
    decoder.leading = leading
    return decoder
  }

  private func pieces(_ tokens: ByteStringTable, isFirst: Bool) throws(TextError) -> ByteStringTable {
    var tokens = tokens
    for step in steps {
      switch step {
      case .byteLevel: tokens = try Vocabulary.plainTokens(tokens) { _ in false }.tokens
      case .replace(let pattern, let content): tokens = try Self.replaced(tokens, pattern, content)
      case .metaspace(let character, let dropsInFirst):
        tokens = try Self.replaced(tokens, character, isFirst && dropsInFirst ? [] : [0x20])
      }
    }
    return tokens
  }

  private static func replaced(
    _ tokens: ByteStringTable, _ pattern: [UInt8], _ content: [UInt8]
  ) throws(TextError) -> ByteStringTable {
    let step = Normalizer.replace(pattern, with: content)
    var output = ByteStringTable()
    output.reserveCapacity(strings: tokens.count, bytes: tokens.bytes.count)
    var piece: [UInt8] = []
    for id in 0..<tokens.count {
      piece.removeAll(keepingCapacity: true)
      var startsAtOrigin = true
      tokens[id].withUnsafeBufferPointer { step.append($0, to: &piece, startsAtOrigin: &startsAtOrigin) }
      try output.append(piece)
    }
    return output
  }
}
