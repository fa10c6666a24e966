import MartletOperators
import MartletTensor

extension OperatorCheck {
  /// Rows, widths and gaps between rows: single elements, no elements, tails of every kind, rows that begin anywhere.
  private static let rowShapes: [(rows: Int, width: Int, gap: Int)] = [
    (1, 1, 0), (3, 15, 3), (2, 17, 0), (70, 511, 1), (5, 2048, 0), (4, 96, 8), (0, 8, 0), (5, 0, 2), (1, 8195, 0),
  ]

  /// Operators on rows, each row on its own.
  static var rowChecks: [OperatorCheck] {
    floatTypes.flatMap { dtype in
      rowShapes.flatMap { shape in
        [add(dtype, shape), swiglu(dtype, shape)]
          + floatTypes.flatMap { [rmsNorm(dtype, weight: $0, shape), addRMSNorm(dtype, weight: $0, shape)] }
      } + argmaxChecks(dtype)
    }
  }

  private static func label(_ dtype: DType, _ shape: (rows: Int, width: Int, gap: Int)) -> String {
    "\(dtype.name) [\(shape.rows), \(shape.width)]" + (shape.gap > 0 ? " gap \(shape.gap)" : "")
  }

  private static func add(_ dtype: DType, _ s: (rows: Int, width: Int, gap: Int)) -> OperatorCheck {
    OperatorCheck(operatorName: "Add", label: label(dtype, s), tolerance: 0) { stage in
      let shape: Shape = [s.rows, s.width]
      let a = try stage.numbers(Draws(1).numbers(s.rows * s.width), shape, dtype, gap: s.gap)
      let b = try stage.numbers(Draws(2).numbers(s.rows * s.width, scale: 0.3), shape, dtype)
      let out = try stage.output(shape, dtype, gap: s.gap)
      try Add(a.tensor, b.tensor, into: out.tensor).run(on: stage.stream)
      try Add(b.tensor, b.tensor, into: b.tensor).run(on: stage.stream)
      return [try out.result(), try b.result()]
    }
  }

  private static func swiglu(_ dtype: DType, _ s: (rows: Int, width: Int, gap: Int)) -> OperatorCheck {
    // Rounding twice can differ twice.
    OperatorCheck(operatorName: "SwiGLU", label: label(dtype, s), tolerance: 2 * rounding(dtype)) { stage in
      let wide = try stage.numbers(
        Draws(3).numbers(s.rows * 2 * s.width, scale: 8), [s.rows, 2 * s.width], dtype, gap: s.gap)
      let out = try stage.output([s.rows, s.width], dtype, gap: s.gap)
      try SwiGLU(
        gate: wide.tensor.slice(1, 0..<s.width), up: wide.tensor.slice(1, s.width..<2 * s.width), into: out.tensor
      ).run(on: stage.stream)
      return [try out.result()]
    }
  }

  private static func rmsNorm(
    _ dtype: DType, weight: DType, _ s: (rows: Int, width: Int, gap: Int)
  ) -> OperatorCheck {
    OperatorCheck(
      operatorName: "RMSNorm", label: "\(label(dtype, s)) × \(weight.name)", tolerance: 2 * rounding(dtype)
    ) { stage in
      let x = try stage.numbers(Draws(4).numbers(s.rows * s.width, scale: 4), [s.rows, s.width], dtype, gap: s.gap)
      let gain = try stage.numbers(Draws(5).numbers(s.width, scale: 2), [s.width], weight)
      let out = try stage.output([s.rows, s.width], dtype, gap: s.gap)
      try RMSNorm(x.tensor, weight: gain.tensor, epsilon: 1e-5, into: out.tensor).run(on: stage.stream)
      return [try out.result()]
    }
  }

  private static func addRMSNorm(
    _ dtype: DType, weight: DType, _ s: (rows: Int, width: Int, gap: Int)
  ) -> OperatorCheck {
    OperatorCheck(
      operatorName: "AddRMSNorm", label: "\(label(dtype, s)) × \(weight.name)", tolerance: 2 * rounding(dtype)
    ) { stage in
      let shape: Shape = [s.rows, s.width]
      let x = try stage.numbers(Draws(6).numbers(s.rows * s.width), shape, dtype)
      let residual = try stage.numbers(Draws(7).numbers(s.rows * s.width, scale: 4), shape, dtype, gap: s.gap)
      let gain = try stage.numbers(Draws(8).numbers(s.width, scale: 2), [s.width], weight)
      let out = try stage.output(shape, dtype, gap: s.gap)
      try AddRMSNorm(x.tensor, residual: residual.tensor, weight: gain.tensor, epsilon: 1e-6, into: out.tensor)
        .run(on: stage.stream)
      return [try residual.result(), try out.result()]
    }
  }

  private static func argmaxChecks(_ dtype: DType) -> [OperatorCheck] {
    let corners: [(name: String, row: [Float])] = [
      ("NaN", [1, .nan, 2, .nan]), ("NaN beside infinity", [.infinity, .nan]), ("ties", [-3, -2, -2]),
      ("zeros", [-1, -0.0, 0]), ("nothing but -infinity", [-.infinity, -.infinity, -.infinity]),
    ]
    let random: [(name: String, row: [Float])] = [1, 15, 500, 32_000, 128_256].map {
      ("\($0) wide", Draws(9).numbers($0))
    }
    return (random + corners).flatMap { name, row in
      [(0, 0), (15, 1), (31, 30), (100, 3)].flatMap { before, after in
        [DType.i64, .i32].compactMap { index in
          // Wide rows need no company.
          if row.count > 100, before > 0 { return nil }
          let values =
            [Float](repeating: -10_000, count: before) + row + [Float](repeating: -10_000, count: after)
          return OperatorCheck(
            operatorName: "Argmax", label: "\(dtype.name) \(name) at \(before), \(index.name)", tolerance: 0
          ) { stage in
            let x = try stage.numbers(values + values, [2, values.count], dtype, gap: 3)
            let place = try stage.output([2], index)
            let value = try stage.output([2], dtype)
            try Argmax(x.tensor, index: place.tensor, value: value.tensor).run(on: stage.stream)
            return [try place.result(), try value.result()]
          }
        }
      }
    }
  }
}
