internal import CMartlet
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// The arguments of one operator's call, taken from handles; errors name the operator and the argument.
///
/// On one row an operator takes less time than a few allocations, so that nothing here allocates unless a call fails.
struct Arguments: ~Copyable {
  private enum Role {
    case output, input
    /// An input that may be the output itself.
    case inputInPlace
  }

  /// What the checks before a call need of an argument; the tensor itself, which would be counted at every look, is apart.
  private struct Argument {
    let name: StaticString
    let role: Role
    let device: Device
    /// Where its bytes begin and how many there are up to the end of the last element.
    let address: UInt
    let byteLength: UInt

    /// Whether the bytes from the first to the last of both meet.
    func meets(_ other: Argument) -> Bool {
      // Differences wrap around, so that no address is too high.
      let ahead = other.address &- address
      return byteLength > 0 && other.byteLength > 0 && (ahead < byteLength || 0 &- ahead < other.byteLength)
    }
  }

  private let operatorName: StaticString
  /// As many as an operator has at most.
  private var arguments = InlineArray<4, Argument?>(repeating: nil)
  /// Retained once each, until the call ends.
  private var objects = InlineArray<4, Unmanaged<TensorObject>?>(repeating: nil)
  private var count = 0
  /// Of all arguments together.
  private var byteLength: UInt = 0
  /// The place of the argument that holds indices.
  private var indices: Int?

  init(_ operatorName: StaticString) { self.operatorName = operatorName }

  deinit {
    for place in 0..<count { objects[place]?.release() }
  }

  private mutating func note(
    _ handle: martlet_tensor_t?, _ name: StaticString, _ role: Role
  ) throws -> Unmanaged<TensorObject> {
    let retained = Unmanaged.passRetained(try tensorObject(handle, "\(operatorName): \(name)"))
    retained._withUnsafeGuaranteedRef { note($0, name, role) }
    objects[count] = retained
    count += 1
    return retained
  }

  private mutating func note(_ object: TensorObject, _ name: StaticString, _ role: Role) {
    arguments[count] = Argument(
      name: name, role: role, device: object.device, address: UInt(bitPattern: object.data),
      byteLength: UInt(object.byteLength))
    byteLength &+= UInt(object.byteLength)
  }

  /// A tensor that is read.
  /// - Parameter inPlace: whether it may be the output itself.
  mutating func input(_ handle: martlet_tensor_t?, _ name: StaticString, inPlace: Bool = false) throws -> Tensor {
    try note(handle, name, inPlace ? .inputInPlace : .input)._withUnsafeGuaranteedRef {
      try $0.tensor("\(operatorName)", "\(name)")
    }
  }

  /// A tensor of indices, to be checked by ``checkIndices(within:)`` once their type and the limit are known.
  mutating func indices(_ handle: martlet_tensor_t?, _ name: StaticString) throws -> Tensor {
    indices = count
    return try input(handle, name)
  }

  /// A tensor that is written.
  mutating func output(_ handle: martlet_tensor_t?, _ name: StaticString = "out") throws -> Tensor {
    try note(handle, name, .output)._withUnsafeGuaranteedRef { object in
      let tensor = try object.tensor("\(operatorName)", "\(name)")
      object.memory.noteFilled()
      return tensor
    }
  }

  /// A tensor of any type whose elements are moved.
  mutating func source(_ handle: martlet_tensor_t?, _ name: StaticString) throws -> TensorObject {
    try note(handle, name, .input).takeUnretainedValue()
  }

  /// A tensor of any type to which elements are moved.
  mutating func target(_ handle: martlet_tensor_t?, _ name: StaticString = "out") throws -> TensorObject {
    try note(handle, name, .output).takeUnretainedValue()
  }

  /// Refuses a number that is no number, infinite, or less than `least`.
  func check(_ number: Float, _ name: StaticString, atLeast least: Float? = nil) throws {
    guard number.isFinite, least.map({ number >= $0 }) ?? true else {
      let expected = least.map { "finite and \($0) or more" } ?? "finite"
      throw failure("\(name)", expected: expected, found: "\(number)")
    }
  }

  /// Refuses indices out of range, which operators take as checked.
  /// - Precondition: they are integers of 32 or 64 bits.
  func checkIndices(within limit: Int) throws {
    guard let indices, let name = arguments[indices]?.name, let object = objects[indices]?.takeUnretainedValue() else {
      return
    }
    let wrong = try object.withHostBytes { bytes in
      object.type == .i64
        ? Self.firstOutside(limit, bytes.assumingMemoryBound(to: Int64.self))
        : Self.firstOutside(limit, bytes.assumingMemoryBound(to: Int32.self))
    }
    if let wrong {
      throw failure("\(name)[\(wrong.index)]", expected: "0 to \(limit - 1)", found: "\(wrong.value)")
    }
  }

  private static func firstOutside<Index: FixedWidthInteger>(
    _ limit: Int, _ indices: UnsafeBufferPointer<Index>
  ) -> (index: Int, value: Int)? {
    // A negative number is a large one without its sign.
    guard let index = indices.firstIndex(where: { UInt(truncatingIfNeeded: $0) >= UInt(limit) }) else { return nil }
    return (index, Int(indices[index]))
  }

  /// Runs an operator that was checked and waits for it; one whose first output has no elements has nothing to do.
  func run(_ work: some Operator) throws {
    for place in 0..<count {
      guard let output = arguments[place], output.role == .output else { continue }
      guard output.byteLength > 0 else { return }
      try checkOverlap()
      return try StreamPool.shared.run(work, on: output.device, bytes: byteLength)
    }
  }

  /// Refuses outputs in the memory of another argument: what was checked there would change before it is read, and numbers
  /// would be read that were just written.
  private func checkOverlap() throws {
    for place in 0..<count {
      guard let output = arguments[place], output.role == .output else { continue }
      for otherPlace in 0..<count where otherPlace != place {
        guard let other = arguments[otherPlace], output.meets(other),
          let object = objects[place]?.takeUnretainedValue(),
          let otherObject = objects[otherPlace]?.takeUnretainedValue(), object.overlaps(otherObject)
        else { continue }
        guard other.role == .inputInPlace else {
          throw failure("\(output.name)", expected: "apart from \(other.name) in memory", found: "overlapping it")
        }
        guard object.isSame(as: otherObject) else {
          throw failure(
            "\(output.name)", expected: "\(other.name) itself or apart from it in memory",
            found: "overlapping it in part")
        }
      }
    }
  }

  private func failure(_ argument: String, expected: String, found: String) -> OperatorError {
    OperatorError("\(operatorName)", argument, expected: expected, found: found)
  }
}
