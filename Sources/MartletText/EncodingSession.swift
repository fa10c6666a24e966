/// One text on its way to tokens: scratch memory and output of a single call. It borrows the vocabulary's memory and the
/// text's; ``Tokenizer`` keeps both alive meanwhile.
struct EncodingSession: ~Copyable {
  /// A piece longer than this, which no real text has, is cut, so that places within a word fit 32 bits.
  static let longestWord = 1 << 28

  let text: UnsafePointer<UInt8>
  let scanner: Scanner
  let stages: UnsafeBufferPointer<SplitStage>
  let index: TokenIndex.View
  let longestToken: Int
  let isText: UnsafePointer<Bool>
  var merger = WordMerger()
  var output: TokenBuffer
  var paths = ViterbiPaths()

  /// A session for `text`, which is valid UTF-8 and is cut into words by `stages`.
  init(
    _ text: UnsafeBufferPointer<UInt8>, base: UnsafePointer<UInt8>, stages: UnsafeBufferPointer<SplitStage>,
    vocabulary: Vocabulary
  ) {
    self.text = base
    self.stages = stages
    scanner = Scanner(text: base)
    index = vocabulary.index.view
    longestToken = vocabulary.index.longest
    isText = vocabulary.isText.base
    output = TokenBuffer(byteCount: text.count)
  }

  /// Adds a token that is not made from text.
  mutating func append(_ token: Int32) { output.append(token) }

  /// The tokens so far.
  var tokens: [Int32] { output.array() }

  /// Encodes the text in `range`.
  mutating func encode(_ range: Range<Int>, _ model: Model) {
    switch model {
    case .byteLevel(let model): encode(range, model, stage: 0)
    case .characters(let model): encode(range, model, stage: 0)
    case .unigram(let model): encode(range, model, stage: 0)
    }
  }

  /// A ``WordModel`` in plain pointers.
  enum Model {
    case byteLevel(ByteLevel)
    case characters(Characters)
    case unigram(UnigramModel)

    init(_ model: WordModel) {
      switch model {
      case .byteLevel(let model): self = .byteLevel(ByteLevel(model))
      case .characters(let model): self = .characters(Characters(model))
      case .unigram(let model): self = .unigram(model)
      }
    }
  }

  private mutating func encode(_ range: Range<Int>, _ model: some SessionModel, stage: Int) {
    if stage == stages.count { return model.encode(range, &self) }
    if !stages[stage].isolates {
      for piece in stages[stage].pieces(scanner, range) { encode(piece, model, stage: stage + 1) }
      return
    }
    let pattern = stages[stage].pattern
    var start = range.lowerBound
    while start < range.upperBound {
      let match = pattern.nextMatch(scanner, from: start, to: range.upperBound)
      if match.lowerBound > start { encode(start..<match.lowerBound, model, stage: stage + 1) }
      if !match.isEmpty { encode(match, model, stage: stage + 1) }
      start = match.upperBound
    }
  }

  // MARK: Shared by the models

  /// The token that is `count` bytes at `place` as a whole and that text may become, or -1.
  @inline(__always)
  func textToken(_ place: Int, _ count: Int) -> Int32 {
    if count > longestToken { return -1 }
    let id = index.find(text + place, count)
    return id >= 0 && isText[Int(id)] ? id : -1
  }

  /// Where the word from `start` ends: at `end`, or before the next run of `▁` if text can be cut there.
  @inline(__always)
  func wordEnd(from start: Int, to end: Int, cutsBeforeMetaspace: Bool) -> Int {
    guard cutsBeforeMetaspace else { return end }
    var place = start
    while place < end, Metaspace.stands(at: place, of: text, end: end) { place += 3 }
    while place < end, !Metaspace.stands(at: place, of: text, end: end) { place += 1 }
    return place
  }
}

/// What an ``EncodingSession`` turns words into tokens by.
protocol SessionModel {
  /// Adds the tokens of the word at `range` of the session's text.
  func encode(_ range: Range<Int>, _ session: inout EncodingSession)
}
