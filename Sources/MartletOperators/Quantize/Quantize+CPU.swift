import CMartletSIMD
import MartletRuntime
import MartletTensor
import Synchronization

extension Quantize {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) -> Outcome {
    let kernels = stream.kernels
    let scratch = try stream.scratch(bytes: stream.pool.threadCount * x.width * 4)
    let failure = Mutex<(row: Int, outcome: Outcome)?>(nil)
    stream.pool.forEachRange(x.count, grain: 1) { rows, thread in
      let values = (scratch + thread * x.width * 4).assumingMemoryBound(to: Float.self)
      for row in rows {
        if x.dtype.isQuantized {
          martlet_dequantize(x.dtype.code, x[row], values, x.width)
        } else {
          kernels.pointee.convert(x.dtype.code, x[row], DType.f32.code, values, x.width)
        }
        let outcome = encode(values, row: row, kernels)
        guard outcome != .done else { continue }
        failure.withLock { if $0 == nil || row < $0!.row { $0 = (row, outcome) } }
      }
    }
    return failure.withLock { $0?.outcome ?? .done }
  }

  private func encode(_ values: UnsafePointer<Float>, row: Int, _ kernels: UnsafePointer<martlet_kernels>) -> Outcome {
    if out.dtype.isQuantized {
      switch martlet_quantize(out.dtype.code, values, out[row], x.width) {
      case MARTLET_QUANTIZE_DONE: return .done
      case MARTLET_QUANTIZE_NOT_FINITE: return .notFinite(row: row)
      default: return .tooLarge(row: row)
      }
    }
    let largest = martlet_largest_magnitude(values, x.width)
    guard largest.isFinite else { return .notFinite(row: row) }
    guard largest < Self.limit(of: out.dtype) else { return .tooLarge(row: row) }
    kernels.pointee.convert(DType.f32.code, values, out.dtype.code, out[row], x.width)
    return .done
  }

  /// The least magnitude that rounding turns into an infinity.
  private static func limit(of type: DType) -> Float {
    switch type {
    case .f16: 65_520
    case .bf16: Float(bitPattern: 0x7f7f_8000)
    default: .infinity
    }
  }
}
