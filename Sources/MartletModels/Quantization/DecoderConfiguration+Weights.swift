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
    var weights = [Weight(name: "model.embed_tokens.weight", shape: table)]
    for layer in 0..<layerCount { weights += layerWeights("model.layers.\(layer).") }
    weights.append(Weight(name: "model.norm.weight", shape: [hiddenSize]))
    if tiesEmbeddings != true {
      weights.append(Weight(name: "lm_head.weight", shape: table, isOptional: tiesEmbeddings == nil))
    }
    return weights
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
