package import MartletRuntime
package import MartletTensor

extension FusedLinear {
  /// The operators that one of these stands for, with tensors of their own between them: what the processor runs, and what
  /// checks compare a kernel with.
  package static func parts(
    _ x: Tensor, _ norm: Norm?, _ weight: PackedWeight, _ bias: Tensor?, _ ending: Ending, _ out: Tensor,
    on runtime: Runtime
  ) throws -> [any Operator] {
    var parts: [any Operator] = []
    var input = x
    if let norm {
      input = try Tensor(x.shape, x.dtype, on: runtime)
      parts.append(try RMSNorm(x, weight: norm.weight, epsilon: norm.epsilon, into: input))
    }
    func product(into y: Tensor) throws { parts.append(try Linear(input, weight: weight, bias: bias, into: y)) }
    func product() throws -> Tensor {
      let y = try Tensor([x.shape[0], weight.rows], x.dtype, on: runtime)
      try product(into: y)
      return y
    }
    switch ending {
    case .stored: try product(into: out)
    case .added: parts.append(try Add(out, product(), into: out))
    case .gated:
      let y = try product()
      let half = weight.rows / 2
      parts.append(try SwiGLU(gate: y.slice(1, 0..<half), up: y.slice(1, half..<2 * half), into: out))
    case .rotated(let rotation):
      try product(into: out)
      parts.append(
        try CacheAppend(
          qkv: out, heads: rotation.heads, rotations: rotation.rotations, slots: rotation.slots, into: rotation.cache))
    case .chosen(let index, let value):
      try product(into: out)
      parts.append(try Argmax(out, index: index, value: value))
    }
    return parts
  }

  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    for part in parts { try part.run(on: stream) }
  }
}
