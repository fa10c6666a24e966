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
  /// Bytes of the layers' packed weights.
  let layerWeightBytes: Int
  /// Weights of the layers' matrices.
  let layerParameterCount: Int
  let frequencies: RotaryFrequencies
  /// Sees every operator of every step, and can make it fail; for tests on the processor.
  package var watch: OperatorWatch?

  /// Loads and packs all weights.
  /// - Parameters:
  ///   - cache: the type of keys and values.
  ///   - progress: called with the share of layers done, 0 to 1; what it throws ends the loading.
  package init(
    _ weights: WeightScope, _ configuration: DecoderConfiguration, _ loader: WeightLoader, cache: CacheType = .auto,
    progress: (Double) throws -> Void = { _ in }
  ) throws {
    self.configuration = configuration
    let model = weights["model"]
    let tableShape: Shape = [configuration.vocabularySize, configuration.hiddenSize]
    // Ties go both ways, as in transformers: a head alone is the embedding too, and one that differs from the embedding is
    // used whatever the configuration says.
    let separateHead = try weights["lm_head"].optional("weight", shape: tableShape)
    let table = try model["embed_tokens"].optional("weight", shape: tableShape)
    embedding = try loader.table(
      table ?? (configuration.tiesEmbeddings == true ? separateHead : nil)
        ?? model["embed_tokens"].tensor("weight", shape: tableShape))
    var layers: [DecoderLayer] = []
    for index in 0..<configuration.layerCount {
      layers.append(try DecoderLayer(model["layers"][index], configuration, loader))
      weights.releasePages()
      try progress(Double(index + 1) / Double(configuration.layerCount + 1))
    }
    self.layers = layers
    let projections = layers.flatMap { [$0.queryKeyValue, $0.attentionOutput, $0.gateUp, $0.down] }
    layerWeightBytes = projections.reduce(0) { $0 + $1.byteCount }
    layerParameterCount = projections.reduce(0) { $0 + $1.parameterCount }
    norm = try loader.vector(model["norm"].tensor("weight", shape: [configuration.hiddenSize]))
    head = try loader.pack(
      configuration.tiesEmbeddings == false
        ? weights["lm_head"].tensor("weight", shape: tableShape) : separateHead ?? embedding)
    frequencies = RotaryFrequencies(
      theta: configuration.ropeTheta, headDimension: configuration.headDimension, scaling: configuration.ropeScaling)
    let types = loader.compute.types(for: layers.first?.gateUp.dtype ?? embedding.dtype)
    (activationType, cacheType) = (types.activations, cache.dtype ?? types.cache)
    weights.releasePages()
    try weights.requireAllRead()
    try progress(1)
  }

  /// Bytes of packed weights.
  package var weightBytes: Int { layerWeightBytes + head.byteCount }

  /// The trained context if keys depend on the length of a longer prompt; nil if they never do.
  package var lengthDependentContext: Int? { frequencies.lengthDependentContext }

  /// What ``Batch/rotaryLengths`` holds for tokens of one sequence; empty where no scaling depends on lengths.
  package func rotaryLengths(_ positions: Range<Int>, promptLength: Int) -> [Int32] {
    guard lengthDependentContext != nil else { return [] }
    return positions.map { Int32(frequencies.effectiveLength(position: $0, promptLength: promptLength)) }
  }
}
