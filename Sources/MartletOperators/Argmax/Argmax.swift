package import MartletRuntime
package import MartletTensor

/// The position and value of the largest element of each row; of equal ones the first, and NaN counts as the largest,
/// as in PyTorch.
///
/// Shapes: x `[…, width]` with width at least 1; index and value `[…]` (a one-dimensional x gives shape `[1]`, as in
/// LLAISYS). x and value are f32, f16 or bf16, both the same; index is i64 or i32.
package struct Argmax: Operator {
  let x: Rows
  let index: Tensor
  let value: Tensor

  package init(_ x: Tensor, index: Tensor, value: Tensor) throws(OperatorError) {
    let check = Checker("Argmax")
    try check.floatingPoint(x, "x")
    try check.require(
      (x.shape.last ?? 0) >= 1, "x", "at least one element wide", found: x.description)
    let shape = x.shape.count == 1 ? [1] : Shape(x.shape.dropLast())
    try check.shape(index, shape, "index")
    try check.shape(value, shape, "value")
    try check.dtype(index, .i64, .i32, argument: "index")
    try check.dtype(value, x.dtype, argument: "value")
    try check.contiguous(index, "index")
    try check.contiguous(value, "value")
    try check.devices(x, out: index, "index")
    try check.devices(x, out: value, "value")
    self.x = try check.rows(x, "x")
    self.index = index
    self.value = value
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
