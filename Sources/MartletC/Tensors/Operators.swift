// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// The arguments of one operator's call, taken from handles; errors name the operator and the argument.
private struct Arguments {
  let operatorName: String

  init(_ operatorName: String) { self.operatorName = operatorName }

  func input(_ handle: martlet_tensor_t?, _ name: String) throws -> Tensor {
    try tensorObject(handle, "\(operatorName): \(name)").tensor(operatorName, name)
  }

  func output(_ handle: martlet_tensor_t?, _ name: String = "out") throws -> Tensor {
    let object = try tensorObject(handle, "\(operatorName): \(name)")
    let tensor = try object.tensor(operatorName, name)
    object.memory.noteFilled()
    return tensor
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
}

/// Runs an operator that was checked; one whose result has no elements has nothing to do.
private func run(_ work: some Operator, into out: Tensor) throws {
  guard out.elementCount > 0 else { return }
  try StreamPool.shared.run(on: out.device) { try work.run(on: $0) }
}

@c @implementation
public func martlet_add(_ out: martlet_tensor_t?, _ a: martlet_tensor_t?, _ b: martlet_tensor_t?) -> martlet_status {
  boundary {
    let arguments = Arguments("Add")
    let out = try arguments.output(out)
    try run(Add(arguments.input(a, "a"), arguments.input(b, "b"), into: out), into: out)
  }
}

@c @implementation
public func martlet_argmax(
  _ index: martlet_tensor_t?, _ value: martlet_tensor_t?, _ x: martlet_tensor_t?
) -> martlet_status {
  boundary {
    let arguments = Arguments("Argmax")
    let index = try arguments.output(index, "index")
    let value = try arguments.output(value, "value")
    try run(Argmax(arguments.input(x, "x"), index: index, value: value), into: index)
  }
}

@c @implementation
public func martlet_embedding(
  _ out: martlet_tensor_t?, _ ids: martlet_tensor_t?, _ table: martlet_tensor_t?
) -> martlet_status {
  boundary {
    let arguments = Arguments("Embedding")
    let out = try arguments.output(out)
    let ids = try arguments.input(ids, "ids")
    let table = try arguments.input(table, "table")
    let work = try Embedding(ids, table: table, into: out)
    try arguments.check(ids, "ids", within: table.shape[0])
    try run(work, into: out)
  }
}

@c @implementation
public func martlet_linear(
  _ out: martlet_tensor_t?, _ x: martlet_tensor_t?, _ weight: martlet_tensor_t?, _ bias: martlet_tensor_t?
) -> martlet_status {
  boundary {
    let arguments = Arguments("Linear")
    let out = try arguments.output(out)
    let bias = try bias.map { try arguments.input($0, "bias") }
    try run(
      Linear(arguments.input(x, "x"), weight: arguments.input(weight, "weight"), bias: bias, into: out), into: out)
  }
}

@c @implementation
public func martlet_rearrange(_ out: martlet_tensor_t?, _ x: martlet_tensor_t?) -> martlet_status {
  boundary {
    let out = try tensorObject(out, "Rearrange: out")
    let x = try tensorObject(x, "Rearrange: x")
    guard out.type == x.type, out.shape == x.shape else {
      throw OperatorError(
        "Rearrange", "out", expected: "of x's type and shape, \(x.description)", found: out.description)
    }
    let target = try out.carrier()
    try run(Rearrange(x.carrier(), into: target), into: target)
    out.memory.noteFilled()
  }
}

@c @implementation
public func martlet_rms_norm(
  _ out: martlet_tensor_t?, _ x: martlet_tensor_t?, _ weight: martlet_tensor_t?, _ epsilon: Float
) -> martlet_status {
  boundary {
    let arguments = Arguments("RMSNorm")
    let out = try arguments.output(out)
    try run(
      RMSNorm(arguments.input(x, "x"), weight: arguments.input(weight, "weight"), epsilon: epsilon, into: out),
      into: out)
  }
}

@c @implementation
public func martlet_rope(
  _ out: martlet_tensor_t?, _ x: martlet_tensor_t?, _ positions: martlet_tensor_t?, _ theta: Float
) -> martlet_status {
  boundary {
    // Up to here every position is an f32, in which angles are calculated.
    let positionLimit = 1 << 24
    let arguments = Arguments("RoPE")
    let out = try arguments.output(out)
    let positions = try arguments.input(positions, "positions")
    let work = try RoPE(arguments.input(x, "x"), positions: positions, theta: theta, angle: .quotient, into: out)
    try arguments.check(positions, "positions", within: positionLimit + 1)
    try run(work, into: out)
  }
}

@c @implementation
public func martlet_self_attention(
  _ out: martlet_tensor_t?, _ q: martlet_tensor_t?, _ k: martlet_tensor_t?, _ v: martlet_tensor_t?, _ scale: Float
) -> martlet_status {
  boundary {
    let arguments = Arguments("SelfAttention")
    let out = try arguments.output(out)
    try run(
      SelfAttention(
        arguments.input(q, "q"), arguments.input(k, "k"), arguments.input(v, "v"), scale: scale, into: out),
      into: out)
  }
}

@c @implementation
public func martlet_swiglu(
  _ out: martlet_tensor_t?, _ gate: martlet_tensor_t?, _ up: martlet_tensor_t?
) -> martlet_status {
  boundary {
    let arguments = Arguments("SwiGLU")
    let out = try arguments.output(out)
    try run(SwiGLU(gate: arguments.input(gate, "gate"), up: arguments.input(up, "up"), into: out), into: out)
  }
}

@c @implementation
public func martlet_add_rms_norm(
  _ out: martlet_tensor_t?, _ residual: martlet_tensor_t?, _ x: martlet_tensor_t?, _ weight: martlet_tensor_t?,
  _ epsilon: Float
) -> martlet_status {
  boundary {
    let arguments = Arguments("AddRMSNorm")
    let out = try arguments.output(out)
    let work = try AddRMSNorm(
      arguments.input(x, "x"), residual: arguments.output(residual, "residual"),
      weight: arguments.input(weight, "weight"), epsilon: epsilon, into: out)
    try run(work, into: out)
  }
}

@c @implementation
public func martlet_convert(_ out: martlet_tensor_t?, _ x: martlet_tensor_t?) -> martlet_status {
  boundary {
    let arguments = Arguments("Convert")
    let out = try arguments.output(out)
    try run(Convert(arguments.input(x, "x"), into: out), into: out)
  }
}
