package import MartletOperators
package import MartletRuntime
package import MartletTensor

/// The operators of a step in order, and what they leave.
package struct StepOperators: Sendable {
  package var operators: [any Operator]
  /// f32 `[logitRows, vocabulary]`; nil without logit rows.
  package var logits: Tensor?
  /// The largest logit of each row and its place, f32 and i32 `[logitRows]`, where the operators find them on the way.
  package var choices: (index: Tensor, value: Tensor)?
  /// The token that each row's rule chooses, i32 `[logitRows]`; nil where there are no rules.
  package var sampled: Tensor?
}

extension Decoder {
  /// The operators of a step in order, on tensors of the arena.
  package func operators(
    _ shape: BatchShape, _ input: DeviceBatch, cache: KVCache, arena: inout Arena, on runtime: Runtime
  ) throws -> StepOperators {
    if let fused = try fewTokenOperators(shape, input, cache: cache, arena: &arena, on: runtime) { return fused }
    let hidden = configuration.hiddenSize
    let wide = configuration.feedForwardSize
    let dimension = configuration.headDimension
    let alone = shape.isBatchInvariant
    func buffer(_ width: Int, _ rows: Int = shape.tokens, _ dtype: DType? = nil) throws -> Tensor {
      try arena.tensor([rows, width], dtype ?? activationType)
    }
    let residual = try buffer(hidden)
    let normed = try buffer(hidden)
    let projected = try buffer(hidden)
    let qkv = try buffer(configuration.projectionWidth)
    let attended = try buffer(configuration.headCount * dimension)
    let gateUp = try buffer(2 * wide)
    let (gate, up) = (try gateUp.slice(1, 0..<wide), try gateUp.slice(1, wide..<2 * wide))
    let activated = try buffer(wide)
    let rotations = try buffer(dimension, shape.tokens, .f32)

    var operators: [any Operator] = [
      try RotationTable(
        positions: input.attention.positions, lengths: input.rotaryLengths, frequencies: frequencies, into: rotations),
      try Embedding(input.tokens, table: embedding, into: residual),
    ]
    for (index, layer) in layers.enumerated() {
      if index == 0 {
        operators.append(
          try RMSNorm(residual, weight: layer.attentionNorm, epsilon: configuration.normEpsilon, into: normed))
      } else {
        operators.append(
          try AddRMSNorm(
            projected, residual: residual, weight: layer.attentionNorm, epsilon: configuration.normEpsilon,
            into: normed))
      }
      operators += try layer.queryKeyValue.operators(normed, into: qkv, isBatchInvariant: alone)
      operators.append(
        try CacheAppend(
          qkv: qkv, heads: configuration.headCount, norms: layer.headNorms, rotations: rotations, slots: input.slots,
          into: cache.layers[index], isBatchInvariant: alone))
      operators.append(
        try PagedAttention(
          queries: qkv, heads: configuration.headCount, cache: cache.layers[index], batch: input.attention,
          scale: 1 / Float(dimension).squareRoot(), window: configuration.slidingWindow, into: attended))
      operators += try layer.attentionOutput.operators(attended, into: projected, isBatchInvariant: alone)
      operators.append(
        try AddRMSNorm(
          projected, residual: residual, weight: layer.feedForwardNorm, epsilon: configuration.normEpsilon,
          into: normed))
      operators += try layer.gateUp.operators(normed, into: gateUp, isBatchInvariant: alone)
      operators.append(try SwiGLU(gate: gate, up: up, into: activated))
      operators += try layer.down.operators(activated, into: projected, isBatchInvariant: alone)
    }

    let rows = shape.logitRows
    guard rows > 0 else { return StepOperators(operators: operators.withPrefetches()) }
    // Only the rows that want logits go through the last norm and the head. Looking up rows is what Embedding does.
    let (lastResidual, lastProjected, lastNormed) = (
      try buffer(hidden, rows), try buffer(hidden, rows), try buffer(hidden, rows)
    )
    let logits = try buffer(configuration.vocabularySize, rows, .f32)
    operators += [
      try Embedding(input.logitRows, table: residual, into: lastResidual),
      try Embedding(input.logitRows, table: projected, into: lastProjected),
      try AddRMSNorm(
        lastProjected, residual: lastResidual, weight: norm, epsilon: configuration.normEpsilon, into: lastNormed),
      try Linear(lastNormed, weight: head, into: logits, isBatchInvariant: alone),
    ]
    return StepOperators(operators: operators.withPrefetches(), logits: logits)
  }
}
