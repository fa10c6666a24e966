package import MartletRuntime
package import MartletTensor

/// Elementwise sum: `out = a + b`.
///
/// Shapes: all three equal, rows at equal distances; f32, f16 or bf16, all the same. The sum is formed in f32 and rounded
/// once. `out` may be `a` or `b`.
package struct Add: Operator {
  let a: Rows
  let b: Rows
  let out: Rows
  private let tensors: [Tensor]

  package init(_ a: Tensor, _ b: Tensor, into out: Tensor) throws(OperatorError) {
    let check = Checker("Add")
    try check.floatingPoint(a, "a")
    try check.shape(b, a.shape, "b")
    try check.shape(out, a.shape, "out")
    try check.dtype(b, a.dtype, argument: "b")
    try check.dtype(out, a.dtype, argument: "out")
    try check.devices(a, b, out: out)
    self.a = try check.rows(a, "a")
    self.b = try check.rows(b, "b")
    self.out = try check.rows(out, "out")
    self.tensors = [a, b, out]
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda: try runOnGPU(stream)
    }
  }
}
