import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Embedding {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    let convert = stream.kernels.pointee.convert
    let width = table.width
    let scratch = try stream.scratch(bytes: table.dtype.isQuantized ? stream.pool.threadCount * width * 4 : 0)
    stream.pool.forEachShare(out.count, grain: Work.rowGrain(width: width)) { rows, thread in
      let row32 = (scratch + thread * width * 4).assumingMemoryBound(to: Float.self)
      for row in rows {
        let id = ids.dtype == .i64 ? Int(ids.pointer(as: Int64.self)[row]) : Int(ids.pointer(as: Int32.self)[row])
        precondition(id >= 0 && id < table.count, "token id \(id) of a vocabulary of \(table.count)")
        if table.dtype.isQuantized {
          martlet_dequantize(table.dtype.code, table[id], row32, width)
          convert(0, row32, out.dtype.code, out[row], width)
        } else {
          convert(table.dtype.code, table[id], out.dtype.code, out[row], width)
        }
      }
    }
  }
}
