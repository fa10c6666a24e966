import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Argmax {
  func runOnCPU(_ stream: Stream) {
    let argmax = stream.kernels.pointee.argmax
    let size = x.dtype.blockBytes
    let values = value.pointer
    stream.pool.forEachRange(x.count, grain: Work.rowGrain(width: x.width)) { rows, _ in
      for row in rows {
        let best = argmax(x.dtype.code, x[row], x.width)
        if index.dtype == .i64 {
          index.pointer(as: Int64.self)[row] = Int64(best)
        } else {
          index.pointer(as: Int32.self)[row] = Int32(best)
        }
        (values + row * size).copyMemory(from: x[row] + best * size, byteCount: size)
      }
    }
  }
}
