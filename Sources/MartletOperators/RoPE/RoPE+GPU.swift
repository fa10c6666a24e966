internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension RoPE {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let frequencies = RotaryFrequencies(theta: theta, headDimension: x.shape[2], angle: angle)
    // Their numbers travel in the kernel's argument, which holds so many.
    let numbers = frequencies.periods ?? frequencies.values
    let most = Int(MARTLET_GPU_MOST_FREQUENCIES)
    for first in stride(from: 0, to: numbers.count, by: most) {
      let slice = numbers[first..<min(first + most, numbers.count)]
      var argument = martlet_gpu_rope()
      argument.x = UnsafeRawPointer(x.pointer)
      argument.out = out.pointer
      argument.positions = UnsafeRawPointer(positions.pointer)
      argument.x_strides = (Int64(x.strides[0]), Int64(x.strides[1]))
      argument.out_strides = (Int64(out.strides[0]), Int64(out.strides[1]))
      let units = x.shape[0] * x.shape[1] * slice.count
      argument.count = Int64(units)
      argument.heads = Int32(x.shape[1])
      argument.half = Int32(numbers.count)
      argument.first = Int32(first)
      argument.pairs = Int32(slice.count)
      argument.wide_positions = positions.dtype == .i64 ? 1 : 0
      argument.quotients = frequencies.periods == nil ? 0 : 1
      slice.withUnsafeBytes { numbers in
        withUnsafeMutableBytes(of: &argument.frequencies) { $0.copyMemory(from: numbers) }
      }
      try stream.launch("rope_\(x.dtype.name)", of: Kernels.rope, units: units, argument)
    }
  }
}

extension RotationTable {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let half = frequencies.values.count
    var argument = martlet_gpu_rotations()
    argument.positions = UnsafePointer(positions.pointer(as: Int32.self))
    argument.lengths = lengths.map { UnsafePointer($0.pointer(as: Int32.self)) }
    argument.out = out.pointer(as: Float.self)
    argument.count = Int64(positions.shape[0] * half)
    argument.half = Int32(half)
    argument.amplitude = frequencies.amplitude
    argument.context = .infinity
    if let scaling = frequencies.lengthScaling {
      (argument.theta, argument.factor, argument.context) = (scaling.theta, scaling.factor, scaling.context)
    }
    let most = Int(MARTLET_GPU_MOST_FREQUENCIES)
    guard half <= most else {
      throw .callFailed(
        device: stream.device, call: "RotationTable",
        reason: "heads have \(2 * half) dimensions, and kernels take at most \(2 * most); run it on the processor")
    }
    frequencies.values.withUnsafeBytes { values in
      withUnsafeMutableBytes(of: &argument.frequencies) { $0.copyMemory(from: values) }
    }
    try stream.launch("rotations", of: Kernels.rope, units: Int(argument.count), argument)
  }
}
