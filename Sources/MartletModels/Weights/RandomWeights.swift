package import MartletRuntime
package import MartletTensor

/// The weights of a decoder that nobody trained: pseudo-random, the same every time, of any type.
///
/// They cost what a real model's cost to load and to compute with, which is all that a benchmark needs. Matrices are
/// drawn with the standard deviation that transformers initialises them with, so activations stay finite.
package struct RandomWeights: WeightSource {
  private struct Entry {
    var shape: Shape
    var dtype: DType
    var kind: Kind
  }

  private enum Kind {
    case matrix, gain, bias
  }

  /// `initializer_range` of transformers' configurations.
  private static let deviation: Float = 0.02

  package let path: String
  private let seed: UInt64
  private let runtime: Runtime
  private let entries: [String: Entry]

  /// - Parameters:
  ///   - shape: whose weights.
  ///   - dtype: the type of all matrices; norms and biases are f32 beside quantised matrices, as in GGUF files, and of the
  ///     same type beside plain ones.
  /// - Throws: ``ModelError`` if the type is none of ``types(for:)``.
  package init(_ shape: DecoderShape, dtype: DType, seed: UInt64 = 1, on runtime: Runtime) throws(ModelError) {
    try self.init(
      shape.configuration, name: shape.rawValue, dtype: dtype, seed: seed, on: runtime)
  }

  /// The weights of any configuration.
  package init(
    _ configuration: DecoderConfiguration, name: String, dtype: DType, seed: UInt64 = 1, on runtime: Runtime
  ) throws(ModelError) {
    path = name
    self.seed = seed
    self.runtime = runtime
    let types = Self.types(for: configuration)
    guard types.contains(dtype) else {
      throw .unsupported(
        file: name, field: "the type of weights", found: "\(dtype.name), in blocks of \(dtype.blockSize)",
        supported: types.map(\.name).joined(separator: ", "))
    }
    let hidden = configuration.hiddenSize
    let wide = configuration.feedForwardSize
    let queries = configuration.headCount * configuration.headDimension
    let keys = configuration.keyHeadCount * configuration.headDimension
    let vectorType: DType = dtype.isQuantized ? .f32 : dtype
    var entries: [String: Entry] = [:]
    func matrix(_ name: String, _ rows: Int, _ columns: Int) {
      entries[name + ".weight"] = Entry(shape: [rows, columns], dtype: dtype, kind: .matrix)
    }
    func gain(_ name: String) {
      entries[name + ".weight"] = Entry(shape: [hidden], dtype: vectorType, kind: .gain)
    }
    matrix("model.embed_tokens", configuration.vocabularySize, hidden)
    if configuration.tiesEmbeddings != true { matrix("lm_head", configuration.vocabularySize, hidden) }
    gain("model.norm")
    for index in 0..<configuration.layerCount {
      let layer = "model.layers.\(index)"
      gain("\(layer).input_layernorm")
      gain("\(layer).post_attention_layernorm")
      for (name, rows) in [("q_proj", queries), ("k_proj", keys), ("v_proj", keys)] {
        matrix("\(layer).self_attn.\(name)", rows, hidden)
        if configuration.biases.contains(.queryKeyValue) {
          entries["\(layer).self_attn.\(name).bias"] = Entry(shape: [rows], dtype: vectorType, kind: .bias)
        }
      }
      matrix("\(layer).self_attn.o_proj", hidden, queries)
      matrix("\(layer).mlp.gate_proj", wide, hidden)
      matrix("\(layer).mlp.up_proj", wide, hidden)
      matrix("\(layer).mlp.down_proj", hidden, wide)
    }
    self.entries = entries
  }

  /// The types that weights may have.
  package static let types: [DType] = DType.allCases.filter { $0.isFloatingPoint || $0.isQuantized }

  /// The types whose blocks divide the rows of all matrices.
  package static func types(for configuration: DecoderConfiguration) -> [DType] {
    let widths = [
      configuration.hiddenSize, configuration.feedForwardSize, configuration.headCount * configuration.headDimension,
    ]
    return types.filter { type in widths.allSatisfy { $0 % type.blockSize == 0 } }
  }

  package var names: [String] { Array(entries.keys) }
  package func nativeName(of name: String) -> String { name }

  package func tensor(named name: String) throws -> Tensor? {
    guard let entry = entries[name] else { return nil }
    var random = SplitMix64(seed: seed, name: name)
    switch entry.kind {
    case .matrix, .bias:
      let tensor = try Tensor(entry.shape, entry.dtype, on: runtime)
      let bytes = UnsafeMutableRawBufferPointer(start: tensor.pointer, count: tensor.byteCount)
      RandomBlocks(dtype: entry.dtype, deviation: Self.deviation).fill(bytes, using: &random)
      return tensor
    case .gain:
      // Around one, which the blocks of the fill are not.
      let gains = (0..<entry.shape[0]).map { _ in 1 + random.nextSigned() / 8 }
      return try Tensor(gains, shape: entry.shape, entry.dtype, on: runtime)
    }
  }
}
