package import MartletOperators
package import MartletRuntime
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

/// A batch in device memory.
package struct DeviceBatch {
  package let tokens: Tensor
  package let slots: Tensor
  package let rotaryLengths: Tensor?
  package let attention: AttentionBatch
  package let logitRows: Tensor

  /// Copies a batch into the arena.
  package init(_ batch: Batch, arena: inout Arena, on runtime: Runtime) throws {
    func place(_ values: [Int32], shape: Shape) throws -> Tensor {
      let tensor = try arena.tensor(shape, .i32)
      try tensor.load(contentsOf: values, on: runtime)
      return tensor
    }
    tokens = try place(batch.tokens, shape: [batch.tokens.count])
    slots = try place(batch.slots, shape: [batch.slots.count])
    rotaryLengths =
      try batch.rotaryLengths.isEmpty
      ? nil : place(batch.rotaryLengths, shape: [batch.rotaryLengths.count])
    logitRows = try place(batch.logitRows, shape: [batch.logitRows.count])
    let width = max(1, batch.blockTables.map(\.count).max() ?? 0)
    let tables = batch.blockTables.flatMap { $0 + [Int32](repeating: 0, count: width - $0.count) }
    attention = AttentionBatch(
      starts: try place(batch.starts, shape: [batch.starts.count]),
      positions: try place(batch.positions, shape: [batch.positions.count]),
      blockTables: try place(tables, shape: [batch.blockTables.count, width]))
  }
}
