internal import MartletOperators
internal import MartletTensor

extension DecoderConfiguration {
  /// The architectures of GGUF files (`general.architecture`) that this decoder computes.
  package static let architectures = ["llama", "qwen2", "qwen3"]

  /// What GGUF files call the fields of transformers' configurations, behind the name of the architecture.
  private static let ggufNames = [
    "num_hidden_layers": "block_count", "hidden_size": "embedding_length", "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count", "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length", "vocab_size": "vocab_size", "max_position_embeddings": "context_length",
    "rms_norm_eps": "attention.layer_norm_rms_epsilon", "rope_theta": "rope.freq_base",
  ]

  /// Reads a GGUF file's metadata.
  /// - Throws: ``ModelError`` for whatever the file asks for that the decoder does not do, `GGUFError` for keys that are
  ///   missing or of the wrong type.
  package init(gguf file: GGUFFile) throws {
    let metadata = file.metadata
    if let parts = try metadata.integer("split.count"), parts > 1 {
      throw ModelError.unsupported(
        file: file.path, field: "split.count", found: "\(parts)",
        supported: "files of one part: join them with llama-gguf-split --merge")
    }
    let architecture = try metadata.requiredString("general.architecture")
    guard Self.architectures.contains(architecture) else {
      throw ModelError.unsupported(
        file: file.path, field: "general.architecture", found: "'\(architecture)'",
        supported: Self.architectures.joined(separator: ", "))
    }
    func key(_ name: String) -> String { "\(architecture).\(name)" }
    layerCount = try metadata.requiredInteger(key("block_count"))
    hiddenSize = try metadata.requiredInteger(key("embedding_length"))
    feedForwardSize = try metadata.requiredInteger(key("feed_forward_length"))
    headCount = try metadata.requiredInteger(key("attention.head_count"))
    keyHeadCount = try metadata.integer(key("attention.head_count_kv")) ?? headCount
    contextLength = try metadata.requiredInteger(key("context_length"))
    normEpsilon = Float(try metadata.requiredFloat(key("attention.layer_norm_rms_epsilon")))
    ropeTheta = Float(try metadata.float(key("rope.freq_base")) ?? 10_000)
    let impliedDimension = headCount > 0 ? hiddenSize / headCount : 0
    headDimension = try metadata.integer(key("attention.key_length")) ?? impliedDimension
    let tokens = try metadata.strings("tokenizer.ggml.tokens")?.count
    guard let vocabulary = try metadata.integer(key("vocab_size")) ?? tokens else {
      throw GGUFError(.missing, path: file.path, "neither \(key("vocab_size")) nor tokenizer.ggml.tokens is there")
    }
    vocabularySize = vocabulary

    func refuse(_ name: String, unless supported: Int?, _ words: String) throws {
      guard let value = try metadata.integer(key(name)), value != supported else { return }
      throw ModelError.unsupported(file: file.path, field: key(name), found: "\(value)", supported: words)
    }
    try refuse("attention.value_length", unless: headDimension, "value heads as wide as key heads (\(headDimension))")
    try refuse("rope.dimension_count", unless: headDimension, "rotation of whole heads (\(headDimension))")
    try refuse("expert_count", unless: 0, "models without experts")
    try refuse("attention.sliding_window", unless: 0, "attention to all tokens before")
    guard try metadata.bool(key("attention.causal")) ?? true else {
      throw ModelError.unsupported(
        file: file.path, field: key("attention.causal"), found: "false", supported: "attention to the tokens before")
    }
    normalizesHeads = architecture == "qwen3"
    for (tensor, kind) in [
      ("attn_q", Biases.queryKeyValue), ("attn_output", .attentionOutput), ("ffn_gate", .feedForward),
    ] where file.tensor(named: "blk.0.\(tensor).bias") != nil {
      biases.insert(kind)
    }
    ropeScaling = try Self.scaling(metadata, architecture, contextLength: contextLength)
    if let factors = file.tensor(named: "rope_freqs.weight") {
      guard ropeScaling == .none else {
        throw ModelError.unsupported(
          file: file.path, field: key("rope.scaling.type"), found: "set beside the tensor rope_freqs.weight",
          supported: "one of the two")
      }
      guard factors.type == .f32, factors.elementCount == headDimension / 2 else {
        throw ModelError.wrongWeight(
          file: file.path, name: factors.name, expected: "\(headDimension / 2) numbers of type f32",
          found: "\(factors.type.name)\(factors.shape)")
      }
      let bytes = file.bytes(of: factors)
      let divisors = (0..<factors.elementCount).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
      if let bad = divisors.first(where: { $0 == 0 || !$0.isFinite }) {
        throw ModelError.wrongWeight(
          file: file.path, name: factors.name, expected: "finite numbers other than 0, by which speeds are divided",
          found: "\(bad)")
      }
      ropeScaling = .factors(divisors)
    }
    try validate(file: file.path) { Self.ggufNames[$0].map(key) ?? $0 }
  }

  /// The `rope.scaling.*` keys. A factor without a type is linear, as in llama.cpp.
  private static func scaling(
    _ metadata: GGUFMetadata, _ architecture: String, contextLength: Int
  ) throws -> RotaryScaling {
    let prefix = "\(architecture).rope.scaling."
    func refuse(_ name: String, _ found: String, _ supported: String) -> ModelError {
      .unsupported(file: metadata.path, field: prefix + name, found: found, supported: supported)
    }
    let type = try metadata.string(prefix + "type") ?? "linear"
    let factor = try metadata.float(prefix + "factor") ?? metadata.float("\(architecture).rope.scale_linear") ?? 0
    guard ["none", "linear", "yarn"].contains(type) else { throw refuse("type", "'\(type)'", "none, linear, yarn") }
    guard type != "none" else { return .none }
    guard factor != 0 else {
      guard type == "linear" else { throw refuse("type", "'\(type)' without \(prefix)factor", "it with a factor") }
      return .none
    }
    guard factor > 0, factor.isFinite else { throw refuse("factor", "\(factor)", "positive numbers") }
    if type == "linear" { return factor == 1 ? .none : .linear(factor: Float(factor)) }
    // What llama.cpp reads for other architectures.
    let others = [
      ("yarn_log_multiplier", 0.0), ("yarn_ext_factor", 1), ("yarn_attn_factor", 1), ("yarn_beta_fast", 32),
      ("yarn_beta_slow", 1),
    ]
    for (name, plain) in others {
      guard let value = try metadata.float(prefix + name), value != plain else { continue }
      throw refuse(name, "\(value)", "\(plain)")
    }
    // The key is what comes on top of the factor of the paper.
    let share = try metadata.float(prefix + "attn_factor") ?? 1
    return .yarn(
      RotaryScaling.Yarn(
        factor: factor,
        originalContext: Double(try metadata.integer(prefix + "original_context_length") ?? contextLength),
        attentionFactor: share * RotaryScaling.Yarn.attentionFactor(factor)))
  }
}
