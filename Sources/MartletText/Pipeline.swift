/// All that text goes through on its way to tokens and back: what a ``Tokenizer`` is made of, whatever file it came from.
struct Pipeline: Sendable {
  /// Added tokens are looked for twice: some in the text as it is, the others in what normalizers have made of it.
  struct AddedTokens: Sendable {
    var raw = AddedTokenMatcher([])
    var normalized = AddedTokenMatcher([])
  }

  /// What cuts and rewrites text before words become tokens.
  enum PreTokenizerStep: Sendable, Equatable {
    case split(SplitStage)
    case rewrite(Rewrite)
  }

  /// The tokens of the vocabulary that have a role; whatever they are for, they are ids of it.
  struct Roles: Sendable {
    var begin: Int32?
    var end: Int32?
    var unknown: Int32?
    var padding: Int32?
    /// The tokens that end generation, without duplicates.
    var ends: [Int32] = []
  }

  let vocabulary: Vocabulary
  let decoder: TokenDecoder
  /// What is looked for if control tokens in text stay text, and if they are read.
  var plainTokens = AddedTokens()
  var allTokens = AddedTokens()
  var normalizers: [Normalizer] = []
  /// The pre-tokenizer up to its last rewriting step, and the stages after that.
  private(set) var preparation: [PreTokenizerStep] = []
  private(set) var stages: [SplitStage] = []
  /// What a text is put between if special tokens are asked for.
  var prefix: [Int32] = []
  var suffix: [Int32] = []
  var roles = Roles()
  /// Whether text is encoded as if a space stood before it.
  var addsSpacePrefix = false

  init(_ vocabulary: Vocabulary, _ decoder: TokenDecoder) {
    self.vocabulary = vocabulary
    self.decoder = decoder
  }

  /// Sets the steps of the pre-tokenizer.
  mutating func setPreTokenizer(_ steps: [PreTokenizerStep]) {
    let firstStage =
      steps.lastIndex {
        if case .rewrite = $0 { true } else { false }
      }.map { $0 + 1 } ?? 0
    preparation = Array(steps[..<firstStage])
    stages = steps[firstStage...].compactMap {
      if case .split(let stage) = $0 { stage } else { nil }
    }
  }

  /// The tokens of `text`, which is valid UTF-8 and not empty, without prefix and suffix.
  func encode(
    _ text: UnsafeBufferPointer<UInt8>, addSpecial: Bool, parseSpecial: Bool
  ) -> [Int32] {
    let added = parseSpecial ? allTokens : plainTokens
    var prepared = PreparedText(text)
    prepared.extract(added.raw)
    for normalizer in normalizers {
      if case .form = normalizer, prepared.isASCII() { continue }
      prepared.rewrite { normalizer.append($0, to: &$1, startsAtOrigin: &$2) }
    }
    prepared.extract(added.normalized)
    for step in preparation {
      switch step {
      case .split(let stage): prepared.split(stage)
      case .rewrite(let rewrite): prepared.rewrite { rewrite.append($0, to: &$1, startsAtOrigin: &$2) }
      }
    }
    let fragments = prepared.fragments
    return withExtendedLifetime(vocabulary) {
      prepared.withText { encodeFragments(fragments, of: $0, addSpecial) }
    }
  }

  private func encodeFragments(
    _ fragments: [PreparedText.Fragment], of text: UnsafeBufferPointer<UInt8>, _ addSpecial: Bool
  ) -> [Int32] {
    guard let base = text.baseAddress else {
      return (addSpecial ? prefix : []) + fragments.map(\.token) + (addSpecial ? suffix : [])
    }
    return stages.withUnsafeBufferPointer { stages in
      var session = EncodingSession(text, base: base, stages: stages, vocabulary: vocabulary)
      let model = EncodingSession.Model(vocabulary.model)
      if addSpecial { for token in prefix { session.append(token) } }
      for fragment in fragments {
        if fragment.token >= 0 { session.append(fragment.token) } else { session.encode(fragment.range, model) }
      }
      if addSpecial { for token in suffix { session.append(token) } }
      return session.tokens
    }
  }
}
