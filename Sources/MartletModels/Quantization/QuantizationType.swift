package import MartletTensor

/// What a model's weights can be written as.
public enum QuantizationType: String, Sendable, CaseIterable {
  // The names of GGUF tools.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0, q4_0, q4_1, q4_k, q5_k, q6_k
  /// All matrices in a 16-bit type.
  case f16, bf16

  /// The type of most matrices.
  package var dtype: DType {
    switch self {
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q4_k: .q4_K
    case .q5_k: .q5_K
    case .q6_k: .q6_K
    case .f16: .f16
    case .bf16: .bf16
    }
  }

  /// The number at `general.file_type` (`enum llama_ftype`). Q4_K and Q5_K are the mixtures that llama.cpp calls `_M`.
  var fileType: UInt32 {
    switch self {
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q8_0: 7
    case .q4_k: 15
    case .q5_k: 17
    case .q6_k: 18
    case .bf16: 32
    }
  }
}
