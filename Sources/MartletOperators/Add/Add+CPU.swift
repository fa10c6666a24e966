import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Add {
  func runOnCPU(_ stream: Stream) {
    let add = stream.kernels.pointee.add
    stream.pool.forEachShare(out.count, grain: Work.rowGrain(width: out.width)) { rows, _ in
      for row in rows { add(out.dtype.code, a[row], b[row], out[row], out.width) }
    }
  }
}
