import CMartletSIMD
import MartletRuntime
import MartletTensor

extension PagedAttention {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    let dimension = cache.headDimension
    let view = martlet_kv_view(
      keys: cache.keys.pointer, values: cache.values.pointer,
      key_block_stride: cache.keyBytes * cache.keyHeads, key_head_stride: cache.keyBytes,
      value_block_stride: cache.valueBytes * cache.keyHeads, value_head_stride: cache.valueBytes,
      head_dim: dimension, padded_dim: cache.paddedDimension, type: cache.dtype.code, scale: scale)
    let tiles = AttentionTiles(
      queries: AttentionRows(
        base: queries.base, tokenStride: queries.stride, headStride: dimension, dtype: queries.dtype),
      out: AttentionRows(base: out.base, tokenStride: out.stride, headStride: dimension, dtype: out.dtype),
      heads: heads, keyHeads: cache.keyHeads, view: view, sequenceCount: batch.blockTables.shape[0],
      starts: batch.starts.pointer(as: Int32.self), positions: batch.positions.pointer(as: Int32.self),
      blockTables: batch.blockTables.pointer(as: Int32.self), tableWidth: batch.blockTables.shape[1], window: window)
    try tiles.run(on: stream)
  }
}
