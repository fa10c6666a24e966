/// Scores that make SentencePiece's way to merge (the pair whose text is the token with the best score) do what a list of
/// merges does. Vocabularies that came from SentencePiece have such lists; others are refused.
struct SentencePieceScores {
  /// One a token, better the earlier the list makes it.
  private(set) var scores: [Float]

  private let vocabulary: Vocabulary
  /// The pairs of the list, the left token in the upper half.
  private var pairs: Set<UInt64> = []

  /// - Parameter merges: pairs with `ModelDocument.mergeSeparator` between.
  /// - Throws: ``TextError/unsupportedField(field:found:expected:)`` for a list that no scores can express.
  init(_ merges: ByteStringTable, _ vocabulary: Vocabulary) throws(TextError) {
    self.vocabulary = vocabulary
    scores = vocabulary.kinds.map { $0 == .normal || $0 == .userDefined ? -.infinity : 0 }
    pairs.reserveCapacity(merges.count)
    var previous: Int32 = -1
    var rank: Float = 0
    var isMade = [Bool](repeating: false, count: scores.count)
    for index in 0..<merges.count {
      let parts = merges[index].split(separator: ModelDocument.mergeSeparator, omittingEmptySubsequences: false)
      guard parts.count == 2, let left = find(parts[0]), let right = find(parts[1]),
        let made = find(parts[0] + parts[1])
      else { continue }  // A pair with a special token, which text never becomes.
      pairs.insert(UInt64(left) << 32 | UInt64(right))
      if made == previous { continue }
      guard !isMade[Int(made)] else {
        throw Self.failure("makes \"\(spelling(made))\" in two places with other tokens between")
      }
      isMade[Int(made)] = true
      scores[Int(made)] = -rank
      rank += 1
      previous = made
    }
    for id in scores.indices where scores[id] == -.infinity { scores[id] = -rank }
    for id in scores.indices where vocabulary.isText.base[id] { try checkSplits(of: id) }
  }

  private static func failure(_ found: String) -> TextError {
    .unsupportedField(
      field: "\(TokenizerFiles.tokenizerName): model.merges", found: "a list that \(found)",
      expected: "one that came from SentencePiece (for a GGUF file), whose order is that of scores")
  }

  private func find(_ text: some Collection<UInt8>) -> Int32? {
    let id = vocabulary.index.find(Array(text))
    return id >= 0 && vocabulary.isText.base[Int(id)] ? id : nil
  }

  private func spelling(_ id: Int32) -> String { String(decoding: bytes(of: Int(id)), as: UTF8.self) }

  private func bytes(of id: Int) -> UnsafeBufferPointer<UInt8> {
    let view = vocabulary.index.view
    let start = Int(view.offsets[id])
    return UnsafeBufferPointer(start: view.bytes + start, count: Int(view.offsets[id + 1]) - start)
  }

  /// SentencePiece merges any two neighbours that spell a token: each way to cut a token into two that can stand beside each
  /// other must be on the list. A single character can stand anywhere, token or not.
  private func checkSplits(of id: Int) throws(TextError) {
    let text = bytes(of: id)
    let starts = text.indices.dropFirst().filter { text[$0] & 0xC0 != 0x80 }
    for cut in starts {
      let (left, right) = (find(text[..<cut]), find(text[cut...]))
      guard left != nil || cut == starts.first, right != nil || cut == starts.last else { continue }
      if let left, let right, pairs.contains(UInt64(left) << 32 | UInt64(right)) { continue }
      let pair = "\(String(decoding: text[..<cut], as: UTF8.self)) \(String(decoding: text[cut...], as: UTF8.self))"
      throw Self.failure("lacks the pair \"\(pair)\"")
    }
  }
}
