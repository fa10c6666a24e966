import CMartletSIMD
import MartletRuntime
import MartletTensor

extension RoPE {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    let rope = stream.kernels.pointee.rope
    let half = x.shape[2] / 2
    let heads = x.shape[1]
    let size = x.dtype.blockBytes
    let frequencies = RotaryFrequencies(theta: theta, headDimension: x.shape[2], angle: angle)
    let scratch = try stream.scratch(bytes: stream.pool.threadCount * half * 8)
    stream.pool.forEachRange(x.shape[0], grain: Work.rowGrain(width: heads * half * 2)) { tokens, thread in
      let cosines = (scratch + thread * half * 8).assumingMemoryBound(to: Float.self)
      let sines = cosines + half
      for token in tokens {
        let position =
          positions.dtype == .i64
          ? Int(positions.pointer(as: Int64.self)[token]) : Int(positions.pointer(as: Int32.self)[token])
        frequencies.fill(position: position, cosines: cosines, sines: sines)
        for head in 0..<heads {
          let source = x.pointer + (token * x.strides[0] + head * x.strides[1]) * size
          let target = out.pointer + (token * out.strides[0] + head * out.strides[1]) * size
          rope(x.dtype.code, source, cosines, sines, target, half)
        }
      }
    }
  }
}
