package import MartletRuntime
package import MartletTensor

/// The two steps between the halves of a decoder layer in one pass: `residual += x`, then `out = RMSNorm(residual)`.
///
/// Shapes and types as in ``Add`` and ``RMSNorm``, its unfused reference; the sum is rounded to the type before it is
/// normalised.
package struct AddRMSNorm: Operator {
  let x: Rows
  let residual: Rows
  let weight: Rows
  let out: Rows
  let epsilon: Float

  package init(
    _ x: Tensor, residual: Tensor, weight: Tensor, epsilon: Float, into out: Tensor
  ) throws(OperatorError) {
    let check = Checker("AddRMSNorm")
    try check.floatingPoint(x, "x")
    try check.floatingPoint(weight, "weight")
    try check.require(x.shape.count >= 1, "x", "of at least one dimension", found: x.description)
    try check.shape(residual, x.shape, "residual")
    try check.shape(weight, [x.shape[x.shape.count - 1]], "weight")
    try check.shape(out, x.shape, "out")
    try check.dtype(residual, x.dtype, argument: "residual")
    try check.dtype(out, x.dtype, argument: "out")
    try check.devices(x, weight, out: residual, "residual")
    try check.devices(x, out: out)
    self.x = try check.rows(x, "x")
    self.residual = try check.rows(residual, "residual")
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
