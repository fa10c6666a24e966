package import MartletRuntime
package import MartletTensor

/// Rotary position embedding: each pair (i, i + d/2) of a head is turned by `position / theta^(2i/d)`.
/// (Su et al. 2021; the pairing of halves is that of transformers.)
///
/// Shapes: x and out `[tokens, heads, d]` with even d, f32, f16 or bf16, both the same, heads without gaps inside;
/// positions `[tokens]` of i64 or i32. Angles, sines and cosines are f32, the rotation is formed in f32 and rounded once.
/// `out` may be `x`.
package struct RoPE: Operator {
  let x: Tensor
  let positions: Tensor
  let out: Tensor
  let theta: Float
  let angle: RotaryAngle

  package init(
    _ x: Tensor, positions: Tensor, theta: Float, angle: RotaryAngle = .product, into out: Tensor
  ) throws(OperatorError) {
    let check = Checker("RoPE")
    try check.floatingPoint(x, "x")
    try check.dimensions(x, 3, "x")
    try check.require(x.shape[2] % 2 == 0, "x", "of an even head dimension", found: x.description)
    try check.require(x.shape[2] <= 1 || x.strides[2] == 1, "x", "without gaps in a head", found: x.description)
    try check.shape(out, x.shape, "out")
    try check.dtype(out, x.dtype, argument: "out")
    try check.require(out.shape[2] <= 1 || out.strides[2] == 1, "out", "without gaps in a head", found: out.description)
    try check.shape(positions, [x.shape[0]], "positions")
    try check.dtype(positions, .i64, .i32, argument: "positions")
    try check.contiguous(positions, "positions")
    try check.require(theta > 0 && theta.isFinite, "theta", "positive", found: "\(theta)")
    try check.devices(x, positions, out: out)
    self.x = x
    self.positions = positions
    self.out = out
    self.theta = theta
    self.angle = angle
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
