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

  package init(
    _ a: borrowing Tensor, _ b: borrowing Tensor, into out: borrowing Tensor
  ) throws(OperatorError) {
    let check = Checker("Add")
    try check.floatingPoint(a, "a")
    try check.shape(b, a.layout.shape, "b")
    try check.shape(out, a.layout.shape, "out")
    try check.dtype(b, a.dtype, argument: "b")
    try check.dtype(out, a.dtype, argument: "out")
    try check.devices(a, b, out: out)
    self.a = try check.rows(a, "a")
    self.b = try check.rows(b, "b")
    self.out = try check.rows(out, "out")
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
