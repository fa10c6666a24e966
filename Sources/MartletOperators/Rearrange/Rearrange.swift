package import MartletRuntime
package import MartletTensor

/// Copies elements between layouts: `out[i, j, …] = x[i, j, …]` for any strides on both sides.
///
/// Shapes equal, types equal (any plain type). x and out must not overlap.
package struct Rearrange: Operator {
  let x: Tensor
  let out: Tensor

  package init(_ x: Tensor, into out: Tensor) throws(OperatorError) {
    let check = Checker("Rearrange")
    try check.shape(out, x.shape, "out")
    try check.dtype(out, x.dtype, argument: "out")
    try check.require(!x.dtype.isQuantized, "x", "of a plain type", found: x.description)
    try check.devices(x, out: out)
    self.x = x
    self.out = out
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
