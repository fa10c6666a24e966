import MartletOperators
import MartletTensor

/// One layer: attention and a gated feed-forward unit, each behind a norm and around a residual.
struct DecoderLayer: Sendable {
  let attentionNorm: Tensor
  let queryKeyValue: Projection
  let headNorms: HeadNorms?
  let attentionOutput: Projection
  let feedForwardNorm: Tensor
  let gateUp: Projection
  let down: Projection

  init(_ weights: WeightScope, _ configuration: DecoderConfiguration, _ loader: WeightLoader) throws {
    let hidden = configuration.hiddenSize
    let dimension = configuration.headDimension
    let queries = configuration.headCount * dimension
    let keys = configuration.keyHeadCount * dimension
    let wide = configuration.feedForwardSize
    let (attention, mlp) = (weights["self_attn"], weights["mlp"])
    attentionNorm = try loader.vector(weights["input_layernorm"].tensor("weight", shape: [hidden]))
    queryKeyValue = try loader.projection(
      attention, [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)], columns: hidden,
      hasBias: configuration.biases.contains(.queryKeyValue))
    if configuration.normalizesHeads {
      headNorms = HeadNorms(
        query: try loader.vector(attention["q_norm"].tensor("weight", shape: [dimension])),
        key: try loader.vector(attention["k_norm"].tensor("weight", shape: [dimension])),
        epsilon: configuration.normEpsilon)
    } else {
      headNorms = nil
    }
    attentionOutput = try loader.projection(
      attention, [("o_proj", hidden)], columns: queries, hasBias: configuration.biases.contains(.attentionOutput))
    feedForwardNorm = try loader.vector(weights["post_attention_layernorm"].tensor("weight", shape: [hidden]))
    let hasBias = configuration.biases.contains(.feedForward)
    gateUp = try loader.projection(mlp, [("gate_proj", wide), ("up_proj", wide)], columns: hidden, hasBias: hasBias)
    down = try loader.projection(mlp, [("down_proj", hidden)], columns: wide, hasBias: hasBias)
  }
}
