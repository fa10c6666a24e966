internal import Glibc
internal import MartletTensor

extension DecoderConfiguration {
  /// A weight that the decoder reads.
  struct Weight {
    /// The name in transformers' checkpoints.
    let name: String
    let shape: [Int]
    /// Heads whose halves GGUF files of Llama interleave: rows of queries and keys.
    var heads: Int?
    var isOptional = false
  }

  /// All weights in the order in which the decoder uses them.
  var weights: [Weight] {
    let table = [vocabularySize, hiddenSize]
    var weights = [Weight(name: Self.embedding, shape: table)]
    for layer in 0..<layerCount { weights += layerWeights("model.layers.\(layer).") }
    weights.append(Weight(name: "model.norm.weight", shape: [hiddenSize]))
    weights.append(Weight(name: Self.head, shape: table, isOptional: tiesEmbeddings != false))
    return weights
  }

  private static let embedding = "model.embed_tokens.weight"
  private static let head = "lm_head.weight"

  /// The tensor of a weight, nil if there is none. Where the configuration ties head and embedding, a head that is the
  /// embedding again counts as none, and a head alone as the embedding, as in transformers.
  func tensor(of weight: Weight, in source: some WeightSource) throws -> Tensor? {
    let tensor = try source.tensor(named: weight.name)
    guard tiesEmbeddings == true else { return tensor }
    switch weight.name {
    case Self.embedding: return try tensor ?? source.tensor(named: Self.head)
    case Self.head:
      guard let tensor, let embedding = try source.tensor(named: Self.embedding) else { return nil }
      let isSame =
        tensor.dtype == embedding.dtype && tensor.shape == embedding.shape
        && memcmp(tensor.pointer, embedding.pointer, tensor.byteCount) == 0
      return isSame ? nil : tensor
    default: return tensor
    }
  }

  private func layerWeights(_ prefix: String) -> [Weight] {
    let (queries, keys) = (headCount * headDimension, keyHeadCount * headDimension)
    var weights: [Weight] = []
    func add(_ name: String, _ rows: Int, _ columns: Int, _ bias: Biases, heads: Int? = nil) {
      weights.append(Weight(name: "\(prefix)\(name).weight", shape: [rows, columns], heads: heads))
      if biases.contains(bias) { weights.append(Weight(name: "\(prefix)\(name).bias", shape: [rows], heads: heads)) }
    }
    func addNorm(_ name: String, _ size: Int) {
      weights.append(Weight(name: "\(prefix)\(name).weight", shape: [size]))
    }
    addNorm("input_layernorm", hiddenSize)
    add("self_attn.q_proj", queries, hiddenSize, .queryKeyValue, heads: headCount)
    add("self_attn.k_proj", keys, hiddenSize, .queryKeyValue, heads: keyHeadCount)
    add("self_attn.v_proj", keys, hiddenSize, .queryKeyValue)
    if normalizesHeads {
      addNorm("self_attn.q_norm", headDimension)
      addNorm("self_attn.k_norm", headDimension)
    }
    add("self_attn.o_proj", hiddenSize, queries, .attentionOutput)
    addNorm("post_attention_layernorm", hiddenSize)
    add("mlp.gate_proj", feedForwardSize, hiddenSize, .feedForward)
    add("mlp.up_proj", feedForwardSize, hiddenSize, .feedForward)
    add("mlp.down_proj", hiddenSize, feedForwardSize, .feedForward)
    return weights
  }
}
