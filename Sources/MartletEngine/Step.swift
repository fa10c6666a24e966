/// Names a sequence inside one scheduler. Never reused.
package struct SequenceID: Sendable, Hashable, Comparable, CustomStringConvertible {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  package var description: String { "sequence \(rawValue)" }
}

/// What one run of the model computes: for each entry some consecutive tokens of one sequence, packed one entry after
/// the other without padding. Prefill, chunks of a prompt and decode differ only in `tokens.count`.
package struct Step: Sendable {
  /// The part of one sequence that a step computes.
  package struct Entry: Sendable {
    package let id: SequenceID
    /// The tokens to compute, one at least.
    package let tokens: [Int32]
    /// Where they stand in the sequence. Everything before has been computed and is in the cache.
    package let positions: Range<Int>
    /// Tokens of the sequence's prompt.
    package let promptLength: Int
    /// The sequence's cache blocks in order. They reach at least to the last position of this entry.
    package let blockTable: [Int32]
    /// Whether the logits of the entry's last token are wanted: they are where no token follows yet.
    package let wantsLogits: Bool
    /// The adapter to compute with; nil is the base model.
    package let adapter: String?
    /// Prompt tokens whose log-probabilities are wanted; nil for none.
    package var scoring: Scoring?
  }

  /// Tokens of a prompt to find the log-probabilities of.
  package struct Scoring: Sendable {
    /// The positions whose logits say how probable the next token was.
    package let positions: Range<Int>
    /// The tokens that follow these positions.
    package let tokens: ArraySlice<Int32>
    /// How many of the most probable tokens are wanted beside each.
    package let topCount: Int
  }

  /// A packed token whose logits are wanted.
  package struct LogitRow: Sendable {
    /// The index of its entry.
    package let entry: Int
    /// Its place in the packed order.
    package let row: Int32
    /// Its position in its sequence.
    package let position: Int
    /// Whether the sequence's next token is chosen from the logits; else they score a token of the prompt.
    package let isSampled: Bool
  }

  /// Tokens in a cache block.
  package let blockSize: Int
  /// The decodes, then the chunks of prompts.
  package let entries: [Entry]
  /// How many of the first entries continue a sequence by one token.
  package let decodeCount: Int
  /// Whether tokens must get the bits that they have alone on every device; entries have one token each then.
  package let isBatchInvariant: Bool

  /// Tokens of all entries.
  package var tokenCount: Int { entries.reduce(0) { $0 + $1.tokens.count } }

  /// The packed token ids, `[tokenCount]`.
  package var tokens: [Int32] { entries.flatMap(\.tokens) }

  /// The packed tokens' positions in their sequences, `[tokenCount]`.
  package var positions: [Int32] { entries.flatMap { $0.positions.map { Int32($0) } } }

  /// The cache slots that the packed tokens are written to, `[tokenCount]`: block times block size plus offset.
  package var slots: [Int32] {
    entries.flatMap { entry in
      entry.positions.map { entry.blockTable[$0 / blockSize] * Int32(blockSize) + Int32($0 % blockSize) }
    }
  }

  /// Where each entry's tokens start in the packed order, and their end: `[entries + 1]`.
  package var queryOffsets: [Int32] {
    entries.reduce(into: [0]) { $0.append($0[$0.count - 1] + Int32($1.tokens.count)) }
  }

  /// The tokens that each entry attends to, its own included, `[entries]`.
  package var sequenceLengths: [Int32] { entries.map { Int32($0.positions.upperBound) } }

  /// The rows whose logits are wanted, in packed order.
  package var logits: [LogitRow] {
    let offsets = queryOffsets
    return entries.enumerated().flatMap { index, entry in
      func row(_ position: Int, isSampled: Bool) -> LogitRow {
        LogitRow(
          entry: index, row: offsets[index] + Int32(position - entry.positions.lowerBound), position: position,
          isSampled: isSampled)
      }
      let scored = entry.scoring.map { $0.positions.map { row($0, isSampled: false) } } ?? []
      return entry.wantsLogits ? scored + [row(entry.positions.upperBound - 1, isSampled: true)] : scored
    }
  }

  /// The packed places of `logits`.
  package var logitRows: [Int32] { logits.map(\.row) }

  /// The indices of the entries for which a token is to be chosen.
  package var sampledEntries: [Int] { entries.indices.filter { entries[$0].wantsLogits } }

  /// A step of one of this step's entries alone.
  func only(_ index: Int) -> Step {
    Step(
      blockSize: blockSize, entries: [entries[index]], decodeCount: index < decodeCount ? 1 : 0,
      isBatchInvariant: isBatchInvariant)
  }
}
