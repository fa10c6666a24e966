// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import MartletOperators
internal import MartletTensor

@c @implementation
public func martlet_add(_ out: martlet_tensor_t?, _ a: martlet_tensor_t?, _ b: martlet_tensor_t?) -> martlet_status {
  boundary {
    var arguments = Arguments("Add")
    let out = try arguments.output(out)
    try arguments.run(
      Add(arguments.input(a, "a", inPlace: true), arguments.input(b, "b", inPlace: true), into: out))
  }
}

@c @implementation
public func martlet_argmax(
  _ index: martlet_tensor_t?, _ value: martlet_tensor_t?, _ x: martlet_tensor_t?
) -> martlet_status {
  boundary {
    var arguments = Arguments("Argmax")
    let index = try arguments.output(index, "index")
    let value = try arguments.output(value, "value")
    try arguments.run(Argmax(arguments.input(x, "x"), index: index, value: value))
  }
}

@c @implementation
public func martlet_embedding(
  _ out: martlet_tensor_t?, _ ids: martlet_tensor_t?, _ table: martlet_tensor_t?
) -> martlet_status {
  boundary {
    var arguments = Arguments("Embedding")
    let out = try arguments.output(out)
    let ids = try arguments.indices(ids, "ids")
    let table = try arguments.input(table, "table")
    let work = try Embedding(ids, table: table, into: out)
    try arguments.checkIndices(within: table.shape[0])
    try arguments.run(work)
  }
}

@c @implementation
public func martlet_linear(
  _ out: martlet_tensor_t?, _ x: martlet_tensor_t?, _ weight: martlet_tensor_t?, _ bias: martlet_tensor_t?
) -> martlet_status {
  boundary {
    var arguments = Arguments("Linear")
    let out = try arguments.output(out)
    let bias = try bias.map { try arguments.input($0, "bias") }
    try arguments.run(
      Linear(arguments.input(x, "x"), weight: arguments.input(weight, "weight"), bias: bias, into: out))
  }
}

@c @implementation
public func martlet_rearrange(_ out: martlet_tensor_t?, _ x: martlet_tensor_t?) -> martlet_status {
  boundary {
    var arguments = Arguments("Rearrange")
    let out = try arguments.target(out)
    let x = try arguments.source(x, "x")
    guard out.type == x.type, out.shape == x.shape else {
      throw OperatorError(
        "Rearrange", "out", expected: "of x's type and shape, \(x.description)", found: out.description)
    }
    try arguments.run(Rearrange(x.carrier(), into: out.carrier()))
    out.memory.noteFilled()
  }
}

@c @implementation
public func martlet_rms_norm(
  _ out: martlet_tensor_t?, _ x: martlet_tensor_t?, _ weight: martlet_tensor_t?, _ epsilon: Float
) -> martlet_status {
  boundary {
    var arguments = Arguments("RMSNorm")
    let out = try arguments.output(out)
    let work = try RMSNorm(
      arguments.input(x, "x"), weight: arguments.input(weight, "weight"), epsilon: epsilon, into: out)
    try arguments.check(epsilon, "epsilon", atLeast: 0)
    try arguments.run(work)
  }
}

@c @implementation
public func martlet_rope(
  _ out: martlet_tensor_t?, _ x: martlet_tensor_t?, _ positions: martlet_tensor_t?, _ theta: Float
) -> martlet_status {
  boundary {
    // Up to here every position is an f32, in which angles are calculated.
    let positionLimit = 1 << 24
    var arguments = Arguments("RoPE")
    let out = try arguments.output(out)
    let positions = try arguments.indices(positions, "positions")
    let work = try RoPE(
      arguments.input(x, "x", inPlace: true), positions: positions, theta: theta, angle: .quotient, into: out)
    try arguments.checkIndices(within: positionLimit + 1)
    try arguments.run(work)
  }
}

@c @implementation
public func martlet_self_attention(
  _ out: martlet_tensor_t?, _ q: martlet_tensor_t?, _ k: martlet_tensor_t?, _ v: martlet_tensor_t?, _ scale: Float
) -> martlet_status {
  boundary {
    var arguments = Arguments("SelfAttention")
    let out = try arguments.output(out)
    let work = try SelfAttention(
      arguments.input(q, "q"), arguments.input(k, "k"), arguments.input(v, "v"), scale: scale, into: out)
    try arguments.check(scale, "scale")
    try arguments.run(work)
  }
}

@c @implementation
public func martlet_swiglu(
  _ out: martlet_tensor_t?, _ gate: martlet_tensor_t?, _ up: martlet_tensor_t?
) -> martlet_status {
  boundary {
    var arguments = Arguments("SwiGLU")
    let out = try arguments.output(out)
    try arguments.run(SwiGLU(gate: arguments.input(gate, "gate"), up: arguments.input(up, "up"), into: out))
  }
}

@c @implementation
public func martlet_add_rms_norm(
  _ out: martlet_tensor_t?, _ residual: martlet_tensor_t?, _ x: martlet_tensor_t?, _ weight: martlet_tensor_t?,
  _ epsilon: Float
) -> martlet_status {
  boundary {
    var arguments = Arguments("AddRMSNorm")
    let out = try arguments.output(out)
    let work = try AddRMSNorm(
      arguments.input(x, "x"), residual: arguments.output(residual, "residual"),
      weight: arguments.input(weight, "weight"), epsilon: epsilon, into: out)
    try arguments.check(epsilon, "epsilon", atLeast: 0)
    try arguments.run(work)
  }
}

@c @implementation
public func martlet_convert(_ out: martlet_tensor_t?, _ x: martlet_tensor_t?) -> martlet_status {
  boundary {
    var arguments = Arguments("Convert")
    let out = try arguments.output(out)
    try arguments.run(Convert(arguments.input(x, "x"), into: out))
  }
}
