package import MartletRuntime
package import MartletTensor

/// A matrix product with transposed weights: `out = x Wᵀ (+ bias)`.
///
/// Shapes: x `[…, columns]`, weight `[rows, columns]`, bias `[rows]`, out `[…, rows]`; rows of x and out at equal
/// distances. x is f32, f16 or bf16.
///
/// There are two forms of one contract:
/// - *Plain*: the weight is a tensor of any floating-point or quantised type. Weights are taken at their exact values,
///   products are summed in f32, the sum is rounded once. This is the reference. With many rows the weights are packed on
///   the way, and the form's results are the packed form's.
/// - *Packed*: the weight was laid out for the device by ``PackedWeight``. Plain types give the plain form's results up to
///   the order of additions. With quantised types each row of x is quantised to 8 bits in groups of 32 with one scale a
///   group, the products within a group are exact integers, and groups are added in f32 (the scheme of ggml's
///   `Q8_0`/`Q8_1` products).
///
/// On the processor, a row of the packed form's result does not depend on how many other rows are computed with it. On a GPU
/// that costs speed from some number of rows on, and holds where ``isBatchInvariant`` says so.
package struct Linear: Operator {
  enum Weight: Sendable {
    case plain(Rows)
    case packed(PackedWeight)
  }

  let x: Rows
  let weight: Weight
  let bias: Tensor?
  let out: Rows
  /// Whether every row has the additions in the order of a product of that row alone.
  package let isBatchInvariant: Bool

  /// The plain form.
  package init(_ x: Tensor, weight: Tensor, bias: Tensor? = nil, into out: Tensor) throws(OperatorError) {
    let check = Checker("Linear")
    try check.dimensions(weight, 2, "weight")
    try check.numbers(weight, "weight")
    try check.devices(x, weight, out: out)
    try self.init(
      x, .plain(try check.rows(weight, "weight")), rows: weight.shape[0], columns: weight.shape[1], bias, out, check)
  }

  /// The packed form.
  /// - Parameter isBatchInvariant: whether a GPU too gives each row the bits that it has alone, whatever number of rows there
  ///   is.
  package init(
    _ x: Tensor, weight: PackedWeight, bias: Tensor? = nil, into out: Tensor, isBatchInvariant: Bool = false
  ) throws(OperatorError) {
    let check = Checker("Linear")
    try check.devices(x, out: out)
    try check.require(weight.device == x.device, "weight", "on \(x.device)", found: "\(weight.device)")
    try self.init(
      x, .packed(weight), rows: weight.rows, columns: weight.columns, bias, out, check, isBatchInvariant)
  }

  private init(
    _ x: Tensor, _ weight: Weight, rows: Int, columns: Int, _ bias: Tensor?, _ out: Tensor, _ check: Checker,
    _ isBatchInvariant: Bool = false
  ) throws(OperatorError) {
    try check.floatingPoint(x, "x")
    try check.require(x.shape.last == columns, "x", "of \(columns) columns", found: x.description)
    var shape = x.shape
    shape[shape.count - 1] = rows
    try check.shape(out, shape, "out")
    try check.floatingPoint(out, "out")
    if let bias {
      try check.device(bias, "bias", x.device)
      try check.shape(bias, [rows], "bias")
      try check.floatingPoint(bias, "bias")
      try check.contiguous(bias, "bias")
    }
    self.x = try check.rows(x, "x")
    self.out = try check.rows(out, "out")
    self.weight = weight
    self.bias = bias
    self.isBatchInvariant = isBatchInvariant
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    guard out.count > 0, out.width > 0 else { return }
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
