import MartletOperators
import MartletTensor

extension OperatorCheck {
  /// Rotary positions.
  static var rotationChecks: [OperatorCheck] {
    ropeChecks + tableChecks
  }

  private static var ropeChecks: [OperatorCheck] {
    floatTypes.flatMap { dtype in
      [(2, 64), (3, 20), (1, 2), (5, 128), (2, 256)].flatMap { heads, dimension in
        [DType.i32, .i64].map { integer in
          OperatorCheck(
            operatorName: "RoPE", label: "\(dtype.name) \(heads) heads of \(dimension), \(integer.name)",
            // Angles of thousands of turns: a last place of the sine is more than one of the product.
            tolerance: max(2e-5, rounding(dtype))
          ) { stage in
            let positions = [0, 1, 2, 100, 8_191, 131_071]
            let x = try stage.numbers(
              Draws(30).numbers(positions.count * heads * dimension), [positions.count, heads, dimension], dtype, gap: 6
            )
            let places = try stage.integers(positions, [positions.count], integer)
            let out = try stage.output([positions.count, heads, dimension], dtype)
            try RoPE(x.tensor, positions: places.tensor, theta: 10_000, into: out.tensor).run(on: stage.stream)
            try RoPE(x.tensor, positions: places.tensor, theta: 500_000, into: x.tensor).run(on: stage.stream)
            return [try out.result(), try x.result()]
          }
        }
      }
    }
  }

  private static let scalings: [(name: String, scaling: RotaryScaling)] = [
    ("plain", .none), ("linear", .linear(factor: 4)), ("dynamic", .dynamic(factor: 2, originalContext: 64)),
    ("llama3", .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192)),
    ("yarn", .yarn(.init(factor: 4, originalContext: 4096, attentionFactor: 1.1386))),
  ]

  private static var tableChecks: [OperatorCheck] {
    scalings.flatMap { name, scaling in
      [8, 64, 128].map { dimension in
        OperatorCheck(operatorName: "RotationTable", label: "\(name), heads of \(dimension)", tolerance: 2e-5) {
          stage in
          let positions = [0, 1, 63, 64, 1_000, 32_767]
          let frequencies = RotaryFrequencies(theta: 10_000, headDimension: dimension, scaling: scaling)
          let places = try stage.integers(positions, [positions.count], .i32)
          let lengths = try stage.integers([0, 0, 0, 65, 1_001, 32_768], [positions.count], .i32)
          let out = try stage.output([positions.count, dimension], .f32)
          try RotationTable(
            positions: places.tensor, lengths: frequencies.lengthDependentContext == nil ? nil : lengths.tensor,
            frequencies: frequencies, into: out.tensor
          ).run(on: stage.stream)
          return [try out.result()]
        }
      }
    }
  }
}
