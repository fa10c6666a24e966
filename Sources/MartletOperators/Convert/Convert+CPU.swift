import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Convert {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    let convert = stream.kernels.pointee.convert
    let scratch = try stream.scratch(bytes: x.dtype.isQuantized ? stream.pool.threadCount * x.width * 4 : 0)
    stream.pool.forEachRange(x.count, grain: Work.rowGrain(width: x.width)) { rows, thread in
      let row32 = (scratch + thread * x.width * 4).assumingMemoryBound(to: Float.self)
      for row in rows {
        if !x.dtype.isQuantized {
          convert(x.dtype.code, x[row], out.dtype.code, out[row], x.width)
        } else if out.dtype == .f32 {
          martlet_dequantize(x.dtype.code, x[row], out[row].assumingMemoryBound(to: Float.self), x.width)
        } else {
          martlet_dequantize(x.dtype.code, x[row], row32, x.width)
          convert(DType.f32.code, row32, out.dtype.code, out[row], x.width)
        }
      }
    }
  }
}
