package import MartletRuntime
package import MartletTensor

/// ``PagedAttention`` of few tokens, as generating has them: a token's keys are shared among many blocks of a GPU, all
/// query heads of a key head read them together, and one kernel does it all.
///
/// Shapes and results as there; the order of additions depends on a token's own keys only, so its bits are the same in any
/// company, but it is not the order of ``PagedAttention``. With a cache in f16 or bf16 the matrix units multiply; queries
/// and weights are split into two numbers of the cache's type each, so that nothing of note is rounded.
package struct DecodeAttention: Operator {
  let queries: Rows
  let cache: PagedCache
  let batch: AttentionBatch
  let heads: Int
  let scale: Float
  let window: Int?
  let out: Rows
  /// What it stands for, for the processor.
  let reference: PagedAttention
  /// How many of a head's blocks are done, `[tokens, key heads, tiles]`; zeros before and after a run.
  let tickets: Tensor?

  /// - Throws: ``OperatorError`` where ``isPossible(tokens:heads:cache:on:)`` is false.
  package init(
    queries: Tensor, heads: Int, cache: PagedCache, batch: AttentionBatch, scale: Float, window: Int? = nil,
    into out: Tensor, on runtime: Runtime
  ) throws {
    let check = Checker("DecodeAttention")
    reference = try PagedAttention(
      queries: queries, heads: heads, cache: cache, batch: batch, scale: scale, window: window, into: out)
    (self.queries, self.out) = (reference.queries, reference.out)
    (self.cache, self.batch, self.heads, self.scale, self.window) = (cache, batch, heads, scale, window)
    switch queries.device.kind {
    case .cpu: tickets = nil
    case .cuda, .metax:
      let tokens = queries.shape[0]
      try check.require(
        Self.isPossible(tokens: tokens, heads: heads, cache: cache, on: queries.device), "the cache",
        "in f32, f16 or bf16 with heads of 64 or 128, for at most \(Self.mostTokens) tokens",
        found: "\(cache.dtype.name) with heads of \(cache.headDimension), \(tokens) tokens")
      try check.require(self.queries.isAlignedForGPU, "queries", "at multiples of 16 bytes", found: queries.description)
      let count = tokens * cache.keyHeads * Self.tiles(group: heads / cache.keyHeads)
      let tickets = try Tensor([count], .i32, on: runtime)
      try tickets.load(contentsOf: [Int32](repeating: 0, count: count), on: runtime)
      self.tickets = tickets
    }
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    guard out.count > 0 else { return }
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
