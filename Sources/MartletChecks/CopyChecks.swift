import MartletOperators
import MartletTensor

extension OperatorCheck {
  /// Operators that copy, look up or encode: equal bytes.
  static var copyChecks: [OperatorCheck] {
    convertChecks + embeddingChecks + rearrangeChecks + quantizeChecks
  }

  private static var convertChecks: [OperatorCheck] {
    (floatTypes + blockTypes).flatMap { from in
      floatTypes.flatMap { to in
        [(1, 256, 0), (7, 768, 5), (3, 1536, 8), (0, 256, 0)].map { rows, width, gap in
          OperatorCheck(
            operatorName: "Convert", label: "\(from.name) to \(to.name) [\(rows), \(width)] gap \(gap)", tolerance: 0
          ) { stage in
            let x =
              from.isQuantized
              ? try stage.blocks(Draws(20), [rows, width], from)
              : try stage.numbers(extremes(rows * width), [rows, width], from, gap: gap)
            let out = try stage.output([rows, width], to, gap: gap)
            try Convert(x.tensor, into: out.tensor).run(on: stage.stream)
            return [try out.result()]
          }
        }
      }
    }
  }

  /// Numbers of all sizes: tiny, huge, halfway between two of the smaller types.
  private static func extremes(_ count: Int) -> [Float] {
    let special: [Float] = [
      0, -0.0, .infinity, -.infinity, 65_504, 65_519, 65_520, -65_536, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1.004p0,
      0x1.00cp0,
      0x1.01p0, 0x1.03p0, 0x1p-130, .greatestFiniteMagnitude, 0x1.ffp127,
    ]
    return Draws(21).numbers(count).enumerated().map { index, value in
      index % 5 == 0 ? special[index / 5 % special.count] : value * (index % 3 == 0 ? 1e-6 : 300)
    }
  }

  private static var embeddingChecks: [OperatorCheck] {
    (floatTypes + blockTypes).flatMap { table in
      floatTypes.flatMap { out in
        [DType.i32, .i64].map { ids in
          OperatorCheck(
            operatorName: "Embedding", label: "\(table.name) to \(out.name), \(ids.name)", tolerance: 0
          ) { stage in
            let (rows, width) = (37, table.isQuantized ? 512 : 203)
            let weights =
              table.isQuantized
              ? try stage.blocks(Draws(22), [rows, width], table)
              : try stage.numbers(Draws(22).numbers(rows * width), [rows, width], table, gap: 5)
            let tokens = try stage.integers([36, 0, 5, 5, 17], [5], ids)
            let result = try stage.output([5, width], out, gap: 3)
            try Embedding(tokens.tensor, table: weights.tensor, into: result.tensor).run(on: stage.stream)
            return [try result.result()]
          }
        }
      }
    }
  }

  private static var rearrangeChecks: [OperatorCheck] {
    let cases: [(shape: Shape, order: Dimensions, gap: Int)] = [
      ([3, 5, 7], [2, 1, 0], 0), ([3, 5, 7], [1, 0, 2], 2), ([4, 8, 64], [1, 0, 2], 0), ([6, 64], [0, 1], 8),
      ([2, 3, 1, 4, 16], [3, 0, 2, 1, 4], 0), ([1, 1], [1, 0], 0), ([0, 4], [1, 0], 0), ([1000, 33], [1, 0], 0),
    ]
    return [DType.f32, .f16, .bf16, .i32, .i64, .u8].flatMap { dtype in
      cases.map { shape, order, gap in
        OperatorCheck(
          operatorName: "Rearrange", label: "\(dtype.name) \(shape) as \(order) gap \(gap)", tolerance: 0
        ) { stage in
          let bytes = Draws(23).bytes(shape.reduce(1, *) * dtype.blockBytes)
          let x = try CheckTensor(bytes, shape, dtype, on: stage.runtime)
          let source = try x.tensor.permute(order)
          let out = try stage.output(source.shape, dtype, gap: gap)
          try Rearrange(source, into: out.tensor).run(on: stage.stream)
          return [try out.result()]
        }
      }
    }
  }

  private static var quantizeChecks: [OperatorCheck] {
    blockTypes.flatMap { to in
      [DType.f32, .bf16].map { from in
        OperatorCheck(operatorName: "Quantize", label: "\(from.name) to \(to.name)", tolerance: 0) { stage in
          let x = try stage.numbers(Draws(24).numbers(3 * 512), [3, 512], from, gap: 4)
          let out = try stage.output([3, 512], to)
          _ = try Quantize(x.tensor, into: out.tensor).run(on: stage.stream)
          return [try out.result()]
        }
      }
    }
  }
}
