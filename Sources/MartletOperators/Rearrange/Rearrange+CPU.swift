import MartletRuntime
import MartletTensor

extension Rearrange {
  func runOnCPU(_ stream: Stream) {
    guard out.elementCount > 0 else { return }
    // The longest tail without gaps on both sides is copied as one piece; the dimensions before it are counted through.
    var runLength = 1
    var leading = out.shape.count
    while leading > 0 {
      let dimension = leading - 1
      let extent = out.shape[dimension]
      guard extent == 1 || (x.strides[dimension] == runLength && out.strides[dimension] == runLength) else { break }
      runLength *= extent
      leading -= 1
    }
    let outer = Array(out.shape.prefix(leading))
    let outerCount = outer.reduce(1, *)
    let size = out.dtype.blockBytes
    let source = UnsafeRawPointer(x.pointer)
    let destination = out.pointer
    let run = runLength
    stream.pool.forEachRange(outerCount, grain: max(1, Work.elements / run)) { range, _ in
      for position in range {
        var rest = position
        var from = 0
        var to = 0
        for dimension in outer.indices.reversed() {
          let index = rest % outer[dimension]
          rest /= outer[dimension]
          from += index * x.strides[dimension]
          to += index * out.strides[dimension]
        }
        (destination + to * size).copyMemory(from: source + from * size, byteCount: run * size)
      }
    }
  }
}
