import MartletRuntime
import MartletTensor

extension Quantize {
  /// Brings the rows to the processor and back: the search for scales must give the same bytes everywhere, and is done
  /// once in a model's life.
  func runOnGPU(_ stream: Stream) throws(RuntimeError) -> Outcome {
    let host = try Runtime(.cpu)
    let (input, output) = try Self.unwrapping { () throws(TensorError) in
      (try tensors[0].copy(to: host), try Tensor(tensors[1].shape, out.dtype, on: host))
    }
    guard let rows = Rows(input), let encoded = Rows(output) else {
      preconditionFailure("fresh tensors have rows without gaps")
    }
    let outcome = try Quantize(x: rows, out: encoded, tensors: [input, output]).runOnCPU(Stream(on: host))
    guard outcome == .done else { return outcome }
    let rowBytes = out.width / out.dtype.blockSize * out.dtype.blockBytes
    try stream.runtime.api.setDevice(stream.device.index)
    for row in 0..<out.count {
      try stream.runtime.api.copy(to: out[row], from: encoded[row], bytes: rowBytes, kind: .hostToDevice)
    }
    return outcome
  }

  private static func unwrapping<Result>(_ body: () throws(TensorError) -> Result) throws(RuntimeError) -> Result {
    do {
      return try body()
    } catch {
      if case .runtime(let error) = error { throw error }
      preconditionFailure("copying whole tensors: \(error)")
    }
  }
}
