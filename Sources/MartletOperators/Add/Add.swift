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
    // Set together: after a step that may throw the compiler copies what it has of `self`.
    let rows = (try check.rows(a, "a"), try check.rows(b, "b"), try check.rows(out, "out"))
    (self.a, self.b, self.out) = rows
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
