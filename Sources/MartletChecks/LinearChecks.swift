import MartletOperators
import MartletTensor

extension OperatorCheck {
  /// Matrix products in both forms.
  static var linearChecks: [OperatorCheck] {
    plainChecks + packedChecks + packedBlockChecks
  }

  private struct Problem: Sendable {
    var rows: Int
    var columns: Int
    var tokens: Int
    var gap = 0
    var bias: DType?

    var label: String {
      "[\(rows), \(columns)] × \(tokens)" + (gap > 0 ? " gap \(gap)" : "") + (bias.map { " + \($0.name)" } ?? "")
    }
  }

  private static func check(
    _ form: String, x dtype: DType, weight: DType, out: DType, _ problem: Problem, packs: Bool
  ) -> OperatorCheck {
    OperatorCheck(
      operatorName: "Linear", label: "\(form) \(dtype.name) × \(weight.name) to \(out.name) \(problem.label)",
      tolerance: rounding(out)
    ) { stage in
      let (rows, columns, tokens) = (problem.rows, problem.columns, problem.tokens)
      let x = try stage.numbers(
        Draws(40).numbers(tokens * columns, scale: 2), [tokens, columns], dtype, gap: problem.gap)
      let matrix = try stage.weights(Draws(41), [rows, columns], weight, gap: problem.gap)
      let bias = try problem.bias.map { try stage.numbers(Draws(42).numbers(rows), [rows], $0).tensor }
      let result = try stage.output([tokens, rows], out, gap: problem.gap)
      if packs {
        // Two parts, so that rows of one follow rows of another.
        let cut = rows / 3
        let parts = [try matrix.tensor.slice(0, 0..<cut), try matrix.tensor.slice(0, cut..<rows)]
        let packed = try PackedWeight(parts, on: stage.stream)
        try Linear(x.tensor, weight: packed, bias: bias, into: result.tensor).run(on: stage.stream)
      } else {
        try Linear(x.tensor, weight: matrix.tensor, bias: bias, into: result.tensor).run(on: stage.stream)
      }
      return [try result.result()]
    }
  }

  private static var plainChecks: [OperatorCheck] {
    let problems = [
      Problem(rows: 19, columns: 256, tokens: 5, gap: 3, bias: .f32), Problem(rows: 64, columns: 512, tokens: 11),
      Problem(rows: 7, columns: 768, tokens: 1, bias: .bf16), Problem(rows: 4, columns: 256, tokens: 0),
    ]
    let ragged = [
      Problem(rows: 1, columns: 1, tokens: 1), Problem(rows: 19, columns: 203, tokens: 5, gap: 1, bias: .f16),
      Problem(rows: 33, columns: 31, tokens: 12),
    ]
    return floatTypes.flatMap { dtype in
      (floatTypes + blockTypes).flatMap { weight in
        (weight.isQuantized ? problems : problems + ragged).map {
          check("plain", x: dtype, weight: weight, out: dtype, $0, packs: false)
        }
      }
    }
  }

  private static var packedChecks: [OperatorCheck] {
    let problems = [
      Problem(rows: 64, columns: 4096, tokens: 1, bias: .f32), Problem(rows: 9, columns: 64, tokens: 2),
      Problem(rows: 130, columns: 520, tokens: 3, gap: 8), Problem(rows: 77, columns: 576, tokens: 8, bias: .f16),
      // Many rows of x: whole tiles, and one element more or less in each direction.
      Problem(rows: 200, columns: 256, tokens: 20, bias: .bf16), Problem(rows: 128, columns: 512, tokens: 128),
      Problem(rows: 129, columns: 40, tokens: 257, gap: 8, bias: .f32), Problem(rows: 127, columns: 2048, tokens: 9),
      Problem(rows: 30, columns: 203, tokens: 10), Problem(rows: 16, columns: 64, tokens: 0),
    ]
    return floatTypes.flatMap { dtype in
      floatTypes.flatMap { weight in
        (dtype == weight ? floatTypes : [dtype]).flatMap { out in
          problems.map { check("packed", x: dtype, weight: weight, out: out, $0, packs: true) }
        }
      }
    }
  }

  private static var packedBlockChecks: [OperatorCheck] {
    blockTypes.flatMap { weight in
      floatTypes.flatMap { dtype in
        [
          Problem(rows: 19, columns: weight.blockSize, tokens: 2),
          Problem(rows: 35, columns: 768, tokens: 11, bias: .f32),
          Problem(rows: 16, columns: 1536, tokens: 1, bias: .f16), Problem(rows: 50, columns: 2048, tokens: 4, gap: 8),
          Problem(rows: 5, columns: 256, tokens: 0),
          // Whole tiles, and more and less in each direction; groups in odd number where the type allows it.
          Problem(rows: 64, columns: 512, tokens: 128),
          Problem(rows: 67, columns: 768, tokens: 131, gap: 8, bias: .f32),
          Problem(rows: 20, columns: weight.blockSize * 3, tokens: 33),
        ].map { check("packed", x: dtype, weight: weight, out: dtype, $0, packs: true) }
      }
    }
  }
}
