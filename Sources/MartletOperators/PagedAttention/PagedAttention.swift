package import MartletRuntime
package import MartletTensor

/// Which tokens of a packed batch belong to which sequence, as attention needs it.
///
/// All tensors are i32 and contiguous: `starts` `[sequences + 1]`, the first row of each sequence and the number of rows;
/// `positions` `[tokens]`, each token's place in its own sequence; `blockTables` `[sequences, width]`, the cache blocks of
/// each sequence in order.
package struct AttentionBatch: Sendable {
  package let starts: Tensor
  package let positions: Tensor
  package let blockTables: Tensor

  package init(starts: Tensor, positions: Tensor, blockTables: Tensor) {
    self.starts = starts
    self.positions = positions
    self.blockTables = blockTables
  }

  /// Some sequences of a batch in which each has one token.
  package func slice(_ range: Range<Int>) throws -> AttentionBatch {
    // They start at 0, 1, 2, … wherever the slice begins.
    AttentionBatch(
      starts: try starts.slice(0, 0..<range.count + 1), positions: try positions.slice(0, range),
      blockTables: try blockTables.slice(0, range))
  }
}

/// Causal grouped-query attention of a packed batch over the paged cache; ``SelfAttention`` is its reference.
///
/// Shapes: queries `[tokens, width]` of which the first `heads * d` columns are read, out `[tokens, heads * d]`; f32, f16 or
/// bf16, both the same. The cache may have another type. A token at position p sees the keys 0…p of its sequence, which
/// ``CacheAppend`` has written before, its own included; with a window of w only the last w of them. (Sliding window:
/// Beltagy et al. 2020, as in Mistral.)
///
/// Keys are taken in segments (of 256 on the processor, 64 on a GPU) from the sequence's start, each softmaxed on its own and merged in order, so the bits
/// of a token's result depend only on its sequence: not on chunks, batch or threads.
package struct PagedAttention: Operator {
  let queries: Rows
  let cache: PagedCache
  let batch: AttentionBatch
  let heads: Int
  let scale: Float
  let window: Int?
  let out: Rows

  package init(
    queries: Tensor, heads: Int, cache: PagedCache, batch: AttentionBatch, scale: Float, window: Int? = nil,
    into out: Tensor
  ) throws(OperatorError) {
    let check = Checker("PagedAttention")
    try check.floatingPoint(queries, "queries")
    try check.dimensions(queries, 2, "queries")
    let width = heads * cache.headDimension
    try check.require(
      queries.shape[1] >= width, "queries", "at least \(width) columns wide", found: queries.description)
    try check.require(
      cache.keyHeads > 0 && heads % cache.keyHeads == 0, "heads", "a multiple of the cache's \(cache.keyHeads)",
      found: "\(heads)")
    try check.shape(out, [queries.shape[0], width], "out")
    try check.dtype(out, queries.dtype, argument: "out")
    for (tensor, name) in [
      (batch.starts, "starts"), (batch.positions, "positions"), (batch.blockTables, "blockTables"),
    ] {
      try check.dtype(tensor, .i32, argument: name)
      try check.device(tensor, name, queries.device)
      try check.contiguous(tensor, name)
    }
    try check.dimensions(batch.blockTables, 2, "blockTables")
    try check.shape(batch.starts, [batch.blockTables.shape[0] + 1], "starts")
    try check.shape(batch.positions, [queries.shape[0]], "positions")
    try check.devices(queries, cache.keys, out: out)
    self.queries = try check.rows(queries, "queries")
    self.out = try check.rows(out, "out")
    self.cache = cache
    self.batch = batch
    self.heads = heads
    try check.require(window ?? 1 >= 1, "window", "at least 1", found: "\(window ?? 1)")
    self.scale = scale
    self.window = window
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    guard out.count > 0 else { return }
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
