import MartletRuntime
import MartletTensor

/// Why an operator cannot run on the tensors it was given.
package struct OperatorError: Error, Equatable, Sendable {
  /// The operator: `RMSNorm`.
  package let operatorName: String
  /// The argument at fault: `weight`.
  package let argument: String
  /// What the operator takes.
  package let expected: String
  /// What it was given.
  package let found: String

  package init(_ operatorName: String, _ argument: String, expected: String, found: String) {
    self.operatorName = operatorName
    self.argument = argument
    self.expected = expected
    self.found = found
  }
}

extension OperatorError: CustomStringConvertible {
  /// One sentence.
  package var description: String { "\(operatorName): \(argument) must be \(expected), not \(found)" }
}

/// The checks that plans share. Each throws an ``OperatorError`` that names the operator and the argument.
struct Checker {
  let operatorName: String

  init(_ operatorName: String) { self.operatorName = operatorName }

  func require(
    _ condition: Bool, _ argument: String, _ expected: @autoclosure () -> String, found: @autoclosure () -> String
  ) throws(OperatorError) {
    if !condition { throw OperatorError(operatorName, argument, expected: expected(), found: found()) }
  }

  /// The tensor has exactly this shape.
  func shape(_ tensor: Tensor, _ shape: Shape, _ argument: String) throws(OperatorError) {
    try require(tensor.shape == shape, argument, "of shape \(shape)", found: tensor.description)
  }

  /// The tensor has so many dimensions.
  func dimensions(_ tensor: Tensor, _ count: Int, _ argument: String) throws(OperatorError) {
    try require(tensor.shape.count == count, argument, "of \(count) dimensions", found: tensor.description)
  }

  /// The tensor's elements have one of these types.
  func dtype(_ tensor: Tensor, _ allowed: DType..., argument: String) throws(OperatorError) {
    try require(
      allowed.contains(tensor.dtype), argument, "of type \(allowed.map(\.name).joined(separator: " or "))",
      found: tensor.description)
  }

  /// The tensor's elements are f32, f16 or bf16.
  func floatingPoint(_ tensor: Tensor, _ argument: String) throws(OperatorError) {
    try require(tensor.dtype.isFloatingPoint, argument, "of type f32, f16 or bf16", found: tensor.description)
  }

  /// All tensors are on the first one's device, and the last one, which `outName` names in errors, can be written.
  func devices(
    _ first: Tensor, _ others: Tensor?..., out: Tensor, _ outName: String = "out"
  ) throws(OperatorError) {
    for other in others {
      if let other {
        try require(
          other.device == first.device, "every tensor", "on \(first.device)", found: "\(other.device)")
      }
    }
    try require(out.device == first.device, outName, "on \(first.device)", found: "\(out.device)")
    try require(out.storage.isWritable, outName, "writable", found: "read-only memory")
  }

  /// The tensor as rows at equal distances.
  func rows(_ tensor: Tensor, _ argument: String) throws(OperatorError) -> Rows {
    guard let rows = Rows(tensor) else {
      throw OperatorError(
        operatorName, argument, expected: "rows without gaps at equal distances (call contiguous first)",
        found: tensor.description)
    }
    return rows
  }
}
