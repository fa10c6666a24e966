package import MartletRuntime
package import MartletTensor

/// Causal grouped-query attention over keys and values in plain tensors: `softmax(q kᵀ · scale) v`.
/// (Vaswani et al. 2017; grouped queries: Ainslie et al. 2023.)
///
/// Shapes: q `[queries, heads, d]`, k `[keys, keyHeads, d]`, v `[keys, keyHeads, dv]`, out `[queries, heads, dv]`; heads is
/// a multiple of keyHeads, and query head h reads key head `h / (heads / keyHeads)`. The last query sees all keys: query i
/// sees the keys up to `i + keys - queries`, so there must be at least as many keys as queries. f32, f16 or bf16, all the
/// same; heads without gaps inside. Scores, softmax and sums are f32, the result is rounded once.
///
/// This is the plain form, as LLAISYS has it, and the reference of ``PagedAttention``.
package struct SelfAttention: Operator {
  let q: Tensor
  let k: Tensor
  let v: Tensor
  let out: Tensor
  let scale: Float

  package init(_ q: Tensor, _ k: Tensor, _ v: Tensor, scale: Float, into out: Tensor) throws(OperatorError) {
    let check = Checker("SelfAttention")
    for (tensor, name) in [(q, "q"), (k, "k"), (v, "v"), (out, "out")] {
      try check.dimensions(tensor, 3, name)
      try check.floatingPoint(tensor, name)
      try check.dtype(tensor, q.dtype, argument: name)
      try check.device(tensor, name, q.device)
      try check.require(
        tensor.shape[2] <= 1 || tensor.strides[2] == 1, name, "without gaps in a head", found: tensor.description)
    }
    let keyHeads = k.shape[1]
    try check.require(
      keyHeads > 0 && q.shape[1] % keyHeads == 0, "q", "of a multiple of k's \(keyHeads) heads", found: q.description)
    try check.shape(k, [k.shape[0], keyHeads, q.shape[2]], "k")
    try check.shape(v, [k.shape[0], keyHeads, v.shape[2]], "v")
    try check.shape(out, [q.shape[0], q.shape[1], v.shape[2]], "out")
    try check.require(
      k.shape[0] >= q.shape[0], "k", "at least as long as the \(q.shape[0]) queries", found: k.description)
    try check.devices(q, out: out)
    self.q = q
    self.k = k
    self.v = v
    self.out = out
    self.scale = scale
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
