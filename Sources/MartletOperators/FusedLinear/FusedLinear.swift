package import MartletRuntime
package import MartletTensor

/// A matrix product of few rows with the operators that stand before and behind it in a decoder, in one kernel: generating
/// a token is a chain of these, and what costs time beside reading the weights is to go from one kernel to the next.
///
/// `y = RMSNorm(x) Wᵀ + bias`, or of x itself, and then what the ``Ending`` says. Each value is rounded where the operators
/// one by one round it, sums are added in their order, and so the results are theirs bit by bit on a GPU.
///
/// Shapes: x `[rows, columns]` with at most ``mostRows`` rows, weight `[outputs, columns]`, bias `[outputs]`.
package struct FusedLinear: Operator {
  /// What becomes of y.
  package enum Ending: Sendable {
    /// y goes to out `[rows, outputs]`.
    case stored
    /// out `[rows, outputs]`, a residual, grows by y: ``Add``.
    case added
    /// y holds gates, then what they gate; out `[rows, outputs / 2]` is ``SwiGLU`` of both.
    case gated
    /// y holds queries, keys and values: ``CacheAppend``. Of out `[rows, all heads * d]` only the queries are left.
    case rotated(Rotation)
    /// out `[rows, outputs]` is y, and `index` `[rows]` of i32 and `value` of out's type are each row's largest: ``Argmax``.
    case chosen(index: Tensor, value: Tensor)
  }

  /// What turning and caching queries, keys and values takes; see ``CacheAppend``.
  package struct Rotation: Sendable {
    let heads: Int
    let rotations: Tensor
    let slots: Tensor
    let cache: PagedCache

    package init(heads: Int, rotations: Tensor, slots: Tensor, cache: PagedCache) {
      (self.heads, self.rotations, self.slots, self.cache) = (heads, rotations, slots, cache)
    }
  }

  /// A norm before the product.
  package struct Norm: Sendable {
    let weight: Tensor
    let epsilon: Float

    /// - Parameter weight: the gain, `[columns]`.
    package init(weight: Tensor, epsilon: Float) { (self.weight, self.epsilon) = (weight, epsilon) }
  }

  /// The most rows of x.
  package static let mostRows = 8

  let x: Rows
  let norm: Norm?
  let weight: PackedWeight
  let bias: Tensor?
  let ending: Ending
  let out: Rows
  /// What it replaces, for the processor.
  let parts: [any Operator]
  /// Candidates for the largest.
  let candidates: Tensor?
  /// Two numbers, zero before and after a run: how many blocks have given their candidates, and how many pairs are taken.
  let counts: Tensor?
  private let tensors: [Tensor]

  /// - Parameter runtime: the device's.
  /// - Throws: ``OperatorError`` where ``isPossible(rows:weight:activations:ending:on:)`` is false.
  package init(
    _ x: Tensor, norm: Norm? = nil, weight: PackedWeight, bias: Tensor? = nil, ending: Ending,
    into out: Tensor, on runtime: Runtime
  ) throws {
    let check = Checker("FusedLinear")
    try check.dimensions(x, 2, "x")
    try check.floatingPoint(x, "x")
    try check.require(x.shape[1] == weight.columns, "x", "of \(weight.columns) columns", found: x.description)
    try check.require(x.shape[0] <= Self.mostRows, "x", "of at most \(Self.mostRows) rows", found: x.description)
    try check.require(weight.device == x.device, "weight", "on \(x.device)", found: "\(weight.device)")
    try check.devices(x, out: out)
    if let bias { try check.device(bias, "bias", x.device) }
    if let norm {
      try check.device(norm.weight, "norm", x.device)
      try check.shape(norm.weight, [weight.columns], "norm")
      try check.floatingPoint(norm.weight, "norm")
      try check.require(norm.weight.isContiguous, "norm", "contiguous", found: norm.weight.description)
    }
    if let bias {
      try check.shape(bias, [weight.rows], "bias")
      try check.floatingPoint(bias, "bias")
      try check.require(bias.isContiguous, "bias", "contiguous", found: bias.description)
    }
    try Self.check(check, ending, rows: x.shape[0], outputs: weight.rows, x.dtype, out)
    self.x = try check.rows(x, "x")
    self.out = try check.rows(out, "out")
    (self.norm, self.weight, self.bias, self.ending) = (norm, weight, bias, ending)
    switch x.device.kind {
    case .cpu:
      parts = try Self.parts(x, norm, weight, bias, ending, out, on: runtime)
      (candidates, counts) = (nil, nil)
    case .cuda, .metax:
      parts = []
      try check.require(
        Self.isPossible(
          rows: x.shape[0], weight: weight, activations: x.dtype, ending: ending, on: x.device),
        "the product", "one that a kernel can fuse", found: "[\(weight.rows), \(weight.columns)] \(weight.dtype.name)")
      try check.require(
        self.x.isAlignedForGPU && (norm.map { $0.weight.isAlignedForGPU } ?? true), "x and norm",
        "at multiples of 16 bytes", found: x.description)
      if case .chosen = ending {
        candidates = try Tensor([Self.mostRows, Self.mostBlocks], .i64, on: runtime)
      } else {
        candidates = nil
      }
      let counts = try Tensor([2], .i32, on: runtime)
      try counts.load(contentsOf: [Int32(0), 0], on: runtime)
      self.counts = counts
    }
    tensors = [x, out]
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    guard x.count > 0 else { return }
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }

  private static func check(
    _ check: Checker, _ ending: Ending, rows: Int, outputs: Int, _ dtype: DType, _ out: Tensor
  ) throws(OperatorError) {
    var width = outputs
    switch ending {
    case .stored, .added: try check.dtype(out, dtype, argument: "out")
    case .gated:
      try check.dtype(out, dtype, argument: "out")
      try check.require(outputs % 2 == 0, "weight", "of as many gates as gated", found: "\(outputs) rows")
      width = outputs / 2
    case .rotated(let rotation):
      let dimension = rotation.cache.headDimension
      width = (rotation.heads + 2 * rotation.cache.keyHeads) * dimension
      try check.dtype(out, dtype, argument: "out")
      try check.require(outputs == width, "weight", "of \(width) rows for all heads", found: "\(outputs)")
      try check.shape(rotation.rotations, [rows, dimension], "rotations")
      try check.dtype(rotation.rotations, .f32, argument: "rotations")
      try check.require(rotation.rotations.isContiguous, "rotations", "contiguous", found: "\(rotation.rotations)")
      try check.shape(rotation.slots, [rows], "slots")
      try check.dtype(rotation.slots, .i32, argument: "slots")
      try check.require(rotation.slots.isContiguous, "slots", "contiguous", found: "\(rotation.slots)")
      try check.device(rotation.slots, "slots", out.device)
      try check.devices(out, rotation.rotations, out: rotation.cache.keys, "cache")
    case .chosen(let index, let value):
      try check.floatingPoint(out, "out")
      try check.shape(value, [rows], "value")
      try check.dtype(value, out.dtype, argument: "value")
      try check.require(value.isContiguous, "value", "contiguous", found: value.description)
      try check.devices(out, out: value, "value")
      try check.shape(index, [rows], "index")
      try check.dtype(index, .i32, argument: "index")
      try check.require(index.isContiguous, "index", "contiguous", found: index.description)
      try check.devices(out, out: index, "index")
    }
    try check.shape(out, [rows, width], "out")
  }
}
