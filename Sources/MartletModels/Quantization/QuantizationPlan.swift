package import MartletTensor

/// Which type each tensor of a GGUF file gets. The choice is llama.cpp's (`llama-quant.cpp`), so that files of one type
/// are of one size and quality whoever made them:
///
/// - Norms, biases and other vectors are f32.
/// - The vocabulary head, or the embedding that is one, is Q6_K in quantised files, and Q8_0 in Q8_0.
/// - In Q4_K and Q5_K, values and down projections of the first and last eighth of the layers and of every third between
///   are Q6_K.
/// - Rows that are no whole blocks take the next larger type with blocks of 32 (Q4_K: Q5_0, Q5_K: Q5_1, Q6_K: Q8_0), or
///   f16 if they are not even these.
package struct QuantizationPlan: Sendable, Equatable {
  package let type: QuantizationType
  package let layerCount: Int
  /// Whether the file has a vocabulary head of its own.
  package let hasHead: Bool

  package init(type: QuantizationType, layerCount: Int, hasHead: Bool) {
    self.type = type
    self.layerCount = layerCount
    self.hasHead = hasHead
  }

  /// The type of a tensor.
  /// - Parameters:
  ///   - name: its name in the GGUF file.
  ///   - shape: outermost dimension first.
  ///   - source: the type it has; kept by what is no number.
  /// - Returns: the type, and whether another was wanted that the shape does not allow.
  package func type(of name: String, shape: [Int], source: DType) -> (type: DType, isFallback: Bool) {
    guard source.isFloatingPoint || source.isQuantized else { return (source, false) }
    guard shape.count >= 2, let width = shape.last, name.hasSuffix("weight"), !name.hasSuffix("_norm.weight") else {
      return (.f32, false)
    }
    let wanted = wantedType(of: name, width: width)
    let fitting = Self.fitting(wanted, width: width)
    return (fitting, fitting != wanted)
  }

  private func wantedType(of name: String, width: Int) -> DType {
    let dtype = type.dtype
    guard dtype.isQuantized else { return dtype }
    let isHead = name == (hasHead ? "output.weight" : "token_embd.weight")
    if isHead { return dtype == .q8_0 || width % dtype.blockSize != 0 ? .q8_0 : .q6_K }
    let isMixture = type == .q4_k || type == .q5_k
    let parts = name.split(separator: ".")
    if isMixture, parts.count == 4, ["attn_v", "ffn_down"].contains(parts[2]), let layer = Int(parts[1]),
      deservesMoreBits(layer)
    {
      return .q6_K
    }
    return dtype
  }

  private func deservesMoreBits(_ layer: Int) -> Bool {
    let eighth = layerCount / 8
    return layer < eighth || layer >= 7 * layerCount / 8 || (layer - eighth) % 3 == 2
  }

  /// The type itself or the first of those that stand in for it which has blocks that divide a row.
  private static func fitting(_ type: DType, width: Int) -> DType {
    if width % type.blockSize == 0 { return type }
    let standIn: DType =
      switch type {
      case .q4_K: .q5_0
      case .q5_K: .q5_1
      case .q6_K: .q8_0
      default: .f16
      }
    return width % standIn.blockSize == 0 ? standIn : .f16
  }
}
