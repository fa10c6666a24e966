import MartletOperators
import MartletRuntime
import MartletTensor

extension Decoder {
  /// The operators of a step of few tokens on a GPU: about five kernels a layer, where ``operators(_:_:cache:arena:)`` has
  /// one for each part. Results are the same but for the order of additions in attention.
  ///
  /// What cannot be fused for a model, such as norms of heads or a cache in 8 bits, is done as there.
  ///
  /// Where tokens get the bits that they have alone, there may be any number: kernels take them in slices. So nothing depends
  /// on how many there are but the slices' sizes, and no sum depends on these.
  /// - Returns: nil where nothing can be fused; the caller falls back on its own.
  func fewTokenOperators(
    _ shape: BatchShape, _ input: DeviceBatch, cache: KVCache, arena: inout Arena, on runtime: Runtime
  ) throws -> StepOperators? {
    guard runtime.device.kind != .cpu, !isReference, let rows = rowsAtOnce(shape, runtime.device) else { return nil }
    let slices = Self.slices(of: shape.tokens, rows)
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
        layer, norm(layer.attentionNorm), residual, qkv, rotations, input, cache, slices,
        isBatchInvariant: shape.isBatchInvariant, into: attended, on: runtime)
      operators += try layer.attentionOutput.fused(attended, slices, into: residual, on: runtime) { _ in .added }
      operators += try layer.gateUp.fused(
        residual, norm: norm(layer.feedForwardNorm), slices, into: activated, on: runtime
      ) { _ in .gated }
      operators += try layer.down.fused(activated, slices, into: residual, on: runtime) { _ in .added }
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
    for slice in Self.slices(of: shape.logitRows, rows) {
      operators.append(
        try FusedLinear(
          last.slice(0, slice), norm: norm(self.norm), weight: head,
          ending: .chosen(index: choices.index.slice(0, slice), value: choices.value.slice(0, slice)),
          into: logits.slice(0, slice), on: runtime))
    }
    return StepOperators(operators: operators, logits: logits, choices: choices)
  }

  /// Norm, projection, rotation and attention.
  private func attentionOperators(
    _ layer: DecoderLayer, _ norm: FusedLinear.Norm, _ residual: Tensor, _ qkv: Tensor, _ rotations: Tensor,
    _ input: DeviceBatch, _ cache: PagedCache, _ slices: [Range<Int>], isBatchInvariant: Bool,
    into attended: Tensor, on runtime: Runtime
  ) throws -> [any Operator] {
    let (tokens, heads) = (residual.shape[0], configuration.headCount)
    var operators: [any Operator]
    func rotation(_ slice: Range<Int>) throws -> FusedLinear.Rotation {
      FusedLinear.Rotation(
        heads: heads, rotations: try rotations.slice(0, slice), slots: try input.slots.slice(0, slice), cache: cache)
    }
    let canRotate =
      try layer.headNorms == nil
      && layer.queryKeyValue.canFuse(
        rows: slices[0].count, activationType, ending: .rotated(rotation(slices[0])), on: runtime.device)
    if canRotate {
      operators = try layer.queryKeyValue.fused(residual, norm: norm, slices, into: qkv, on: runtime) { slice in
        .rotated(try rotation(slice))
      }
    } else {
      operators = try layer.queryKeyValue.fused(residual, norm: norm, slices, into: qkv, on: runtime) { _ in .stored }
      operators.append(
        try CacheAppend(
          qkv: qkv, heads: heads, norms: layer.headNorms, rotations: rotations, slots: input.slots, into: cache,
          isBatchInvariant: isBatchInvariant))
    }
    let scale = 1 / Float(configuration.headDimension).squareRoot()
    // Without this, all tokens are in one slice of the products.
    let most = isBatchInvariant ? DecodeAttention.mostTokens : tokens
    if DecodeAttention.isPossible(tokens: min(tokens, most), heads: heads, cache: cache, on: runtime.device) {
      for slice in Self.slices(of: tokens, most) {
        operators.append(
          try DecodeAttention(
            queries: qkv.slice(0, slice), heads: heads, cache: cache,
            batch: slice.count == tokens ? input.attention : input.attention.slice(slice), scale: scale,
            window: configuration.slidingWindow, into: attended.slice(0, slice), on: runtime))
      }
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

  /// Rows that a kernel of a step takes; nil where the step's products cannot be fused. Where tokens get the bits that they
  /// have alone it does not depend on their number.
  private func rowsAtOnce(_ shape: BatchShape, _ device: Device) -> Int? {
    guard shape.isBatchInvariant else {
      return shape.tokens <= FusedLinear.mostRows && canFuse(rows: shape.tokens, device) ? shape.tokens : nil
    }
    return sequence(first: FusedLinear.mostRows) { $0 > 1 ? $0 / 2 : nil }.first { canFuse(rows: $0, device) }
  }

  /// Rows in slices of so many; the last may have fewer.
  private static func slices(of count: Int, _ rows: Int) -> [Range<Int>] {
    stride(from: 0, to: count, by: rows).map { $0..<min($0 + rows, count) }
  }

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

  /// The product with what stands before and behind it, an operator a slice of rows and a part. Slices of a part follow each
  /// other, which then find its weights nearby.
  func fused(
    _ x: Tensor, norm: FusedLinear.Norm? = nil, _ slices: [Range<Int>], into out: Tensor, on runtime: Runtime,
    ending: (Range<Int>) throws -> FusedLinear.Ending
  ) throws -> [any Operator] {
    try parts.flatMap { part in
      let out = parts.count == 1 ? out : try out.slice(1, part.columns)
      return try slices.map { slice in
        try FusedLinear(
          x.slice(0, slice), norm: norm, weight: part.weight, bias: part.bias, ending: ending(slice),
          into: out.slice(0, slice), on: runtime)
      }
    }
  }
}
