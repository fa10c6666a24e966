package import MartletRuntime
package import MartletTensor

/// Changes the element type: `out = x`, rounded to nearest even; quantised blocks are dequantised to their exact values
/// in f32 first.
///
/// Shapes equal, rows at equal distances; x of a floating-point or quantised type, out f32, f16 or bf16.
package struct Convert: Operator {
  let x: Rows
  let out: Rows

  package init(_ x: borrowing Tensor, into out: borrowing Tensor) throws(OperatorError) {
    let check = Checker("Convert")
    try check.numbers(x, "x")
    try check.floatingPoint(out, "out")
    try check.shape(out, x.layout.shape, "out")
    try check.devices(x, out: out)
    // Set together: after a step that may throw the compiler copies what it has of `self`.
    let rows = (try check.rows(x, "x"), try check.rows(out, "out"))
    (self.x, self.out) = rows
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
