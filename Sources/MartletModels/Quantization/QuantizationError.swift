package import MartletTensor

/// Why a model's weights cannot be written in a type.
package enum QuantizationError: Error, Sendable, Equatable {
  /// A weight holds a NaN or an infinity, which no model can use.
  case notFinite(file: String, weight: String, row: Int)
  /// A weight holds a number that the type does not reach.
  case tooLarge(file: String, weight: String, row: Int, type: DType)
}

extension QuantizationError: CustomStringConvertible {
  /// One sentence that names the file, the weight and the row.
  package var description: String {
    switch self {
    case .notFinite(let file, let weight, let row):
      "\(file): row \(row) of the weight \(weight) holds a NaN or an infinity: the file is damaged or its training failed"
    case .tooLarge(let file, let weight, let row, let type):
      "\(file): row \(row) of the weight \(weight) holds a number too large for \(type.name); "
        + "bf16 reaches as far as f32 does"
    }
  }
}
