/// What decides how a sequence is cut into steps, and what it may take over from others.
///
/// Without the deterministic mode that is whatever is fastest, since the bits of a token do not depend on it. With the mode
/// they do, and so all of this depends on the sequence's own request:
///
/// - A prompt is cut at multiples of ``promptChunk`` from its own beginning, and each piece is a step of its own. The products of
///   such a step have a number of rows, and so an order of additions, that the prompt alone decides.
/// - What was generated is computed token by token, also again after a preemption.
/// - Only whole chunks are shared. A chunk of the same tokens behind the same tokens was computed by a step of the same shape
///   from the same numbers, so its keys and values are those that the sequence would compute itself; a shorter last piece, or
///   a block that was generated, was computed in another order.
extension Scheduler {
  /// Tokens of a prompt that the deterministic mode computes in a step: whole blocks, if a step holds one.
  var promptChunk: Int {
    let size = limits.blockSize
    return limits.tokensPerStep < size ? limits.tokensPerStep : limits.tokensPerStep / size * size
  }

  /// Blocks that are taken over from other sequences together.
  var reusedTogether: Int { limits.isDeterministic ? max(1, promptChunk / limits.blockSize) : 1 }

  /// Tokens of a sequence that its next step computes if the budget has room for them.
  func computeCount(of id: SequenceID) -> Int {
    guard limits.isDeterministic else { return sequences[id]!.remainingCount }
    let state = sequences[id]!
    let left = state.request.prompt.count - state.computedCount
    guard left > 0 else { return 1 }
    // Also where the scores are there already and the prompt is computed again.
    let chunk = state.request.promptLogprobs == nil ? promptChunk : min(promptChunk, Self.scoredPerStep)
    return min(left, chunk)
  }

  /// The most blocks that a sequence may take over. Its last token is computed in any case: its logits are wanted. So are those
  /// of all others where a prompt is scored.
  func reusableBlockCount(of id: SequenceID) -> Int {
    guard !sequences[id]!.isScoring else { return 0 }
    let count = (sequences[id]!.tokens.count - 1) / limits.blockSize
    guard limits.isDeterministic else { return count }
    return min(count / reusedTogether * reusedTogether, publishableBlockCount(of: id))
  }

  /// The blocks of a sequence that others may take over, as soon as they are computed.
  func publishableBlockCount(of id: SequenceID) -> Int {
    guard limits.isDeterministic else { return sequences[id]!.tokens.count / limits.blockSize }
    let state = sequences[id]!
    guard state.request.promptLogprobs == nil, promptChunk >= limits.blockSize else { return 0 }
    return state.request.prompt.count / promptChunk * reusedTogether
  }
}
