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
  }

  /// Tokens in a cache block.
  package let blockSize: Int
  /// The decodes, then the chunks of prompts.
  package let entries: [Entry]
  /// How many of the first entries continue a sequence by one token.
  package let decodeCount: Int

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

  /// The packed rows whose logits are wanted, in the order of `logitEntries`.
  package var logitRows: [Int32] {
    let offsets = queryOffsets
    return logitEntries.map { offsets[$0 + 1] - 1 }
  }

  /// The indices of the entries that want logits.
  package var logitEntries: [Int] { entries.indices.filter { entries[$0].wantsLogits } }
}
