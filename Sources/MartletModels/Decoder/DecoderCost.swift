import MartletOperators
package import MartletTensor

/// What a step must do at least, whatever the kernels: for comparing its time with a machine's limits.
package struct DecoderCost: Sendable, Equatable {
  /// Bytes that must come from memory: every weight that takes part once, and the cache of every token that is seen
  /// once a sequence.
  package var bytes = 0.0
  /// Multiplications and additions in matrix products and attention.
  package var operations = 0.0

  /// Nothing to do.
  package static let zero = DecoderCost()

  package static func + (a: DecoderCost, b: DecoderCost) -> DecoderCost {
    DecoderCost(bytes: a.bytes + b.bytes, operations: a.operations + b.operations)
  }
}

extension Decoder {
  /// The type in which the layers' weights are multiplied.
  package var weightType: DType { layers.first?.gateUp.dtype ?? head.dtype }

  /// The cost of a step.
  /// - Parameters:
  ///   - tokens: new tokens of each sequence.
  ///   - depth: tokens of each sequence in the cache before them.
  ///   - sequences: sequences in the step.
  ///   - logitRows: rows that go through the vocabulary head, all sequences together.
  package func cost(tokens: Int, depth: Int, sequences: Int, logitRows: Int) -> DecoderCost {
    let new = Double(tokens * sequences)
    // Token i of a sequence sees the ones before it and itself.
    let seen = new * (Double(depth) + (Double(tokens) + 1) / 2)
    let headParameters = head.rows * head.columns
    let cacheBytes = Double(KVCache.blockBytes(configuration, cacheType)) / Double(PagedCache.blockSize)
    // A query's products with the keys it sees, and their weights' with the values.
    let attention = 4 * Double(configuration.layerCount * configuration.headCount * configuration.headDimension)
    return DecoderCost(
      bytes: Double(layerWeightBytes + (logitRows > 0 ? head.byteCount : 0))
        + cacheBytes * Double((depth + tokens) * sequences),
      operations: 2 * new * Double(layerParameterCount) + 2 * Double(logitRows) * Double(headParameters) + attention
        * seen)
  }
}
