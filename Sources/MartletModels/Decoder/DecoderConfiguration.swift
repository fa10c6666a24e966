package import MartletOperators

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
  /// How heads are turned beyond the trained context.
  package var ropeScaling = RotaryScaling.none
  /// Which projections have biases.
  package var biases: Biases = []
  /// Whether every head of queries and keys is normalised before it is turned.
  package var normalizesHeads = false
  /// Whether the vocabulary head is the embedding unless the file has another one; nil where only the file's weights say.
  package var tiesEmbeddings: Bool?
  /// How many tokens back a token sees, itself included; nil for all.
  package var slidingWindow: Int?

  package init(
    layerCount: Int, hiddenSize: Int, feedForwardSize: Int, headCount: Int, keyHeadCount: Int, headDimension: Int,
    vocabularySize: Int, contextLength: Int, normEpsilon: Float, ropeTheta: Float,
    ropeScaling: RotaryScaling = .none, biases: Biases = [], normalizesHeads: Bool = false,
    tiesEmbeddings: Bool? = nil, slidingWindow: Int? = nil
  ) {
    self.layerCount = layerCount
    self.hiddenSize = hiddenSize
    self.feedForwardSize = feedForwardSize
    self.headCount = headCount
    self.keyHeadCount = keyHeadCount
    self.headDimension = headDimension
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.normEpsilon = normEpsilon
    self.ropeTheta = ropeTheta
    self.ropeScaling = ropeScaling
    self.biases = biases
    self.normalizesHeads = normalizesHeads
    self.tiesEmbeddings = tiesEmbeddings
    self.slidingWindow = slidingWindow
  }

  /// Projections that may have biases.
  package struct Biases: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    package static let queryKeyValue = Biases(rawValue: 1)
    package static let attentionOutput = Biases(rawValue: 2)
    package static let feedForward = Biases(rawValue: 4)
  }

  /// Columns of the fused query, key and value projection.
  package var projectionWidth: Int { (headCount + 2 * keyHeadCount) * headDimension }
}

extension DecoderConfiguration {
  /// Checks that the numbers fit together and into memory arithmetic.
  /// - Parameter spelling: what the file calls the fields of transformers' configurations.
  package func validate(file: String, spelling: (String) -> String = { $0 }) throws {
    func require(_ condition: Bool, _ field: String, _ found: String, _ expected: String) throws {
      if !condition {
        throw ModelError.invalidConfiguration(file: file, field: spelling(field), found: found, expected: expected)
      }
    }
    for (field, value, limit) in [
      ("num_hidden_layers", layerCount, 10_000), ("hidden_size", hiddenSize, 1 << 20),
      ("intermediate_size", feedForwardSize, 1 << 22), ("num_attention_heads", headCount, 1 << 14),
      ("num_key_value_heads", keyHeadCount, 1 << 14), ("head_dim", headDimension, 1 << 12),
      ("vocab_size", vocabularySize, 1 << 24), ("max_position_embeddings", contextLength, 1 << 27),
    ] {
      try require(value >= 1 && value <= limit, field, "\(value)", "1 to \(limit)")
    }
    try require(headDimension % 2 == 0, "head_dim", "\(headDimension)", "an even number")
    try require(
      headCount % keyHeadCount == 0, "num_attention_heads", "\(headCount)",
      "a multiple of the \(keyHeadCount) of \(spelling("num_key_value_heads"))")
    try require(normEpsilon > 0 && normEpsilon.isFinite, "rms_norm_eps", "\(normEpsilon)", "a positive number")
    try require(ropeTheta > 0 && ropeTheta.isFinite, "rope_theta", "\(ropeTheta)", "a positive number")
  }
}
