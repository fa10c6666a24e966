import MartletOperators
import MartletTensor

extension OperatorCheck {
  /// Attention in both forms, and what writes the cache.
  static var attentionChecks: [OperatorCheck] {
    selfAttentionChecks + pagedChecks + decodeChecks
  }

  private static var selfAttentionChecks: [OperatorCheck] {
    let ragged: [(queries: Int, keys: Int, heads: Int, keyHeads: Int, dimension: Int, value: Int)] = [
      (1, 1, 1, 1, 2, 2), (5, 11, 4, 2, 64, 64), (1, 700, 6, 2, 128, 128), (33, 33, 3, 1, 20, 24),
      (2, 300, 16, 1, 80, 7),
      (40, 600, 4, 4, 256, 256), (3, 5, 2, 1, 13, 33), (0, 4, 2, 1, 8, 8),
    ]
    // Many queries whose heads start at whole pieces of 16 bytes: tiles of all sizes, full and unfilled.
    let tiled: [(queries: Int, keys: Int, heads: Int, keyHeads: Int, dimension: Int, value: Int)] = [
      (16, 16, 1, 1, 64, 64), (130, 333, 6, 2, 64, 64), (128, 128, 4, 4, 128, 128), (77, 300, 14, 2, 128, 128),
      (257, 257, 2, 1, 64, 64), (19, 1000, 33, 1, 128, 128),
    ]
    let cases =
      ragged.map { (queryGap: 3, valueGap: 1, outGap: 5, $0) } + tiled.map { (queryGap: 8, valueGap: 8, outGap: 8, $0) }
    return floatTypes.flatMap { dtype in
      cases.map { queryGap, valueGap, outGap, c in
        OperatorCheck(
          operatorName: "SelfAttention",
          label:
            "\(dtype.name) \(c.queries) of \(c.keys), \(c.heads)/\(c.keyHeads) heads of \(c.dimension), \(c.value)",
          // On tiles softmax's weights are rounded to the type too.
          tolerance: queryGap == 8 ? 2 * rounding(dtype) : rounding(dtype)
        ) { stage in
          let q = try stage.numbers(
            Draws(50).numbers(c.queries * c.heads * c.dimension, scale: 2), [c.queries, c.heads, c.dimension], dtype,
            gap: queryGap)
          let k = try stage.numbers(
            Draws(51).numbers(c.keys * c.keyHeads * c.dimension, scale: 2), [c.keys, c.keyHeads, c.dimension], dtype)
          let v = try stage.numbers(
            Draws(52).numbers(c.keys * c.keyHeads * c.value), [c.keys, c.keyHeads, c.value], dtype, gap: valueGap)
          let out = try stage.output([c.queries, c.heads, c.value], dtype, gap: outGap)
          try SelfAttention(
            q.tensor, k.tensor, v.tensor, scale: 1 / Float(c.dimension).squareRoot(), into: out.tensor
          ).run(on: stage.stream)
          return [try out.result()]
        }
      }
    }
  }

  private static var decodeChecks: [OperatorCheck] {
    let layers: [PagedCheck.Layer] = [
      .init(heads: 4, keyHeads: 2, dimension: 64), .init(heads: 6, keyHeads: 1, dimension: 128),
      .init(heads: 3, keyHeads: 3, dimension: 128, window: 300),
      .init(heads: 22, keyHeads: 2, dimension: 64, window: 19),
    ]
    return floatTypes.flatMap { activation in
      floatTypes.flatMap { cache in
        layers.map { layer in
          let check = PagedCheck(layer: layer, activation: activation, cache: cache, fewTokens: true)
          return OperatorCheck(
            operatorName: "DecodeAttention", label: check.label,
            tolerance: max(2 * rounding(activation), 2 * rounding(cache))
          ) { try check.run(on: $0) }
        }
      }
    }
  }

  private static var pagedChecks: [OperatorCheck] {
    let layers: [PagedCheck.Layer] = [
      .init(heads: 4, keyHeads: 2, dimension: 64), .init(heads: 9, keyHeads: 3, dimension: 64, norms: .f32),
      .init(heads: 8, keyHeads: 1, dimension: 128, window: 100), .init(heads: 2, keyHeads: 2, dimension: 20),
      .init(heads: 14, keyHeads: 2, dimension: 64, window: 300),
      .init(heads: 16, keyHeads: 1, dimension: 80, norms: .bf16),
      .init(heads: 2, keyHeads: 1, dimension: 256), .init(heads: 1, keyHeads: 1, dimension: 2),
      .init(heads: 6, keyHeads: 2, dimension: 64, gap: 8), .init(heads: 7, keyHeads: 1, dimension: 128, gap: 8),
      .init(heads: 2, keyHeads: 2, dimension: 128, window: 100, gap: 8),
    ]
    return floatTypes.flatMap { activation in
      (floatTypes + [.q8_0]).flatMap { cache in
        layers.map { layer in
          let check = PagedCheck(layer: layer, activation: activation, cache: cache)
          return OperatorCheck(
            operatorName: "PagedAttention", label: check.label,
            // A key that was rounded the other way moves a score. On tiles queries and weights are rounded to the cache's
            // type too.
            tolerance: max(
              2 * rounding(activation), cache == .q8_0 ? 2e-2 : (layer.gap == 8 ? 4 : 2) * rounding(cache))
          ) { try check.run(on: $0) }
        }
      }
    }
  }
}
