package import MartletOperators
package import MartletRuntime
package import MartletTensor

/// The keys and values of all layers, in blocks that the scheduler gives to sequences.
package struct KVCache: Sendable {
  package let layers: [PagedCache]
  package let blockCount: Int

  /// Bytes that one block takes in all layers.
  package static func blockBytes(_ configuration: DecoderConfiguration, _ dtype: DType) -> Int {
    configuration.layerCount
      * PagedCache.blockBytes(
        keyHeads: configuration.keyHeadCount, headDimension: configuration.headDimension, dtype)
  }

  package init(
    _ configuration: DecoderConfiguration, blockCount: Int, _ dtype: DType, on runtime: Runtime
  ) throws {
    self.blockCount = blockCount
    layers = try (0..<configuration.layerCount).map { _ in
      try PagedCache(
        blockCount: blockCount, keyHeads: configuration.keyHeadCount, headDimension: configuration.headDimension,
        dtype, on: runtime)
    }
  }
}
