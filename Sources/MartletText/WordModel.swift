/// How a word becomes tokens.
enum WordModel: Sendable {
  /// Byte-level BPE: a word is its bytes.
  case byteLevel(ByteLevelModel)
  /// BPE of characters, by a list of merges or by scores.
  case characters(CharacterModel)
  /// The most probable of all ways to spell a word.
  case unigram(UnigramModel)
}

/// Byte-level byte-pair encoding: Radford et al. 2019.
struct ByteLevelModel: Sendable {
  let merges: MergeTable
  /// The single-byte tokens by byte, -1 where there is none.
  let byteTokens: FrozenBuffer<Int32>
  /// A word that is a token as a whole becomes that token without merging.
  var ignoresMerges = false
  var unknown = UnknownRule()
}

/// What becomes of what no token spells.
struct UnknownRule: Sendable {
  /// Stands for it; if there is none it is left out.
  var token: Int32?
  /// Neighbours share one token.
  var isFused = false
}

/// Byte-pair encoding of characters with byte fallback: Kudo and Richardson 2018.
struct CharacterModel: Sendable {
  /// Which neighbours merge.
  enum Rule: Sendable {
    /// The pairs of a list. Characters without a token become bytes, or unknown, before.
    case merges(MergeTable)
    /// Those whose text is a token, by the rank of its score. Characters without a token may merge to one, and become
    /// bytes, or unknown, afterwards.
    case scores(FrozenBuffer<UInt32>)
  }

  let rule: Rule
  /// The tokens `<0xNN>` by byte, -1 where there is none; nil without byte fallback.
  let byteTokens: FrozenBuffer<Int32>?
  /// Text can be cut before each run of `▁`: no token has one within, and `▁` is a token.
  let cutsBeforeMetaspace: Bool
  var ignoresMerges = false
  var unknown = UnknownRule()
}

/// Unigram language model: Kudo 2018.
struct UnigramModel: Sendable {
  /// The logarithm of each token's probability.
  let scores: FrozenBuffer<Double>
  /// That of a character without a token.
  let unknownScore: Double
  let unknownToken: Int32
  /// The tokens `<0xNN>` by byte, -1 where there is none; nil without byte fallback.
  let byteTokens: FrozenBuffer<Int32>?
  let cutsBeforeMetaspace: Bool
  /// By the first two bytes the length of the longest token that begins with them.
  let longest: FrozenBuffer<UInt32>

  /// How much less than the worst token an unknown character counts.
  private static let unknownPenalty = 10.0

  init(
    scores: [Double], unknownToken: Int32, byteTokens: FrozenBuffer<Int32>?, index: TokenIndex,
    isText: FrozenBuffer<Bool>
  ) {
    self.scores = FrozenBuffer(scores)
    self.unknownToken = unknownToken
    self.byteTokens = byteTokens
    unknownScore = (scores.min() ?? 0) - Self.unknownPenalty
    let view = index.view
    let metaspace = index.find(Metaspace.bytes)
    var isCut = metaspace >= 0 && isText.base[Int(metaspace)]
    longest = FrozenBuffer(repeating: 0, count: 1 << 16) { longest in
      for id in 0..<index.count where isText.base[id] {
        let start = Int(view.offsets[id])
        let token = UnsafeBufferPointer(start: view.bytes + start, count: Int(view.offsets[id + 1]) - start)
        guard let base = token.baseAddress, !token.isEmpty else { continue }
        if Metaspace.isInner(of: token) { isCut = false }
        let length = UInt32(truncatingIfNeeded: token.count)
        if token.count >= 2 {
          let key = Int(base[0]) << 8 | Int(base[1])
          longest[key] = max(longest[key], length)
        }
      }
    }
    cutsBeforeMetaspace = isCut
  }
}
