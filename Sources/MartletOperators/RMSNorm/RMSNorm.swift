package import MartletRuntime
package import MartletTensor

/// Root-mean-square normalisation: `out = x / sqrt(mean(x²) + epsilon) * weight` over the last dimension.
/// (Zhang and Sennrich 2019.)
///
/// Shapes: x and out equal, rows at equal distances; weight `[width]`. x and out are f32, f16 or bf16, both the same;
/// the weight may have any of the three types. The mean is formed in f32; the normalised value is rounded to the type
/// *before* it is multiplied with the weight, and once more after, as in transformers' `LlamaRMSNorm`.
package struct RMSNorm: Operator {
  let x: Rows
  let weight: Rows
  let out: Rows
  let epsilon: Float

  package init(_ x: Tensor, weight: Tensor, epsilon: Float, into out: Tensor) throws(OperatorError) {
    let check = Checker("RMSNorm")
    try check.floatingPoint(x, "x")
    try check.floatingPoint(weight, "weight")
    try check.require(x.shape.count >= 1, "x", "of at least one dimension", found: x.description)
    try check.shape(weight, [x.shape[x.shape.count - 1]], "weight")
    try check.shape(out, x.shape, "out")
    try check.dtype(out, x.dtype, argument: "out")
    try check.devices(x, weight, out: out)
    self.x = try check.rows(x, "x")
    self.weight = try check.rows(weight, "weight")
    self.out = try check.rows(out, "out")
    self.epsilon = epsilon
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
