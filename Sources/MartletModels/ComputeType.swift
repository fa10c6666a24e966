package import MartletTensor

/// The types that a model calculates in: `--compute`.
public enum ComputeType: String, Sendable, CaseIterable {
  /// The weights' own types. Quantised weights stay as they are and are multiplied with activations of 8 bits in groups
  /// of 32, all else is f32 and the cache f16; plain weights set the type of activations and cache.
  case auto
  /// Weights dequantised, everything in f32: the reference mode, whose greedy tokens equal transformers'.
  case f32
  /// Weights rounded to f16, activations and cache f16, sums f32.
  case f16
  /// Weights rounded to bf16, activations and cache bf16, sums f32.
  case bf16

  /// What the choice means for weights of a type.
  package func types(for weights: DType) -> (weights: DType, activations: DType, cache: DType) {
    switch self {
    case .auto where weights.isQuantized: (weights, .f32, .f16)
    case .auto: (weights, weights, weights)
    case .f32: (.f32, .f32, .f32)
    case .f16: (.f16, .f16, .f16)
    case .bf16: (.bf16, .bf16, .bf16)
    }
  }
}

/// The type of keys and values in the cache: `--kv`.
public enum CacheType: String, Sendable, CaseIterable {
  /// What ``ComputeType`` says: f16 for quantised weights, else the type of activations.
  case auto
  case f32, f16, bf16
  /// 8 bits, with a scale for each 32 numbers of a head: about half the memory and traffic of f16.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0

  /// The type; nil leaves it to ``ComputeType``.
  var dtype: DType? {
    switch self {
    case .auto: nil
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    }
  }
}
