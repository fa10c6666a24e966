package import MartletRuntime
package import MartletTensor

/// The gated unit of Llama's feed-forward layer: `out = up * silu(gate)` with `silu(x) = x / (1 + exp(-x))`.
/// (Shazeer 2020, "GLU Variants Improve Transformer".)
///
/// Shapes: all three equal, rows at equal distances, so gate and up may be halves of one wide matrix; f32, f16 or bf16,
/// all the same. `silu(gate)` is formed in f32 and rounded to the type before it is multiplied, as in transformers.
package struct SwiGLU: Operator {
  let gate: Rows
  let up: Rows
  let out: Rows

  package init(
    gate: borrowing Tensor, up: borrowing Tensor, into out: borrowing Tensor
  ) throws(OperatorError) {
    let check = Checker("SwiGLU")
    try check.floatingPoint(gate, "gate")
    try check.shape(up, gate.layout.shape, "up")
    try check.shape(out, gate.layout.shape, "out")
    try check.dtype(up, gate.dtype, argument: "up")
    try check.dtype(out, gate.dtype, argument: "out")
    try check.devices(gate, up, out: out)
    self.gate = try check.rows(gate, "gate")
    self.up = try check.rows(up, "up")
    self.out = try check.rows(out, "out")
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
