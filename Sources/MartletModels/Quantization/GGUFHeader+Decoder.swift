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
    func refuse(_ field: String, _ found: String, _ supported: String) -> ModelError {
      folder.cannotExport(field, found, supported)
    }
    switch configuration.ropeScaling {
    case .none, .factors: break
    case .llama3:
      // It travels as the tensor `rope_freqs.weight`, which llama.cpp looks for in files of Llama only.
      guard architecture == "llama" else {
        throw refuse("rope_type", "'llama3'", "default, linear and yarn for \(architecture)")
      }
    case .linear(let factor):
      set(prefix + "type", "linear")
      set(prefix + "factor", factor)
    case .dynamic: throw refuse("rope_type", "'dynamic'", "default, linear, yarn and llama3")
    case .yarn(let yarn):
      // llama.cpp has keys for these two, and reads them for other architectures only.
      guard yarn.betaFast == 32 else { throw refuse("beta_fast", "\(yarn.betaFast)", "32") }
      guard yarn.betaSlow == 1 else { throw refuse("beta_slow", "\(yarn.betaSlow)", "1") }
      guard yarn.truncates else { throw refuse("truncate", "false", "true") }
      guard let context = UInt32(exactly: yarn.originalContext) else {
        throw refuse("original_max_position_embeddings", "\(yarn.originalContext)", "whole numbers of 32 bits")
      }
      set(prefix + "type", "yarn")
      set(prefix + "factor", Float(yarn.factor))
      set(prefix + "original_context_length", context)
      // llama.cpp takes the factor of the paper by itself; the key is what comes on top.
      let own = RotaryScaling.Yarn.attentionFactor(yarn.factor)
      if yarn.attentionFactor != own { set(prefix + "attn_factor", Float(yarn.attentionFactor / own)) }
    }
  }
}

extension DecoderConfiguration {
  /// The architecture (`general.architecture`) under which llama.cpp computes what the folder asks for.
  /// - Throws: ``ModelError/unsupported(file:field:found:supported:)`` for what it does not compute, by the name of the
  ///   field.
  func architecture(of folder: CheckpointFolder) throws -> String {
    func refuse(_ field: String, _ found: String, _ supported: String) -> ModelError {
      folder.cannotExport(field, found, supported)
    }
    if let window = slidingWindow, window < contextLength {
      throw refuse(
        "sliding_window", "\(window)",
        "windows of at least max_position_embeddings (\(contextLength); lower it to \(window) to keep to one window)")
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

extension CheckpointFolder {
  /// The error for a field that asks for what GGUF files, or llama.cpp with them, cannot do.
  fileprivate func cannotExport(_ field: String, _ found: String, _ supported: String) -> ModelError {
    .unsupported(file: configurationFile, field: field, found: found, supported: "\(supported) in GGUF files")
  }
}
