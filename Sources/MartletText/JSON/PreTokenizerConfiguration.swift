/// What the pre-tokenizer of a `tokenizer.json` asks for.
struct PreTokenizerConfiguration {
  private(set) var steps: [Pipeline.PreTokenizerStep] = []
  /// Whether words reach the model as bytes (`ByteLevel`).
  private(set) var isByteLevel = false
  /// Whether it puts a space, or a character that stands for one, before a text.
  private(set) var addsSpacePrefix = false

  init(_ node: JSONNode?) throws(TextError) {
    if let node { try read(node) }
  }

  private mutating func read(_ node: JSONNode) throws(TextError) {
    let type = try node["type"]
    if isByteLevel { throw type.unsupported("no step after ByteLevel") }
    switch try type.string() {
    case "Sequence":
      for child in try node["pretokenizers"].elements() { try read(child) }
    case "ByteLevel":
      if try node.bool("add_prefix_space", or: true) {
        steps.append(.rewrite(.prefixSpace))
        addsSpacePrefix = true
      }
      if try node.bool("use_regex", or: true) { steps.append(.split(SplitStage(.gpt2))) }
      isByteLevel = true
    case "Split": try readSplit(node)
    case "Digits":
      let isIndividual = try node.bool("individual_digits", or: false)
      steps.append(.split(SplitStage(.digits, isIndividual ? .isolated : .contiguous)))
    case "Punctuation":
      steps.append(.split(SplitStage(.punctuationMark, try behavior(node, or: .isolated))))
    case "Whitespace": steps.append(.split(SplitStage(.wordsOrSigns, .removed, isInverted: true)))
    case "WhitespaceSplit": steps.append(.split(SplitStage(.whiteSpace, .removed)))
    case "Metaspace": try readMetaspace(node)
    default:
      throw type.unsupported(
        "one of ByteLevel, Digits, Metaspace, Punctuation, Sequence, Split, Whitespace, WhitespaceSplit")
    }
  }

  private func behavior(_ node: JSONNode, or otherwise: SplitStage.Behavior?) throws(TextError) -> SplitStage.Behavior {
    let field = try node["behavior"]
    if let otherwise, case .null = field.value { return otherwise }
    guard let behavior = SplitStage.Behavior(rawValue: try field.string()) else {
      throw field.unsupported("one of \(SplitStage.Behavior.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    return behavior
  }

  private mutating func readSplit(_ node: JSONNode) throws(TextError) {
    let behavior = try behavior(node, or: nil)
    let isInverted = try node.bool("invert", or: false)
    let pattern = try node["pattern"]
    let found: SplitPattern
    if let regex = try pattern.optional("Regex") {
      guard let known = SplitPattern(regex: try regex.string()) else {
        throw regex.unsupported("a pattern that Martlet has a scanner for")
      }
      found = known
    } else {
      let text = try pattern["String"]
      guard let literal = SplitPattern.literal(try text.string()) else { throw text.unsupported("one to eight bytes") }
      found = literal
    }
    steps.append(.split(SplitStage(found, behavior, isInverted: isInverted)))
  }

  private mutating func readMetaspace(_ node: JSONNode) throws(TextError) {
    let scheme = try Rewrite.PrependScheme(node)
    let replacement = try node["replacement"]
    let character = try replacement.string()
    guard character.unicodeScalars.count == 1, character != " ", let pattern = SplitPattern.literal(character) else {
      throw replacement.unsupported("one character other than a space")
    }
    steps.append(.rewrite(.metaspace(Array(character.utf8), scheme)))
    if scheme != .never { addsSpacePrefix = true }
    if try node.bool("split", or: true) { steps.append(.split(SplitStage(pattern, .mergedWithNext))) }
  }
}

extension Rewrite.PrependScheme {
  /// The scheme of `node`, a `Metaspace`; files of before 2024 say `add_prefix_space` instead.
  init(_ node: JSONNode) throws(TextError) {
    let addsPrefix = try node.bool("add_prefix_space", or: true)
    guard let field = try node.optional("prepend_scheme") else {
      self = addsPrefix ? .always : .never
      return
    }
    guard let scheme = Self(rawValue: try field.string()) else {
      throw field.unsupported("one of \(Self.allCases.map(\.rawValue).joined(separator: ", "))")
    }
    if !addsPrefix && scheme != .never { throw field.unsupported("never, as add_prefix_space is false") }
    self = scheme
  }
}
