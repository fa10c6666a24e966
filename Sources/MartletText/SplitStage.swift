/// A pattern and what becomes of its matches, as the pre-tokenizer `Split` of Hugging Face tokenizers has it. Stages follow
/// each other, each one cutting the pieces of the one before.
package struct SplitStage: Sendable, Equatable {
  /// What becomes of what the pattern matches. What lies between two matches is a piece otherwise.
  enum Behavior: String, Sendable, CaseIterable {
    /// Each match is a piece.
    case isolated = "Isolated"
    /// Matches are left out.
    case removed = "Removed"
    /// A match is the end of the piece before it.
    case mergedWithPrevious = "MergedWithPrevious"
    /// A match is the beginning of the piece after it.
    case mergedWithNext = "MergedWithNext"
    /// Matches in a row are one piece.
    case contiguous = "Contiguous"
  }

  let pattern: SplitPattern
  var behavior: Behavior
  /// Whether what the pattern matches counts as what lies between, and the other way round.
  var isInverted = false

  init(_ pattern: SplitPattern, _ behavior: Behavior = .isolated, isInverted: Bool = false) {
    self.pattern = pattern
    self.behavior = behavior
    self.isInverted = isInverted
  }

  /// Whether every byte is in a piece and matches need no look at their neighbours: the way of all byte-level families.
  @inline(__always)
  var isolates: Bool { behavior == .isolated }

  /// The pieces of `range`, which is not empty.
  package func pieces(_ scanner: Scanner, _ range: Range<Int>) -> [Range<Int>] {
    var pieces: [Range<Int>] = []
    // With `mergedWithNext` the pieces of a text are those of `mergedWithPrevious` seen from its end: a match joins what
    // follows if that is no match, and what follows is known one step later.
    var held: Range<Int>?
    var previousIsMatch = false
    func add(_ piece: Range<Int>, isMatch: Bool) {
      switch behavior {
      case .isolated: pieces.append(piece)
      case .removed: if !isMatch { pieces.append(piece) }
      case .mergedWithPrevious:
        if isMatch && !previousIsMatch, let last = pieces.last {
          pieces[pieces.count - 1] = last.lowerBound..<piece.upperBound
        } else {
          pieces.append(piece)
        }
      case .mergedWithNext:
        if isMatch {
          if let held { pieces.append(held) }
          held = piece
        } else {
          pieces.append((held ?? piece).lowerBound..<piece.upperBound)
          held = nil
        }
      case .contiguous:
        if isMatch == previousIsMatch, let last = pieces.last {
          pieces[pieces.count - 1] = last.lowerBound..<piece.upperBound
        } else {
          pieces.append(piece)
        }
      }
      previousIsMatch = isMatch
    }
    var start = range.lowerBound
    while start < range.upperBound {
      let match = pattern.nextMatch(scanner, from: start, to: range.upperBound)
      if match.lowerBound > start { add(start..<match.lowerBound, isMatch: isInverted) }
      if !match.isEmpty { add(match, isMatch: !isInverted) }
      start = match.upperBound
    }
    if let held { pieces.append(held) }
    return pieces
  }
}
