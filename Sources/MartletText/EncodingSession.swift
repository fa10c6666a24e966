/// One text on its way to tokens: scanners, scratch memory and output of a single call. It borrows the vocabulary's
/// memory and the text's; ``Tokenizer`` keeps both alive meanwhile.
struct EncodingSession: ~Copyable {
  /// A piece longer than this, which no real text has, is cut, so that places within a word fit 32 bits.
  private static let longestWord = 1 << 28

  private let text: UnsafePointer<UInt8>
  private let index: TokenIndex.View
  private let longestToken: Int
  private var merger = WordMerger()
  private var output: TokenBuffer
  private var escaped: [UInt8] = []

  /// A session for `text`, which is valid UTF-8.
  init(_ text: UnsafeBufferPointer<UInt8>, base: UnsafePointer<UInt8>, index: TokenIndex) {
    self.text = base
    self.index = index.view
    longestToken = index.longest
    output = TokenBuffer(byteCount: text.count)
  }

  /// Adds a token that is not made from text.
  mutating func append(_ token: Int32) { output.append(token) }

  /// The tokens so far.
  var tokens: [Int32] { output.array() }

  // MARK: Byte-level BPE

  /// What words become tokens by, in plain pointers.
  struct ByteLevel {
    let scanner: Scanner
    let stages: UnsafeBufferPointer<SplitStage>
    let merges: MergeTable.View
    let byteTokens: UnsafePointer<Int32>
    let kinds: UnsafeBufferPointer<TokenKind>
    let ignoresMerges: Bool
  }

  /// Encodes the text in `range` by byte-level BPE.
  mutating func encode(_ range: Range<Int>, _ model: ByteLevel, stage: Int = 0) {
    if stage == model.stages.count { return encodeWord(range, model) }
    let pattern = model.stages[stage]
    var start = range.lowerBound
    while start < range.upperBound {
      let match = pattern.nextMatch(model.scanner, from: start, to: range.upperBound)
      if match.lowerBound > start { encode(start..<match.lowerBound, model, stage: stage + 1) }
      if !match.isEmpty { encode(match, model, stage: stage + 1) }
      start = match.upperBound
    }
  }

  @inline(__always)
  private mutating func encodeWord(_ word: Range<Int>, _ model: ByteLevel) {
    guard let hash = output.appendKnown(text, word.lowerBound, word.count) else { return }
    let tokenStart = output.count
    mergeBytes(word, model)
    output.remember(word.lowerBound, word.count, hash: hash, tokenStart: tokenStart)
  }

  private mutating func mergeBytes(_ word: Range<Int>, _ model: ByteLevel) {
    if word.count > Self.longestWord {
      let middle = word.lowerBound + Self.longestWord
      mergeBytes(word.lowerBound..<middle, model)
      return mergeBytes(middle..<word.upperBound, model)
    }
    if model.ignoresMerges && word.count <= longestToken {
      let id = index.find(text + word.lowerBound, word.count)
      if id >= 0 && Vocabulary.isText(model.kinds[Int(id)]) { return output.append(id) }
    }
    merger.begin(symbolCount: word.count)
    for place in word {
      let id = model.byteTokens[Int(text[place])]
      // A byte that the vocabulary lacks is left out, as Hugging Face tokenizers and llama.cpp do.
      if id >= 0 {
        merger.append(Symbol(id: id, start: UInt32(truncatingIfNeeded: place - word.lowerBound), length: 1))
      }
    }
    merger.run(model.merges)
    for place in 0..<merger.count { output.append(merger.symbols[place].id) }
  }

  // MARK: SentencePiece BPE

  /// What words become tokens by, in plain pointers.
  struct Scored {
    let ranks: UnsafePointer<UInt32>
    let byteTokens: UnsafePointer<Int32>
    let splitsAtSpaces: Bool
    let unknownToken: Int32?
  }

  /// Encodes the text in `range` by SentencePiece BPE, as if a space stood before it if `addsSpacePrefix`.
  mutating func encode(_ range: Range<Int>, _ model: Scored, addsSpacePrefix: Bool) {
    var start = range.lowerBound
    var isFirst = true
    while start < range.upperBound {
      var end = model.splitsAtSpaces ? start + 1 : range.upperBound
      while end < range.upperBound && !(text[end] == 0x20 && !isSpace(before: end, from: start)) { end += 1 }
      if isFirst && addsSpacePrefix {
        mergeCharacters(start..<end, model, prefix: Vocabulary.metaspace)
      } else if let hash = output.appendKnown(text, start, end - start) {
        let tokenStart = output.count
        mergeCharacters(start..<end, model, prefix: [])
        output.remember(start, end - start, hash: hash, tokenStart: tokenStart)
      }
      isFirst = false
      start = end
    }
  }

  /// Whether a space, or the `▁` that stands for one, ends at `place`.
  private func isSpace(before place: Int, from start: Int) -> Bool {
    if text[place - 1] == 0x20 { return true }
    return place - start >= 3 && text[place - 1] == 0x81 && text[place - 2] == 0x96 && text[place - 3] == 0xE2
  }

  private mutating func mergeCharacters(_ word: Range<Int>, _ model: Scored, prefix: [UInt8]) {
    if word.count > Self.longestWord {
      var middle = word.lowerBound + Self.longestWord
      while text[middle] & 0xC0 == 0x80 { middle -= 1 }
      mergeCharacters(word.lowerBound..<middle, model, prefix: prefix)
      return mergeCharacters(middle..<word.upperBound, model, prefix: [])
    }
    escaped.removeAll(keepingCapacity: true)
    escaped.append(contentsOf: prefix)
    for place in word {
      if text[place] == 0x20 {
        escaped.append(contentsOf: Vocabulary.metaspace)
      } else {
        escaped.append(text[place])
      }
    }
    merger.begin(symbolCount: escaped.count)
    escaped.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress else { return }
      var start = 0
      while start < bytes.count {
        var end = start + 1
        while end < bytes.count && bytes[end] & 0xC0 == 0x80 { end += 1 }
        let id = index.find(base + start, end - start)
        merger.append(
          Symbol(
            id: id >= 0 && model.ranks[Int(id)] != .max ? id : -1, start: UInt32(truncatingIfNeeded: start),
            length: UInt32(truncatingIfNeeded: end - start)))
        start = end
      }
      merger.run(SentencePieceRule(word: base, index: index, ranks: model.ranks, longest: longestToken))
      for place in 0..<merger.count { appendOrFallBack(merger.symbols[place], base, model) }
    }
  }

  /// Adds the token of `symbol`; where it has none, those of its bytes, or the unknown token for what lacks these too.
  private mutating func appendOrFallBack(_ symbol: Symbol, _ word: UnsafePointer<UInt8>, _ model: Scored) {
    if symbol.id >= 0 { return output.append(symbol.id) }
    let places = Int(symbol.start)..<Int(symbol.start) + Int(symbol.length)
    if places.allSatisfy({ model.byteTokens[Int(word[$0])] >= 0 }) {
      for place in places { output.append(model.byteTokens[Int(word[place])]) }
    } else if let unknown = model.unknownToken {
      output.append(unknown)
    }
  }
}
