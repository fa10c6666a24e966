import MartletOperators
import MartletRuntime
import MartletTensor

extension Decoder {
  /// The operators of a step of few tokens on a GPU: about five kernels a layer, where ``operators(_:_:cache:arena:)`` has
  /// one for each part. Results are the same but for the order of additions in attention.
  ///
  /// What cannot be fused for a model, such as norms of heads or a cache in 8 bits, is done as there.
  /// - Returns: nil where nothing can be fused; the caller falls back on its own.
  func fewTokenOperators(
    _ shape: BatchShape, _ input: DeviceBatch, cache: KVCache, arena: inout Arena, on runtime: Runtime
  ) throws -> StepOperators? {
    guard runtime.device.kind != .cpu, shape.tokens <= FusedLinear.mostRows, !isReference,
      canFuse(rows: shape.tokens, runtime.device)
    else { return nil }
    let dimension = configuration.headDimension
    func buffer(_ width: Int, _ rows: Int = shape.tokens, _ dtype: DType? = nil) throws -> Tensor {
      try arena.tensor([rows, width], dtype ?? activationType)
    }
    func norm(_ weight: Tensor) -> FusedLinear.Norm { .init(weight: weight, epsilon: configuration.normEpsilon) }
    let residual = try buffer(configuration.hiddenSize)
    let qkv = try buffer(configuration.projectionWidth)
    let attended = try buffer(configuration.headCount * dimension)
    let activated = try buffer(configuration.feedForwardSize)
    let rotations = try buffer(dimension, shape.tokens, .f32)
    var operators: [any Operator] = [
      try RotationTable(
        positions: input.attention.positions, lengths: input.rotaryLengths, frequencies: frequencies, into: rotations),
      try Embedding(input.tokens, table: embedding, into: residual),
    ]
    for (layer, cache) in zip(layers, cache.layers) {
      operators += try attentionOperators(
        layer, norm(layer.attentionNorm), residual, qkv, rotations, input, cache, into: attended, on: runtime)
      operators += try layer.attentionOutput.fused(attended, ending: .added, into: residual, on: runtime)
      operators += try layer.gateUp.fused(
        residual, norm: norm(layer.feedForwardNorm), ending: .gated, into: activated, on: runtime)
      operators += try layer.down.fused(activated, ending: .added, into: residual, on: runtime)
    }
    guard shape.logitRows > 0 else { return StepOperators(operators: operators) }
    var last = residual
    if !shape.wantsAllLogits {
      last = try buffer(configuration.hiddenSize, shape.logitRows)
      operators.append(try Embedding(input.logitRows, table: residual, into: last))
    }
    let logits = try buffer(configuration.vocabularySize, shape.logitRows, .f32)
    let choices = (
      index: try arena.tensor([shape.logitRows], .i32), value: try arena.tensor([shape.logitRows], .f32)
    )
    operators.append(
      try FusedLinear(
        last, norm: norm(self.norm), weight: head, ending: .chosen(index: choices.index, value: choices.value),
        into: logits, on: runtime))
    return StepOperators(operators: operators, logits: logits, choices: choices)
  }

  /// Norm, projection, rotation and attention.
  private func attentionOperators(
    _ layer: DecoderLayer, _ norm: FusedLinear.Norm, _ residual: Tensor, _ qkv: Tensor, _ rotations: Tensor,
    _ input: DeviceBatch, _ cache: PagedCache, into attended: Tensor, on runtime: Runtime
  ) throws -> [any Operator] {
    let (tokens, heads) = (residual.shape[0], configuration.headCount)
    var operators: [any Operator]
    let rotation = FusedLinear.Rotation(heads: heads, rotations: rotations, slots: input.slots, cache: cache)
    let canRotate =
      layer.headNorms == nil
      && layer.queryKeyValue.canFuse(rows: tokens, activationType, ending: .rotated(rotation), on: runtime.device)
    if canRotate {
      operators = try layer.queryKeyValue.fused(
        residual, norm: norm, ending: .rotated(rotation), into: qkv, on: runtime)
    } else {
      operators = try layer.queryKeyValue.fused(residual, norm: norm, ending: .stored, into: qkv, on: runtime)
      operators.append(
        try CacheAppend(
          qkv: qkv, heads: heads, norms: layer.headNorms, rotations: rotations, slots: input.slots, into: cache))
    }
    let scale = 1 / Float(configuration.headDimension).squareRoot()
    if DecodeAttention.isPossible(tokens: tokens, heads: heads, cache: cache, on: runtime.device) {
      operators.append(
        try DecodeAttention(
          queries: qkv, heads: heads, cache: cache, batch: input.attention, scale: scale,
          window: configuration.slidingWindow, into: attended, on: runtime))
    } else {
      operators.append(
        try PagedAttention(
          queries: qkv, heads: heads, cache: cache, batch: input.attention, scale: scale,
          window: configuration.slidingWindow, into: attended))
    }
    return operators
  }

  /// Whether everything is in f32: the mode that others are compared with, in which a sequence has the same bits in any
  /// company, so that its attention knows one order of additions only.
  private var isReference: Bool { activationType == .f32 && !weightType.isQuantized }

  /// Whether all products but that of queries, keys and values, which has two forms, can be fused.
  private func canFuse(rows: Int, _ device: Device) -> Bool {
    guard FusedLinear.isPossible(rows: rows, weight: head, activations: activationType, ending: .stored, on: device)
    else { return false }
    return layers.allSatisfy { layer in
      layer.queryKeyValue.canFuse(rows: rows, activationType, ending: .stored, on: device)
        && layer.attentionOutput.canFuse(rows: rows, activationType, ending: .added, on: device)
        && layer.gateUp.canFuse(rows: rows, activationType, ending: .gated, on: device)
        && layer.down.canFuse(rows: rows, activationType, ending: .added, on: device)
    }
  }
}

extension Projection {
  /// Whether ``fused(_:norm:ending:into:on:)`` can do it. Endings that pair rows need all of them in one matrix.
  func canFuse(rows: Int, _ activations: DType, ending: FusedLinear.Ending, on device: Device) -> Bool {
    switch ending {
    case .gated, .rotated: if parts.count > 1 { return false }
    case .stored, .added, .chosen: break
    }
    return parts.allSatisfy {
      FusedLinear.isPossible(rows: rows, weight: $0.weight, activations: activations, ending: ending, on: device)
    }
  }

  /// The product with what stands before and behind it, an operator a part.
  func fused(
    _ x: Tensor, norm: FusedLinear.Norm? = nil, ending: FusedLinear.Ending, into out: Tensor, on runtime: Runtime
  ) throws -> [any Operator] {
    try parts.map { part in
      try FusedLinear(
        x, norm: norm, weight: part.weight, bias: part.bias, ending: ending,
        into: parts.count == 1 ? out : out.slice(1, part.columns), on: runtime)
    }
  }
}
