import MartletOperators
import MartletRuntime
package import MartletTensor

/// A Llama-like decoder: embedding, layers, final norm, vocabulary head. (Touvron et al. 2023.)
///
/// Rounding follows transformers' `LlamaForCausalLM`; see `docs/numerics.md`.
package struct Decoder: Sendable {
  package let configuration: DecoderConfiguration
  /// The type of keys and values in the cache.
  package let cacheType: DType
  /// The type of activations.
  package let activationType: DType
  let embedding: Tensor
  let layers: [DecoderLayer]
  let norm: Tensor
  let head: PackedWeight
  let frequencies: RotaryFrequencies

  /// Loads and packs all weights.
  /// - Parameters:
  ///   - cache: the type of keys and values.
  ///   - progress: called with the share of layers done, 0 to 1.
  package init(
    _ weights: WeightScope, _ configuration: DecoderConfiguration, _ loader: WeightLoader, cache: CacheType = .auto,
    progress: (Double) -> Void = { _ in }
  ) throws {
    self.configuration = configuration
    let model = weights["model"]
    let tableShape: Shape = [configuration.vocabularySize, configuration.hiddenSize]
    // Ties go both ways, as in transformers: a head alone is the embedding too, and one that differs from the embedding is
    // used whatever the configuration says.
    let separateHead = try weights["lm_head"].optional("weight", shape: tableShape)
    let table = try model["embed_tokens"].optional("weight", shape: tableShape)
    embedding =
      try table ?? (configuration.tiesEmbeddings == true ? separateHead : nil)
      ?? model["embed_tokens"].tensor("weight", shape: tableShape)
    var layers: [DecoderLayer] = []
    for index in 0..<configuration.layerCount {
      layers.append(try DecoderLayer(model["layers"][index], configuration, loader))
      progress(Double(index + 1) / Double(configuration.layerCount + 1))
    }
    self.layers = layers
    norm = try loader.vector(model["norm"].tensor("weight", shape: [configuration.hiddenSize]))
    head = try loader.pack(
      configuration.tiesEmbeddings == false
        ? weights["lm_head"].tensor("weight", shape: tableShape) : separateHead ?? embedding)
    frequencies = RotaryFrequencies(
      theta: configuration.ropeTheta, headDimension: configuration.headDimension, scaling: configuration.ropeScaling)
    let types = loader.compute.types(for: layers.first?.gateUp.dtype ?? embedding.dtype)
    (activationType, cacheType) = (types.activations, cache.dtype ?? types.cache)
    try weights.requireAllRead()
    progress(1)
  }

  /// Bytes of packed weights and norms.
  package var weightBytes: Int {
    layers.reduce(head.byteCount) { sum, layer in
      sum + layer.queryKeyValue.byteCount + layer.attentionOutput.byteCount + layer.gateUp.byteCount
        + layer.down.byteCount
    }
  }

  /// The trained context if keys depend on the length of a longer prompt; nil if they never do.
  package var lengthDependentContext: Int? { frequencies.lengthDependentContext }

  /// What ``Batch/rotaryLengths`` holds for tokens of one sequence; empty where no scaling depends on lengths.
  package func rotaryLengths(_ positions: Range<Int>, promptLength: Int) -> [Int32] {
    guard lengthDependentContext != nil else { return [] }
    return positions.map { Int32(frequencies.effectiveLength(position: $0, promptLength: promptLength)) }
  }

  /// Computes a step: writes keys and values to the cache, and returns the logits of the batch's `logitRows` as f32
  /// `[logitRows, vocabulary]` in the pass's arena, or nil if there are none.
  package func forward(_ batch: Batch, cache: KVCache, pass: inout Pass) throws -> Tensor? {
    let input = try DeviceBatch(batch, arena: &pass.arena, on: pass.stream.runtime)
    let stream = pass.stream
    let tokens = batch.tokens.count
    let hidden = configuration.hiddenSize
    let dimension = configuration.headDimension
    func buffer(_ width: Int, _ rows: Int = tokens, _ dtype: DType? = nil) throws -> Tensor {
      try pass.arena.tensor([rows, width], dtype ?? activationType)
    }
    let residual = try buffer(hidden)
    let normed = try buffer(hidden)
    let projected = try buffer(hidden)
    let qkv = try buffer(configuration.projectionWidth)
    let attended = try buffer(configuration.headCount * dimension)
    let gateUp = try buffer(2 * configuration.feedForwardSize)
    let gate = try gateUp.slice(1, 0..<configuration.feedForwardSize)
    let up = try gateUp.slice(1, configuration.feedForwardSize..<2 * configuration.feedForwardSize)
    let activated = try buffer(configuration.feedForwardSize)
    let rotations = try buffer(dimension, tokens, .f32)

    try RotationTable(
      positions: input.attention.positions, lengths: input.rotaryLengths, frequencies: frequencies, into: rotations
    ).run(on: stream)
    try Embedding(input.tokens, table: embedding, into: residual).run(on: stream)
    for (index, layer) in layers.enumerated() {
      if index == 0 {
        try RMSNorm(residual, weight: layer.attentionNorm, epsilon: configuration.normEpsilon, into: normed)
          .run(on: stream)
      } else {
        try AddRMSNorm(
          projected, residual: residual, weight: layer.attentionNorm, epsilon: configuration.normEpsilon, into: normed
        ).run(on: stream)
      }
      try layer.queryKeyValue.run(normed, into: qkv, on: stream)
      try CacheAppend(
        qkv: qkv, heads: configuration.headCount, norms: layer.headNorms, rotations: rotations, slots: input.slots,
        into: cache.layers[index]
      ).run(on: stream)
      try PagedAttention(
        queries: qkv, heads: configuration.headCount, cache: cache.layers[index], batch: input.attention,
        scale: 1 / Float(dimension).squareRoot(), window: configuration.slidingWindow, into: attended
      ).run(on: stream)
      try layer.attentionOutput.run(attended, into: projected, on: stream)
      try AddRMSNorm(
        projected, residual: residual, weight: layer.feedForwardNorm, epsilon: configuration.normEpsilon, into: normed
      ).run(on: stream)
      try layer.gateUp.run(normed, into: gateUp, on: stream)
      try SwiGLU(gate: gate, up: up, into: activated).run(on: stream)
      try layer.down.run(activated, into: projected, on: stream)
    }

    let rows = batch.logitRows.count
    guard rows > 0 else { return nil }
    // Only the rows that want logits go through the last norm and the head. Looking up rows is what Embedding does.
    let (lastResidual, lastProjected, lastNormed) = (
      try buffer(hidden, rows), try buffer(hidden, rows), try buffer(hidden, rows)
    )
    try Embedding(input.logitRows, table: residual, into: lastResidual).run(on: stream)
    try Embedding(input.logitRows, table: projected, into: lastProjected).run(on: stream)
    try AddRMSNorm(
      lastProjected, residual: lastResidual, weight: norm, epsilon: configuration.normEpsilon, into: lastNormed
    ).run(on: stream)
    let logits = try buffer(configuration.vocabularySize, rows, .f32)
    try Linear(lastNormed, weight: head, into: logits).run(on: stream)
    return logits
  }
}
