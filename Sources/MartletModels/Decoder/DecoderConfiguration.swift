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
  /// Whether the vocabulary head is the embedding; nil where the file says so only by leaving the head out.
  package var tiesEmbeddings: Bool?
  /// How many tokens back a token sees, itself included; nil for all.
  package var slidingWindow: Int?

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
