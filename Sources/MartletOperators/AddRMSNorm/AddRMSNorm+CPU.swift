import CMartletSIMD
import MartletRuntime
import MartletTensor

extension AddRMSNorm {
  func runOnCPU(_ stream: Stream) {
    let kernels = stream.kernels
    stream.pool.forEachRange(x.count, grain: Work.rowGrain(width: x.width)) { rows, _ in
      for row in rows {
        kernels.pointee.add(x.dtype.code, residual[row], x[row], residual[row], x.width)
        kernels.pointee.rms_norm(
          x.dtype.code, residual[row], weight.dtype.code, weight.base, epsilon, out[row], x.width)
      }
    }
  }
}
