import MartletTensor

/// The numbers by which GGUF files name tensor types (`enum ggml_type`, GGUF specification).
enum GGMLType {
  /// Types that Martlet reads, by number.
  static func dataType(_ number: UInt32) -> DType? {
    switch number {
    case 0: .f32
    case 1: .f16
    case 2: .q4_0
    case 3: .q4_1
    case 6: .q5_0
    case 7: .q5_1
    case 8: .q8_0
    case 12: .q4_K
    case 13: .q5_K
    case 14: .q6_K
    case 26: .i32
    case 27: .i64
    case 30: .bf16
    default: nil
    }
  }

  /// The number of a type; of bytes, which GGUF files have no type for, that of ggml's signed ones.
  static func number(_ type: DType) -> UInt32 {
    switch type {
    case .f32: 0
    case .f16: 1
    case .q4_0: 2
    case .q4_1: 3
    case .q5_0: 6
    case .q5_1: 7
    case .q8_0: 8
    case .q4_K: 12
    case .q5_K: 13
    case .q6_K: 14
    case .u8: 24
    case .i32: 26
    case .i64: 27
    case .bf16: 30
    }
  }

  /// The ggml name of a type that Martlet does not read, or nil for a number that names no type.
  static func unsupportedName(_ number: UInt32) -> String? {
    switch number {
    case 4: "Q4_2 (dropped from ggml)"
    case 5: "Q4_3 (dropped from ggml)"
    case 9: "Q8_1"
    case 10: "Q2_K"
    case 11: "Q3_K"
    case 15: "Q8_K"
    case 16: "IQ2_XXS"
    case 17: "IQ2_XS"
    case 18: "IQ3_XXS"
    case 19: "IQ1_S"
    case 20: "IQ4_NL"
    case 21: "IQ3_S"
    case 22: "IQ2_S"
    case 23: "IQ4_XS"
    case 24: "I8"
    case 25: "I16"
    case 28: "F64"
    case 29: "IQ1_M"
    case 31: "Q4_0_4_4 (dropped from ggml)"
    case 32: "Q4_0_4_8 (dropped from ggml)"
    case 33: "Q4_0_8_8 (dropped from ggml)"
    case 34: "TQ1_0"
    case 35: "TQ2_0"
    case 36: "IQ4_NL_4_4 (dropped from ggml)"
    case 37: "IQ4_NL_4_8 (dropped from ggml)"
    case 38: "IQ4_NL_8_8 (dropped from ggml)"
    case 39: "MXFP4"
    case 40: "NVFP4"
    case 41: "Q1_0"
    default: nil
    }
  }

  /// The supported types for messages, under the names that GGUF tools use.
  static let supportedNames = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K, Q6_K, I32, I64"
}
