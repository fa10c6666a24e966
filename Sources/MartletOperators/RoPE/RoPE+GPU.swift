internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension RoPE {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let frequencies = RotaryFrequencies(theta: theta, headDimension: x.shape[2])
    var argument = martlet_gpu_rope()
    argument.x = UnsafeRawPointer(x.pointer)
    argument.out = out.pointer
    argument.positions = UnsafeRawPointer(positions.pointer)
    argument.x_strides = (Int64(x.strides[0]), Int64(x.strides[1]))
    argument.out_strides = (Int64(out.strides[0]), Int64(out.strides[1]))
    let half = x.shape[2] / 2
    let units = x.shape[0] * x.shape[1] * half
    argument.count = Int64(units)
    argument.heads = Int32(x.shape[1])
    argument.half = Int32(half)
    argument.wide_positions = positions.dtype == .i64 ? 1 : 0
    try withUnsafeMutableBytes(of: &argument.frequencies) { bytes throws(RuntimeError) in
      try frequencies.write(to: bytes, on: stream)
    }
    try stream.launch("rope_\(x.dtype.name)", of: Kernels.rope, units: units, argument)
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
    try withUnsafeMutableBytes(of: &argument.frequencies) { bytes throws(RuntimeError) in
      try frequencies.write(to: bytes, on: stream)
    }
    try stream.launch("rotations", of: Kernels.rope, units: Int(argument.count), argument)
  }
}

extension RotaryFrequencies {
  /// Copies the speeds into a kernel's argument.
  /// - Throws: `RuntimeError.callFailed` if there are more than it holds.
  fileprivate func write(to bytes: UnsafeMutableRawBufferPointer, on stream: Stream) throws(RuntimeError) {
    let most = Int(MARTLET_GPU_MOST_FREQUENCIES)
    guard values.count <= most else {
      throw .callFailed(
        device: stream.device, call: "RoPE",
        reason:
          "heads have \(2 * values.count) dimensions, and kernels take at most \(2 * most); run it on the processor")
    }
    values.withUnsafeBytes { bytes.copyMemory(from: $0) }
  }
}
