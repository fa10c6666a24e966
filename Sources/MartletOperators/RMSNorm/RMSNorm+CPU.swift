import CMartletSIMD
import MartletRuntime
import MartletTensor

extension RMSNorm {
  func runOnCPU(_ stream: Stream) {
    let normalize = stream.kernels.pointee.rms_norm
    stream.pool.forEachRange(x.count, grain: Work.rowGrain(width: x.width)) { rows, _ in
      for row in rows {
        normalize(x.dtype.code, x[row], weight.dtype.code, weight.base, epsilon, out[row], x.width)
      }
    }
  }
}
