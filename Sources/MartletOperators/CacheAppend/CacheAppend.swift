package import MartletRuntime
package import MartletTensor

/// Norms that some models apply to every head of queries and keys before they are turned (Qwen3's QK norm).
package struct HeadNorms: Sendable {
  /// The gain of queries, `[d]`.
  package let query: Tensor
  /// The gain of keys, `[d]`.
  package let key: Tensor
  package let epsilon: Float

  package init(query: Tensor, key: Tensor, epsilon: Float) {
    self.query = query
    self.key = key
    self.epsilon = epsilon
  }
}

/// What lies between the query/key/value projection and attention, in one pass: normalises queries and keys head by head
/// if the model does (``RMSNorm`` is the reference), turns them by their positions (``RoPE``), then writes keys and
/// values into the cache.
///
/// Shapes: qkv `[tokens, (heads + 2 * keyHeads) * d]`, queries first, then keys, then values; queries and keys are turned
/// in place. rotations `[tokens, d]` of f32: cosines, then sines, of each token's position (``RotationTable``); slots
/// `[tokens]` of i32: block * 16 + place in the block, or -1 for a token that is not to be written.
///
/// On the processor a token's bits do not depend on how many there are; on a GPU, which has another kernel for many tokens,
/// where ``isBatchInvariant`` says so.
/// - Precondition: at run time every slot lies within the cache; the scheduler made them.
package struct CacheAppend: Operator {
  let qkv: Rows
  let rotations: Tensor
  let slots: Tensor
  let cache: PagedCache
  let heads: Int
  let norms: HeadNorms?
  /// Whether every token gets the bits that it has alone.
  package let isBatchInvariant: Bool
  private let tensor: Tensor

  /// - Parameter isBatchInvariant: whether a GPU too takes every token as if it were alone.
  package init(
    qkv: Tensor, heads: Int, norms: HeadNorms? = nil, rotations: Tensor, slots: Tensor, into cache: PagedCache,
    isBatchInvariant: Bool = false
  ) throws(OperatorError) {
    let check = Checker("CacheAppend")
    try check.floatingPoint(qkv, "qkv")
    try check.dimensions(qkv, 2, "qkv")
    let dimension = cache.headDimension
    try check.require(dimension % 2 == 0, "cache", "of an even head dimension", found: "\(dimension)")
    try check.require(heads >= 0, "heads", "0 or more", found: "\(heads)")
    try check.shape(qkv, [qkv.shape[0], (heads + 2 * cache.keyHeads) * dimension], "qkv")
    try check.shape(rotations, [qkv.shape[0], dimension], "rotations")
    try check.dtype(rotations, .f32, argument: "rotations")
    try check.contiguous(rotations, "rotations")
    try check.shape(slots, [qkv.shape[0]], "slots")
    try check.dtype(slots, .i32, argument: "slots")
    try check.contiguous(slots, "slots")
    try check.device(slots, "slots", qkv.device)
    try check.devices(qkv, rotations, out: cache.keys, "cache")
    try check.devices(qkv, out: qkv, "qkv")
    if let norms {
      for (tensor, name) in [(norms.query, "the queries' norm"), (norms.key, "the keys' norm")] {
        try check.shape(tensor, [dimension], name)
        try check.floatingPoint(tensor, name)
        try check.contiguous(tensor, name)
        try check.devices(qkv, tensor, out: qkv, "qkv")
      }
    }
    self.norms = norms
    self.qkv = try check.rows(qkv, "qkv")
    self.rotations = rotations
    self.slots = slots
    self.cache = cache
    self.heads = heads
    self.isBatchInvariant = isBatchInvariant
    self.tensor = qkv
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
