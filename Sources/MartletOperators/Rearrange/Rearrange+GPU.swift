internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Rearrange {
  /// A dimension as both sides see it.
  private struct Step {
    var extent, source, out: Int
  }

  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    guard out.elementCount > 0 else { return }
    var steps = mergedSteps
    var unit = out.dtype.blockBytes
    // What lies together on both sides is moved in pieces of up to 16 bytes.
    if let last = steps.last, last.source == 1, last.out == 1 {
      var pieces = 1
      while unit * pieces < 16, canMove(steps, pieces: pieces * 2, bytes: unit * pieces * 2) { pieces *= 2 }
      steps[steps.count - 1] = Step(extent: last.extent / pieces, source: 1, out: 1)
      for index in steps.indices.dropLast() {
        steps[index].source /= pieces
        steps[index].out /= pieces
      }
      unit *= pieces
    }
    var argument = martlet_gpu_rearrange()
    argument.source = UnsafeRawPointer(x.pointer)
    argument.out = out.pointer
    argument.count = Int64(steps.reduce(1) { $0 * $1.extent })
    argument.dimensions = Int32(steps.count)
    withUnsafeMutableBytes(of: &argument.shape) { Self.fill($0, steps.map(\.extent)) }
    withUnsafeMutableBytes(of: &argument.source_strides) { Self.fill($0, steps.map(\.source)) }
    withUnsafeMutableBytes(of: &argument.out_strides) { Self.fill($0, steps.map(\.out)) }
    try stream.launch("rearrange_\(unit)", of: Kernels.rearrange, units: Int(argument.count), argument)
  }

  /// The dimensions without those of one element, neighbours as one where both sides allow it.
  private var mergedSteps: [Step] {
    var steps: [Step] = []
    for dimension in out.shape.indices where out.shape[dimension] > 1 {
      let step = Step(
        extent: out.shape[dimension], source: x.strides[dimension], out: out.strides[dimension])
      if let last = steps.last, last.source == step.source * step.extent, last.out == step.out * step.extent {
        steps[steps.count - 1] = Step(extent: last.extent * step.extent, source: step.source, out: step.out)
      } else {
        steps.append(step)
      }
    }
    return steps
  }

  /// Whether so many neighbours always begin at multiples of their size.
  private func canMove(_ steps: [Step], pieces: Int, bytes: Int) -> Bool {
    guard let last = steps.last, last.extent % pieces == 0 else { return false }
    return UInt(bitPattern: x.pointer) % UInt(bytes) == 0 && UInt(bitPattern: out.pointer) % UInt(bytes) == 0
      && steps.dropLast().allSatisfy { $0.source % pieces == 0 && $0.out % pieces == 0 }
  }

  private static func fill(_ bytes: UnsafeMutableRawBufferPointer, _ values: [Int]) {
    for (index, value) in values.enumerated() {
      bytes.storeBytes(of: Int64(value), toByteOffset: index * 8, as: Int64.self)
    }
  }
}
