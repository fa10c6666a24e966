import CMartletSIMD
import MartletRuntime
import MartletTensor

extension SwiGLU {
  func runOnCPU(_ stream: Stream) {
    let swiglu = stream.kernels.pointee.swiglu
    // A single wide row is cut into pieces too: with one token there is nothing else to share.
    let piece = 1024
    let pieces = max(1, (out.width + piece - 1) / piece)
    let size = out.dtype.blockBytes
    stream.pool.forEachRange(out.count * pieces, grain: 2) { units, _ in
      for unit in units {
        let row = unit / pieces
        let start = unit % pieces * piece
        swiglu(
          out.dtype.code, gate[row] + start * size, up[row] + start * size, out[row] + start * size,
          min(piece, out.width - start))
      }
    }
  }
}
