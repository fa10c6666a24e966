/// What distinguishes one Llama-like decoder from another.
package struct DecoderConfiguration: Sendable, Equatable {
  package var layerCount: Int
  package var hiddenSize: Int
  package var feedForwardSize: Int
  package var headCount: Int
  package var keyHeadCount: Int
  package var headDimension: Int
  package var vocabularySize: Int
  /// Tokens that the model was trained to read at once.
  package var contextLength: Int
  package var normEpsilon: Float
  package var ropeTheta: Float

  /// Columns of the fused query, key and value projection.
  package var projectionWidth: Int { (headCount + 2 * keyHeadCount) * headDimension }
}

extension DecoderConfiguration {
  /// The architectures of GGUF files (`general.architecture`) that this decoder computes.
  package static let architectures = ["llama"]

  /// Reads a GGUF file's metadata.
  /// - Throws: ``ModelError`` for whatever the file asks for that the decoder does not do, `GGUFError` for keys that are
  ///   missing or of the wrong type.
  package init(gguf file: GGUFFile) throws {
    let metadata = file.metadata
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
    let scaling = try metadata.string(key("rope.scaling.type")) ?? "none"
    guard scaling == "none" else {
      throw ModelError.unsupported(
        file: file.path, field: key("rope.scaling.type"), found: "'\(scaling)'", supported: "none")
    }
    try validate(file: file.path)
  }

  /// Checks that the numbers fit together and into memory arithmetic.
  func validate(file: String) throws {
    func require(_ condition: Bool, _ field: String, _ found: Int, _ expected: String) throws {
      if !condition {
        throw ModelError.invalidConfiguration(file: file, field: field, found: "\(found)", expected: expected)
      }
    }
    for (field, value, limit) in [
      ("the number of layers", layerCount, 10_000), ("the hidden size", hiddenSize, 1 << 20),
      ("the feed-forward size", feedForwardSize, 1 << 22), ("the number of heads", headCount, 1 << 14),
      ("the number of key heads", keyHeadCount, 1 << 14), ("the head dimension", headDimension, 1 << 12),
      ("the vocabulary size", vocabularySize, 1 << 24), ("the context length", contextLength, 1 << 27),
    ] {
      try require(value >= 1 && value <= limit, field, value, "1 to \(limit)")
    }
    try require(headDimension % 2 == 0, "the head dimension", headDimension, "an even number")
    try require(
      headCount % keyHeadCount == 0, "the number of heads", headCount, "a multiple of the \(keyHeadCount) key heads")
    guard normEpsilon > 0, normEpsilon.isFinite, ropeTheta > 0, ropeTheta.isFinite else {
      throw ModelError.invalidConfiguration(
        file: file, field: "the norm's epsilon or the rotary base", found: "\(normEpsilon), \(ropeTheta)",
        expected: "positive numbers")
    }
  }
}
