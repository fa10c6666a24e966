/// The merges of SentencePiece BPE: two neighbours merge if their text together is a token that text may become, the
/// highest score first.
struct SentencePieceRule: MergeRule {
  /// The bytes of the word, with `▁` for spaces.
  let word: UnsafePointer<UInt8>
  let index: TokenIndex.View
  /// For each token the place of its score among all, 0 for the best; `UInt32.max` for what text never becomes.
  let ranks: UnsafePointer<UInt32>
  let longest: Int

  @inline(__always)
  func merge(_ left: Symbol, _ right: Symbol) -> Merge {
    let length = Int(left.length) + Int(right.length)
    if length > longest { return .none }
    let id = index.find(word + Int(left.start), length)
    return id < 0 ? .none : Merge(rank: ranks[Int(id)], id: id)
  }

  /// For each token the place of its score, equal scores sharing one.
  static func ranks(scores: [Float], isText: (Int) -> Bool) -> [UInt32] {
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var ranks = [UInt32](repeating: .max, count: scores.count)
    var rank: UInt32 = 0
    for (place, id) in order.enumerated() {
      if place > 0 && scores[id] != scores[order[place - 1]] { rank += 1 }
      if isText(id) { ranks[id] = rank }
    }
    return ranks
  }
}
