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

  /// Inlined, so that what only a failure needs is not copied for it.
  @inline(__always)
  func require(
    _ condition: Bool, _ argument: String, _ expected: @autoclosure () -> String, found: @autoclosure () -> String
  ) throws(OperatorError) {
    if !condition { throw OperatorError(operatorName, argument, expected: expected(), found: found()) }
  }

  // Tensors are borrowed below: copies of them, which count references, took half of a small operator's time.

  /// The tensor has exactly this shape.
  func shape(_ tensor: borrowing Tensor, _ shape: borrowing Shape, _ argument: String) throws(OperatorError) {
    guard tensor.layout.shape == shape else { throw failure(argument, "of shape \(copy shape)", copy tensor) }
  }

  /// The tensor has so many dimensions.
  func dimensions(_ tensor: borrowing Tensor, _ count: Int, _ argument: String) throws(OperatorError) {
    guard tensor.layout.shape.count == count else { throw failure(argument, "of \(count) dimensions", copy tensor) }
  }

  /// The tensor's elements have this type, or one of these two.
  func dtype(
    _ tensor: borrowing Tensor, _ type: DType, _ other: DType? = nil, argument: String
  ) throws(OperatorError) {
    guard tensor.dtype == type || tensor.dtype == other else {
      throw failure(argument, "of type \(type.name)\(other.map { " or \($0.name)" } ?? "")", copy tensor)
    }
  }

  /// The tensor's elements are f32, f16 or bf16.
  func floatingPoint(_ tensor: borrowing Tensor, _ argument: String) throws(OperatorError) {
    guard tensor.dtype.isFloatingPoint else { throw failure(argument, "of type f32, f16 or bf16", copy tensor) }
  }

  /// The tensor's elements are numbers with a fraction, plain ones or quantised.
  func numbers(_ tensor: borrowing Tensor, _ argument: String) throws(OperatorError) {
    guard tensor.dtype.isFloatingPoint || tensor.dtype.isQuantized else {
      throw failure(argument, "of a floating-point or quantised type", copy tensor)
    }
  }

  /// The tensor's elements lie in order and without gaps.
  func contiguous(_ tensor: borrowing Tensor, _ argument: String) throws(OperatorError) {
    guard tensor.layout.isContiguous else { throw failure(argument, "contiguous", copy tensor) }
  }

  /// All tensors are on the first one's device, and the last one, which `outName` names in errors, can be written.
  func devices(
    _ first: borrowing Tensor, _ second: borrowing Tensor, out: borrowing Tensor, _ outName: String = "out"
  ) throws(OperatorError) {
    try device(second, "every tensor", first.storage.device)
    try devices(first, out: out, outName)
  }

  /// Both tensors are on one device, and the second one, which `outName` names in errors, can be written.
  func devices(
    _ first: borrowing Tensor, out: borrowing Tensor, _ outName: String = "out"
  ) throws(OperatorError) {
    try device(out, outName, first.storage.device)
    guard out.storage.isWritable else {
      throw OperatorError(operatorName, outName, expected: "writable", found: "read-only memory")
    }
  }

  /// The tensor is on the device.
  func device(_ tensor: borrowing Tensor, _ argument: String, _ device: Device) throws(OperatorError) {
    guard tensor.storage.device == device else {
      throw OperatorError(operatorName, argument, expected: "on \(device)", found: "\(tensor.storage.device)")
    }
  }

  /// The tensor as rows at equal distances.
  func rows(_ tensor: borrowing Tensor, _ argument: String) throws(OperatorError) -> Rows {
    guard let rows = Rows(tensor) else {
      throw failure(argument, "rows without gaps at equal distances (call contiguous first)", copy tensor)
    }
    return rows
  }

  private func failure(_ argument: String, _ expected: String, _ found: Tensor) -> OperatorError {
    OperatorError(operatorName, argument, expected: expected, found: found.description)
  }
}
