internal import MartletJSON
internal import MartletOperators

extension DecoderConfiguration {
  /// The `model_type` values of `config.json` that this decoder computes.
  package static let modelTypes = ["llama", "mistral", "qwen2", "qwen3"]

  /// Reads `config.json`, with the defaults of transformers' configuration classes where a field is missing.
  /// - Throws: ``ModelError`` that names the field for whatever the file asks for that the decoder does not do.
  package init(folder: CheckpointFolder) throws {
    let fields = ConfigurationFields(folder.configuration, file: folder.configurationFile)
    let type = try fields.string("model_type") ?? ""
    guard Self.modelTypes.contains(type) else {
      throw fields.unsupported("model_type", supported: Self.modelTypes.joined(separator: ", "))
    }
    if let architectures = try fields.strings("architectures") {
      let known = ["llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3"][type]! + "ForCausalLM"
      guard architectures.allSatisfy({ $0 == known }) else {
        throw fields.unsupported("architectures", found: architectures.joined(separator: ", "), supported: known)
      }
    }
    guard fields["quantization_config"] == nil else {
      throw fields.unsupported(
        "quantization_config", found: "set", supported: "weights in f32, f16 and bf16 (or a GGUF file)")
    }
    let activation = try fields.string("hidden_act") ?? "silu"
    guard ["silu", "swish"].contains(activation) else { throw fields.unsupported("hidden_act", supported: "'silu'") }

    layerCount = try fields.requiredInteger("num_hidden_layers")
    hiddenSize = try fields.requiredInteger("hidden_size")
    feedForwardSize = try fields.requiredInteger("intermediate_size")
    headCount = try fields.requiredInteger("num_attention_heads")
    keyHeadCount = try fields.integer("num_key_value_heads") ?? (type == "mistral" ? 8 : headCount)
    vocabularySize = try fields.requiredInteger("vocab_size")
    contextLength =
      try fields.integer("max_position_embeddings") ?? (type == "llama" ? 2048 : type == "mistral" ? 131_072 : 32_768)
    normEpsilon = Float(try fields.number("rms_norm_eps") ?? 1e-6)
    headDimension =
      try fields.integer("head_dim") ?? (type == "qwen3" ? 128 : headCount > 0 ? hiddenSize / headCount : 0)
    tiesEmbeddings = try fields.bool("tie_word_embeddings") ?? false
    normalizesHeads = type == "qwen3"
    let hasAttentionBias = try fields.bool("attention_bias") ?? false
    switch type {
    case "qwen2": biases = .queryKeyValue
    default: biases = hasAttentionBias ? [.queryKeyValue, .attentionOutput] : []
    }
    if try fields.bool("mlp_bias") ?? false { biases.insert(.feedForward) }
    ropeTheta = 10_000
    (ropeTheta, ropeScaling) = try Self.rotary(fields, contextLength: contextLength)
    if case .dynamic(let factor, _) = ropeScaling, factor >= 1, factor < 1e6 {
      // The field says here what the model was trained for, and the factor how much further it goes.
      // A product beyond any integer is left to the check below.
      contextLength = Int(exactly: (Double(contextLength) * factor).rounded(.towardZero)) ?? .max
    }
    slidingWindow = try Self.slidingWindow(fields, type, layerCount: layerCount, contextLength: contextLength)
    _ = try folder.endTokens()
    try validate(file: fields.file)
  }

  /// The window of attention that all layers share, or nil.
  private static func slidingWindow(
    _ fields: ConfigurationFields, _ type: String, layerCount: Int, contextLength: Int
  ) throws -> Int? {
    let kinds = try layerKinds(fields, layerCount: layerCount)
    switch type {
    case "mistral":
      guard kinds == nil || kinds?.count == 1 else {
        throw fields.unsupported(
          "layer_types", found: "a mixture of \(listed(kinds))", supported: "one kind for all layers")
      }
      if kinds == ["full_attention"] { return nil }
      // A Mistral configuration without the field has transformers' default window.
      guard fields.contains("sliding_window") else { return 4096 }
      guard let window = try fields.integer("sliding_window") else {
        if kinds == nil { return nil }
        throw fields.invalid("sliding_window", found: "null", expected: "a number, as layer_types is sliding_attention")
      }
      guard window >= 1 else { throw fields.unsupported("sliding_window", supported: "null or a positive number") }
      return window
    case "llama":
      // transformers' attention takes no notice of the window, but its cache forgets the tokens beyond it.
      if kinds == nil, let window = try fields.integer("sliding_window"), window < contextLength {
        throw fields.unsupported("sliding_window", supported: "null for llama: all layers see all tokens")
      }
    default:
      if try fields.bool("use_sliding_window") ?? false, fields["sliding_window"] != nil {
        throw fields.unsupported("use_sliding_window", supported: "false: all layers see all tokens")
      }
    }
    guard kinds == nil || kinds == ["full_attention"] else {
      throw fields.unsupported("layer_types", found: listed(kinds), supported: "full_attention")
    }
    return nil
  }

  /// The kinds of attention that `layer_types` names; nil if it is not there.
  private static func layerKinds(_ fields: ConfigurationFields, layerCount: Int) throws -> Set<String>? {
    guard let layers = try fields.strings("layer_types") else { return nil }
    guard layers.count == layerCount else {
      throw fields.invalid(
        "layer_types", found: "a list of \(layers.count)", expected: "\(layerCount), one for each of num_hidden_layers")
    }
    let kinds = Set(layers)
    guard kinds.isSubset(of: ["full_attention", "sliding_attention"]) else {
      throw fields.unsupported("layer_types", found: listed(kinds), supported: "full_attention")
    }
    return kinds
  }

  private static func listed(_ kinds: Set<String>?) -> String { (kinds ?? []).sorted().joined(separator: ", ") }

  /// The rotary base and scaling: `rope_parameters` of new files, `rope_theta` and `rope_scaling` of older ones. Where a
  /// file has both, transformers takes `rope_scaling` unless it is empty.
  private static func rotary(
    _ fields: ConfigurationFields, contextLength: Int
  ) throws -> (theta: Float, scaling: RotaryScaling) {
    let name = try fields.section("rope_scaling")?.isEmpty == false ? "rope_scaling" : "rope_parameters"
    let parameters = try fields.section(name)
    if let nested = parameters?.nestedSection {
      throw fields.unsupported(name, found: "a table for each kind of layer ('\(nested)', …)", supported: "one for all")
    }
    let theta = try parameters?.number("rope_theta") ?? fields.number("rope_theta") ?? 10_000
    for section in [parameters, fields].compactMap({ $0 }) {
      guard try section.number("partial_rotary_factor") ?? 1 == 1 else {
        throw section.unsupported("partial_rotary_factor", supported: "1: whole heads are turned")
      }
    }
    guard let parameters else { return (Float(theta), .none) }
    let type = try parameters.string("rope_type") ?? parameters.string("type") ?? "default"
    // One beside the section wins over the one in it, as in transformers.
    let originalContext =
      try fields.positiveInteger("original_max_position_embeddings")
      ?? parameters.positiveInteger("original_max_position_embeddings") ?? contextLength
    switch type {
    case "default": return (Float(theta), .none)
    case "linear": return (Float(theta), .linear(factor: Float(try parameters.requiredPositive("factor"))))
    case "dynamic":
      return (
        Float(theta), .dynamic(factor: try parameters.requiredPositive("factor"), originalContext: contextLength)
      )
    case "llama3":
      let low = try parameters.requiredPositive("low_freq_factor")
      let high = try parameters.requiredPositive("high_freq_factor")
      guard high > low else {
        throw parameters.unsupported("high_freq_factor", supported: "more than low_freq_factor, which is \(low)")
      }
      return (
        Float(theta),
        .llama3(
          factor: Float(try parameters.requiredPositive("factor")), lowFrequencyFactor: Float(low),
          highFrequencyFactor: Float(high), originalContext: Float(originalContext))
      )
    case "yarn":
      return (Float(theta), .yarn(try yarn(parameters, context: originalContext)))
    default:
      throw parameters.unsupported(
        parameters.contains("rope_type") ? "rope_type" : "type",
        supported: "default, linear, dynamic, yarn, llama3")
    }
  }

  private static func yarn(_ parameters: ConfigurationFields, context: Int) throws -> RotaryScaling.Yarn {
    let factor = try parameters.requiredPositive("factor")
    var attention = try parameters.number("attention_factor")
    if attention == nil {
      // Zero counts as not given, as in Python.
      if let scale = try parameters.number("mscale"), let all = try parameters.number("mscale_all_dim"), scale != 0,
        all != 0
      {
        attention =
          RotaryScaling.Yarn.attentionFactor(factor, scale: scale)
          / RotaryScaling.Yarn.attentionFactor(factor, scale: all)
      } else {
        attention = RotaryScaling.Yarn.attentionFactor(factor)
      }
    }
    func beta(_ name: String, or plain: Double) throws -> Double {
      try parameters.number(name) ?? 0 == 0 ? plain : parameters.requiredPositive(name)
    }
    // A `truncate` that is null is false in Python; one that is not there is true.
    return RotaryScaling.Yarn(
      factor: factor, originalContext: Double(context), betaFast: try beta("beta_fast", or: 32),
      betaSlow: try beta("beta_slow", or: 1), attentionFactor: attention ?? 1,
      truncates: try parameters.bool("truncate") ?? !parameters.contains("truncate"))
  }
}
