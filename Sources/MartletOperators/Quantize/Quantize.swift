package import MartletRuntime
package import MartletTensor

/// Encodes numbers in a type of fewer bits, or of as many: `out ≈ x`, the opposite of what ``Convert`` does with blocks.
///
/// A block's scale (and offset) is searched for by weighted least squares; see `quantize_search.h`. Each row depends on
/// itself alone and the loops are the same on every processor, so that the same weights always give the same bytes. To f32,
/// f16 and bf16 numbers are rounded to nearest even.
///
/// Shapes equal, rows at equal distances; x of a floating-point or quantised type, out of another or the same, with rows of
/// whole blocks.
package struct Quantize: Sendable {
  let x: Rows
  let out: Rows
  let tensors: [Tensor]

  init(x: Rows, out: Rows, tensors: [Tensor]) { (self.x, self.out, self.tensors) = (x, out, tensors) }

  /// What came of it.
  package enum Outcome: Sendable, Equatable {
    case done
    /// The row holds a NaN or an infinity.
    case notFinite(row: Int)
    /// The row holds a number that the type, or the f16 of its blocks' scales, does not reach.
    case tooLarge(row: Int)
  }

  package init(_ x: Tensor, into out: Tensor) throws(OperatorError) {
    let check = Checker("Quantize")
    for (tensor, name) in [(x, "x"), (out, "out")] {
      try check.require(
        tensor.dtype.isFloatingPoint || tensor.dtype.isQuantized, name, "of a floating-point or quantised type",
        found: tensor.description)
    }
    try check.shape(out, x.shape, "out")
    try check.devices(x, out: out)
    self.init(x: try check.rows(x, "x"), out: try check.rows(out, "out"), tensors: [x, out])
  }

  /// Encodes all rows. Of several rows that cannot be, the outcome tells the first; `out` is then undefined.
  package func run(on stream: Stream) throws(RuntimeError) -> Outcome {
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
