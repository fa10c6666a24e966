internal import CMartlet
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// The arguments of one operator's call, taken from handles; errors name the operator and the argument.
final class Arguments {
  private typealias Argument = (name: String, tensor: Tensor)

  private let operatorName: String
  private var inputs: [Argument] = []
  private var outputs: [Argument] = []

  init(_ operatorName: String) { self.operatorName = operatorName }

  func object(_ handle: martlet_tensor_t?, _ name: String) throws -> TensorObject {
    try tensorObject(handle, "\(operatorName): \(name)")
  }

  func input(_ handle: martlet_tensor_t?, _ name: String) throws -> Tensor {
    note(input: try object(handle, name).tensor(operatorName, name), name)
  }

  func output(_ handle: martlet_tensor_t?, _ name: String = "out") throws -> Tensor {
    let object = try object(handle, name)
    let tensor = try object.tensor(operatorName, name)
    object.memory.noteFilled()
    return note(output: tensor, name)
  }

  func note(input tensor: Tensor, _ name: String) -> Tensor {
    inputs.append((name, tensor))
    return tensor
  }

  func note(output tensor: Tensor, _ name: String) -> Tensor {
    outputs.append((name, tensor))
    return tensor
  }

  /// Refuses a number that is no number, infinite, or less than `least`.
  func check(_ number: Float, _ name: String, atLeast least: Float? = nil) throws {
    guard number.isFinite, least.map({ number >= $0 }) ?? true else {
      let expected = least.map { "finite and \($0) or more" } ?? "finite"
      throw OperatorError(operatorName, name, expected: expected, found: "\(number)")
    }
  }

  /// Refuses indices out of range, which operators take as checked.
  func check(_ indices: Tensor, _ name: String, within limit: Int) throws {
    let object = TensorObject(
      TensorMemory(indices.storage), indices.dtype == .i64 ? .i64 : .i32, indices.layout)
    try object.withHostBytes { bytes in
      for index in 0..<indices.elementCount {
        let value =
          indices.dtype == .i64
          ? Int(bytes.load(fromByteOffset: index * 8, as: Int64.self))
          : Int(bytes.load(fromByteOffset: index * 4, as: Int32.self))
        guard value >= 0, value < limit else {
          throw OperatorError(operatorName, "\(name)[\(index)]", expected: "0 to \(limit - 1)", found: "\(value)")
        }
      }
    }
  }

  /// Runs an operator that was checked, on a GPU without waiting for it; one whose result has no elements has nothing to do.
  /// - Parameter inPlace: the inputs that may be the output itself.
  func run(_ work: some Operator, inPlace: String...) throws {
    guard let out = outputs.first?.tensor, out.elementCount > 0 else { return }
    try checkOverlap(inPlace)
    try StreamPool.shared.run(on: out.device) { try work.run(on: $0) }
  }

  /// Refuses outputs in the memory of another argument: what was checked there would change before it is read, and numbers
  /// would be read that were just written.
  private func checkOverlap(_ inPlace: [String]) throws {
    for (index, output) in outputs.enumerated() {
      for other in outputs[(index + 1)...] + inputs where output.tensor.mayOverlap(other.tensor) {
        guard inPlace.contains(other.name) else {
          throw OperatorError(
            operatorName, output.name, expected: "apart from \(other.name) in memory", found: "overlapping it")
        }
        guard output.tensor.isSame(as: other.tensor) else {
          throw OperatorError(
            operatorName, output.name, expected: "\(other.name) itself or apart from it in memory",
            found: "overlapping it in part")
        }
      }
    }
  }
}
