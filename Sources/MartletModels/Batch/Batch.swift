package import MartletOperators
internal import MartletRuntime
package import MartletTensor

/// The tokens of one step, packed one sequence after the other: prompts, chunks of prompts and single tokens alike.
package struct Batch: Sendable {
  /// Token ids.
  package var tokens: [Int32]
  /// Each token's place in its sequence.
  package var positions: [Int32]
  /// Each token's length for rotary scalings that depend on it; empty where none does.
  package var rotaryLengths: [Int32] = []
  /// Where each token's key and value go: block * 16 + place, or -1 for nowhere.
  package var slots: [Int32]
  /// The first row of each sequence, and the number of rows.
  package var starts: [Int32]
  /// The cache blocks of each sequence in order.
  package var blockTables: [[Int32]]
  /// The rows whose logits are wanted.
  package var logitRows: [Int32]
  /// How a token is chosen from each row of logits; empty where none is.
  package var rules: [SamplingRule] = []
  /// Whether a GPU too gives each token the bits that it has in a batch of its own, as the processor always does. Every
  /// sequence has one token then.
  package var isBatchInvariant = false

  package init(
    tokens: [Int32], positions: [Int32], slots: [Int32], starts: [Int32], blockTables: [[Int32]], logitRows: [Int32]
  ) {
    precondition(positions.count == tokens.count && slots.count == tokens.count, "one position and slot a token")
    precondition(starts.count == blockTables.count + 1, "one block table a sequence")
    self.tokens = tokens
    self.positions = positions
    self.slots = slots
    self.starts = starts
    self.blockTables = blockTables
    self.logitRows = logitRows
  }

  /// One sequence that owns the blocks 0, 1, 2, … of a cache of its own.
  package init(sequence tokens: [Int32], from position: Int = 0, logitRows: [Int32]) {
    let positions = (0..<tokens.count).map { Int32(position + $0) }
    let blocks = (position + tokens.count + PagedCache.blockSize - 1) / PagedCache.blockSize
    self.init(
      tokens: tokens, positions: positions, slots: positions, starts: [0, Int32(tokens.count)],
      blockTables: [(0..<Int32(blocks)).map { $0 }], logitRows: logitRows)
  }
}

/// The numbers on which the operators of a step depend; batches of one shape differ in their contents only.
package struct BatchShape: Hashable, Sendable {
  /// Blocks in a row of the table are a multiple of this, so that a sequence changes its shape every 256 tokens only.
  private static let tableStep = 16

  package let tokens: Int
  package let sequences: Int
  package let tableWidth: Int
  package let logitRows: Int
  /// Whether every token's logits are wanted, in order.
  package let wantsAllLogits: Bool
  package let hasRotaryLengths: Bool
  /// Whether tokens are chosen by rules.
  package let hasRules: Bool
  /// See ``Batch/isBatchInvariant``.
  package let isBatchInvariant: Bool

  package init(_ batch: Batch) {
    tokens = batch.tokens.count
    sequences = batch.blockTables.count
    let widest = batch.blockTables.reduce(1) { max($0, $1.count) }
    tableWidth = (widest + Self.tableStep - 1) / Self.tableStep * Self.tableStep
    logitRows = batch.logitRows.count
    wantsAllLogits = batch.logitRows.elementsEqual(0..<Int32(batch.tokens.count))
    hasRotaryLengths = !batch.rotaryLengths.isEmpty
    hasRules = !batch.rules.isEmpty
    isBatchInvariant = batch.isBatchInvariant
    precondition(!isBatchInvariant || tokens == sequences, "tokens as if alone are their sequences' only ones")
  }
}

/// A batch in device memory.
package struct DeviceBatch: Sendable {
  package let tokens: Tensor
  package let slots: Tensor
  package let rotaryLengths: Tensor?
  package let attention: AttentionBatch
  package let logitRows: Tensor
  /// i32 `[logitRows, SamplingRule.wordCount]`; nil where no tokens are chosen.
  package let rules: Tensor?
  /// All of them, one behind the other, so that one copy brings a batch.
  private let all: Tensor
  private let shape: BatchShape

  /// Takes memory for batches of a shape.
  init(_ shape: BatchShape, arena: inout Arena) throws {
    self.shape = shape
    let counts = [
      shape.tokens, shape.tokens, shape.hasRotaryLengths ? shape.tokens : 0, shape.logitRows, shape.sequences + 1,
      shape.tokens, shape.sequences * shape.tableWidth, shape.hasRules ? shape.logitRows * SamplingRule.wordCount : 0,
    ]
    let all = try arena.tensor([counts.reduce(0, +)], .i32)
    var start = 0
    let parts = try counts.map { count in
      defer { start += count }
      return try all.slice(0, start..<start + count)
    }
    self.all = all
    tokens = parts[0]
    slots = parts[1]
    rotaryLengths = shape.hasRotaryLengths ? parts[2] : nil
    logitRows = parts[3]
    rules = shape.hasRules ? try parts[7].view([shape.logitRows, SamplingRule.wordCount]) : nil
    attention = AttentionBatch(
      starts: parts[4], positions: parts[5], blockTables: try parts[6].view([shape.sequences, shape.tableWidth]))
  }

  /// Copies a batch of that shape.
  func load(_ batch: Batch, on runtime: Runtime) throws(TensorError) {
    var numbers: [Int32] = []
    numbers.reserveCapacity(all.elementCount)
    numbers += batch.tokens
    numbers += batch.slots
    numbers += batch.rotaryLengths
    numbers += batch.logitRows
    numbers += batch.starts
    numbers += batch.positions
    for table in batch.blockTables {
      numbers += table
      numbers += repeatElement(0, count: shape.tableWidth - table.count)
    }
    for rule in batch.rules { numbers += rule.words }
    try all.load(contentsOf: numbers, on: runtime)
  }
}
