internal import MartletJSON
internal import MartletOperators

extension GGUFHeader {
  /// What llama.cpp reads of a decoder's configuration.
  /// - Parameters:
  ///   - architecture: what `DecoderConfiguration.architecture(of:)` says.
  ///   - name: what the model is called (`general.name`).
  /// - Throws: ``ModelError/unsupported(file:field:found:supported:)`` for scalings that llama.cpp does not compute.
  init(_ configuration: DecoderConfiguration, _ architecture: String, folder: CheckpointFolder, name: String) throws {
    self.init()
    set("general.architecture", architecture)
    set("general.type", "model")
    set("general.name", name)
    let sizes = [
      ("vocab_size", configuration.vocabularySize), ("context_length", configuration.contextLength),
      ("embedding_length", configuration.hiddenSize), ("block_count", configuration.layerCount),
      ("feed_forward_length", configuration.feedForwardSize), ("attention.head_count", configuration.headCount),
      ("attention.head_count_kv", configuration.keyHeadCount), ("attention.key_length", configuration.headDimension),
      ("attention.value_length", configuration.headDimension), ("rope.dimension_count", configuration.headDimension),
    ]
    for (key, value) in sizes { set("\(architecture).\(key)", UInt32(value)) }
    set("\(architecture).rope.freq_base", configuration.ropeTheta)
    set("\(architecture).attention.layer_norm_rms_epsilon", configuration.normEpsilon)
    try setScaling(configuration, architecture, folder)
  }

  private mutating func setScaling(
    _ configuration: DecoderConfiguration, _ architecture: String, _ folder: CheckpointFolder
  ) throws {
    let prefix = "\(architecture).rope.scaling."
    switch configuration.ropeScaling {
    case .none, .factors, .llama3: break  // The last two travel as the tensor `rope_freqs.weight`.
    case .linear(let factor):
      set(prefix + "type", "linear")
      set(prefix + "factor", factor)
    case .dynamic:
      throw ModelError.unsupported(
        file: folder.configurationFile, field: "rope_type", found: "'dynamic'",
        supported: "default, linear, yarn and llama3 in GGUF files")
    case .yarn(let yarn):
      guard yarn.truncates else {
        throw ModelError.unsupported(
          file: folder.configurationFile, field: "truncate", found: "false", supported: "true in GGUF files")
      }
      guard let context = UInt32(exactly: yarn.originalContext) else {
        throw ModelError.unsupported(
          file: folder.configurationFile, field: "original_max_position_embeddings", found: "\(yarn.originalContext)",
          supported: "whole numbers of 32 bits in GGUF files")
      }
      set(prefix + "type", "yarn")
      set(prefix + "factor", Float(yarn.factor))
      set(prefix + "original_context_length", context)
      // llama.cpp takes the factor of the paper by itself; the key is what comes on top.
      let own = RotaryScaling.Yarn.attentionFactor(yarn.factor)
      if yarn.attentionFactor != own { set(prefix + "attn_factor", Float(yarn.attentionFactor / own)) }
      if yarn.betaFast != 32 { set(prefix + "yarn_beta_fast", Float(yarn.betaFast)) }
      if yarn.betaSlow != 1 { set(prefix + "yarn_beta_slow", Float(yarn.betaSlow)) }
    }
  }
}

extension DecoderConfiguration {
  /// The architecture (`general.architecture`) under which llama.cpp computes what the folder asks for.
  /// - Throws: ``ModelError/unsupported(file:field:found:supported:)`` for what it does not compute, by the name of the
  ///   field.
  func architecture(of folder: CheckpointFolder) throws -> String {
    func refuse(_ field: String, _ found: String, _ supported: String) -> ModelError {
      .unsupported(file: folder.configurationFile, field: field, found: found, supported: "in GGUF files \(supported)")
    }
    if let window = slidingWindow, window < contextLength {
      throw refuse(
        "sliding_window", "\(window)",
        "windows of at least the \(contextLength) tokens of max_position_embeddings, since llama.cpp's "
          + "architecture 'llama' has none: lower max_position_embeddings to \(window) to keep to one window")
    }
    switch folder.configuration["model_type"]?.string {
    case "qwen2":
      guard !biases.contains(.feedForward) else { throw refuse("mlp_bias", "true", "false for qwen2") }
      return "qwen2"
    case "qwen3":
      guard biases.isDisjoint(with: [.queryKeyValue, .attentionOutput]) else {
        throw refuse("attention_bias", "true", "false for qwen3")
      }
      guard biases.isEmpty else { throw refuse("mlp_bias", "true", "false for qwen3") }
      return "qwen3"
    default: return "llama"
    }
  }

  /// The divisors of Llama 3.1's rotary speeds, as `rope_freqs.weight` holds them; nil for other scalings.
  var rotaryFactors: [Float]? {
    guard case .llama3 = ropeScaling else { return nil }
    let plain = RotaryFrequencies(theta: ropeTheta, headDimension: headDimension)
    let scaled = RotaryFrequencies(theta: ropeTheta, headDimension: headDimension, scaling: ropeScaling)
    return zip(plain.values, scaled.values).map { $0 / $1 }
  }
}
