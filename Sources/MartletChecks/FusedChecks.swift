import MartletOperators
import MartletRuntime
import MartletTensor

extension OperatorCheck {
  /// Fused products: the same bits as the operators that they stand for, on the same device.
  static var fusedChecks: [OperatorCheck] {
    (floatTypes + blockTypes).flatMap { weight in
      FusedCheck.Ending.allCases.flatMap { ending in
        [(1, 4608), (3, 768), (8, 2048)].map { rows, columns in
          let check = FusedCheck(weight: weight, rows: rows, columns: columns, ending: ending)
          return OperatorCheck(
            operatorName: "FusedLinear",
            label: "\(weight.name) [\(check.outputs), \(columns)] × \(rows), \(ending.rawValue)", tolerance: 0,
            run: check.run)
        }
      }
    }
  }
}

/// One product with what stands before and behind it.
private struct FusedCheck: Sendable {
  enum Ending: String, CaseIterable { case stored, added, gated, rotated, chosen }

  private static let (heads, keyHeads, dimension, blocks) = (4, 2, 64, 4)

  let weight: DType
  let rows: Int
  let columns: Int
  let ending: Ending

  var activation: DType { weight.isQuantized ? .f32 : weight }

  var outputs: Int {
    switch ending {
    case .stored, .added: 70
    case .gated: 144
    case .rotated: (Self.heads + 2 * Self.keyHeads) * Self.dimension
    case .chosen: 301
    }
  }

  /// The bytes in which the two ways differ: zeros, if they do not.
  func run(on stage: CheckStage) throws -> [CheckOutput] {
    let x = try stage.numbers(Draws(90).numbers(rows * columns, scale: 2), [rows, columns], activation, gap: 8).tensor
    let matrix = try stage.weights(Draws(91), [outputs, columns], weight).tensor
    let packed = try PackedWeight([matrix], on: stage.stream)
    let norm =
      ending == .added
      ? nil
      : FusedLinear.Norm(
        weight: try stage.numbers(Draws(92).numbers(columns), [columns], .f32).tensor, epsilon: 1e-5)
    let bias =
      ending == .chosen ? nil : try stage.numbers(Draws(93).numbers(outputs), [outputs], activation).tensor
    let device = stage.runtime.device
    let found = try outcome(on: stage) { ending, out in
      // MetaX's blocks share less memory: what does not fit is done by the parts, as models do it.
      if device.kind == .metax,
        !FusedLinear.isPossible(rows: rows, weight: packed, activations: activation, ending: ending, on: device)
      {
        return try FusedLinear.parts(x, norm, packed, bias, ending, out, on: stage.runtime)
      }
      return [
        try FusedLinear(
          x, norm: norm, weight: packed, bias: bias, ending: ending, into: out, on: stage.runtime)
      ]
    }
    let expected = try outcome(on: stage) { ending, out in
      try FusedLinear.parts(x, norm, packed, bias, ending, out, on: stage.runtime)
    }
    return zip(found, expected).map { found, expected in
      CheckOutput(dtype: .u8, bytes: zip(found.bytes, expected.bytes).map { $0 ^ $1 }, spoiledAt: found.spoiledAt)
    }
  }

  /// What operators leave: of a rotation the queries and the cache.
  private func outcome(
    on stage: CheckStage, _ operators: (FusedLinear.Ending, Tensor) throws -> [any Operator]
  ) throws -> [CheckOutput] {
    let width = ending == .gated ? outputs / 2 : outputs
    let out =
      ending == .added
      ? try stage.numbers(Draws(94).numbers(rows * width), [rows, width], activation, gap: 3)
      : try stage.output([rows, width], ending == .chosen ? .f32 : activation, gap: 3)
    var others: [Tensor] = []
    let place: FusedLinear.Ending
    switch ending {
    case .stored: place = .stored
    case .added: place = .added
    case .gated: place = .gated
    case .chosen:
      let (index, value) = (try stage.output([rows], .i32).tensor, try stage.output([rows], .f32).tensor)
      others = [index, value]
      place = .chosen(index: index, value: value)
    case .rotated:
      let cache = try PagedCache(
        blockCount: Self.blocks, keyHeads: Self.keyHeads, headDimension: Self.dimension, .f16, on: stage.runtime)
      for tensor in [cache.keys, cache.values] {
        try tensor.load(contentsOf: [UInt8](repeating: 0, count: tensor.byteCount), on: stage.runtime)
      }
      others = [cache.keys, cache.values]
      let slots = Draws(95).shuffled(Self.blocks * PagedCache.blockSize).prefix(rows)
      place = .rotated(
        .init(
          heads: Self.heads,
          rotations: try stage.numbers(Draws(96).numbers(rows * Self.dimension), [rows, Self.dimension], .f32).tensor,
          // A token that is not to be written among them.
          slots: try stage.integers(slots.enumerated().map { $0 == 2 ? -1 : $1 }, [rows], .i32).tensor, cache: cache))
    }
    for part in try operators(place, out.tensor) { try part.run(on: stage.stream) }
    try stage.stream.synchronize()
    let result = try out.result()
    guard ending == .rotated else { return [result] + (try others.map(Self.bytes)) }
    let rowBytes = outputs * activation.blockBytes
    let queries = Self.heads * Self.dimension * activation.blockBytes
    let kept = (0..<rows).flatMap { Array(result.bytes[$0 * rowBytes..<$0 * rowBytes + queries]) }
    return [CheckOutput(dtype: activation, bytes: kept, spoiledAt: result.spoiledAt)] + (try others.map(Self.bytes))
  }

  private static func bytes(of tensor: Tensor) throws -> CheckOutput {
    CheckOutput(dtype: tensor.dtype, bytes: try tensor.hostBytes(), spoiledAt: nil)
  }
}
