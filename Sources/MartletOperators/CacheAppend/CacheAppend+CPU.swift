import CMartletSIMD
import MartletRuntime
import MartletTensor

extension CacheAppend {
  func runOnCPU(_ stream: Stream) {
    let kernels = stream.kernels
    let (dimension, keyHeads) = (cache.headDimension, cache.keyHeads)
    let half = dimension / 2
    let size = qkv.dtype.blockBytes
    let (keyBytes, valueBytes) = (cache.keyBytes, cache.valueBytes)
    let slotList = slots.pointer(as: Int32.self)
    let angles = rotations.pointer(as: Float.self)
    // An element is turned, rounded and scattered: several times the work of one in a plain loop.
    stream.pool.forEachRange(qkv.count, grain: Work.rowGrain(width: 4 * qkv.width)) { tokens, _ in
      for token in tokens {
        let cosines = angles + token * dimension
        for head in 0..<heads + keyHeads {
          let x = qkv[token] + head * dimension * size
          if let norms {
            let gain = head < heads ? norms.query : norms.key
            kernels.pointee.rms_norm(qkv.dtype.code, x, gain.dtype.code, gain.pointer, norms.epsilon, x, dimension)
          }
          kernels.pointee.rope(qkv.dtype.code, x, cosines, cosines + half, x, half)
        }
        let slot = Int(slotList[token])
        if slot < 0 { continue }
        precondition(slot < cache.blockCount * PagedCache.blockSize, "slot \(slot) beyond the cache")
        let block = slot / PagedCache.blockSize
        for head in 0..<keyHeads {
          let key = qkv[token] + (heads + head) * dimension * size
          let place = block * keyHeads + head
          kernels.pointee.cache_write(
            qkv.dtype.code, key, key + keyHeads * dimension * size, cache.dtype.code, dimension,
            cache.paddedDimension, slot % PagedCache.blockSize, cache.keys.pointer + place * keyBytes,
            cache.values.pointer + place * valueBytes)
        }
      }
    }
  }
}
