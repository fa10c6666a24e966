import CMartletSIMD
import MartletRuntime
import MartletTensor

extension SelfAttention {
  /// One query head at a time, straight from the definition.
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let (queries, heads, dimension) = (q.shape[0], q.shape[1], q.shape[2])
    let (keys, group, valueDimension) = (k.shape[0], heads / k.shape[1], v.shape[2])
    let size = q.dtype.blockBytes
    let code = q.dtype.code
    func address(_ tensor: Tensor, _ token: Int, _ head: Int) -> UnsafeMutableRawPointer {
      tensor.pointer + (token * tensor.strides[0] + head * tensor.strides[1]) * size
    }
    let perThread = keys + 2 * valueDimension
    let scratch = try stream.scratch(bytes: stream.pool.threadCount * perThread * 4)
    stream.pool.forEachRange(queries * heads, grain: 1) { units, thread in
      let scores = (scratch + thread * perThread * 4).assumingMemoryBound(to: Float.self)
      let sum = scores + keys
      let row = sum + valueDimension
      for unit in units {
        let (query, head) = (unit / heads, unit % heads)
        let visible = query + keys - queries + 1
        var largest = -Float.infinity
        for key in 0..<visible {
          scores[key] =
            kernels.dot(code, address(q, query, head), code, address(k, key, head / group), dimension) * scale
          largest = max(largest, scores[key])
        }
        let total = kernels.exponentials(scores, largest, visible)
        sum.update(repeating: 0, count: valueDimension)
        for key in 0..<visible {
          kernels.convert(code, address(v, key, head / group), 0, row, valueDimension)
          for index in 0..<valueDimension { sum[index] += scores[key] * row[index] }
        }
        kernels.scale_out(sum, 1 / total, code, address(out, query, head), valueDimension)
      }
    }
  }
}
