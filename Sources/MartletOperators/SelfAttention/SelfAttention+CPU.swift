import CMartletSIMD
package import MartletRuntime
import MartletTensor

extension SelfAttention {
  /// From so many queries on, copying keys and values into the layout of a cache takes less time than it saves.
  private static let fewestTiledQueries = 16

  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    if q.shape[0] >= Self.fewestTiledQueries, q.shape[1] > 0, q.shape[2] > 0, q.shape[2] == v.shape[2] {
      try runTiled(stream)
    } else {
      try runDefinition(stream)
    }
  }

  /// Tiles of queries share the keys and values that they read, as in ``PagedAttention``.
  private func runTiled(_ stream: Stream) throws(RuntimeError) {
    let (queries, heads, dimension) = (q.shape[0], q.shape[1], q.shape[2])
    let (keys, keyHeads) = (k.shape[0], k.shape[1])
    let block = PagedCache.blockSize
    let blocks = (keys + block - 1) / block
    let padded = (dimension + 15) & ~15
    let (keyBytes, valueBytes) = (martlet_kv_bytes(code, dimension), martlet_kv_bytes(code, padded))
    let storage = try Storage(byteCount: blocks * keyHeads * (keyBytes + valueBytes), on: stream.runtime)
    let keyBlocks = storage.pointer
    let valueBlocks = keyBlocks + blocks * keyHeads * keyBytes
    let kernels = stream.kernels
    stream.pool.forEachRange(blocks * keyHeads, grain: Work.rowGrain(width: 4 * block * dimension)) { range, _ in
      for unit in range {
        let (index, head) = (unit / keyHeads, unit % keyHeads)
        for slot in 0..<min(block, keys - index * block) {
          kernels.pointee.cache_write(
            code, address(k, index * block + slot, head), address(v, index * block + slot, head), code, dimension,
            padded,
            slot, keyBlocks + unit * keyBytes, valueBlocks + unit * valueBytes)
        }
      }
    }
    // One sequence, whose blocks lie in order.
    let tables: [Int32] = [0, Int32(queries)] + (0..<queries).map { Int32($0 + keys - queries) } + (0..<Int32(blocks))
    let view = martlet_kv_view(
      keys: keyBlocks, values: valueBlocks, key_block_stride: keyBytes * keyHeads, key_head_stride: keyBytes,
      value_block_stride: valueBytes * keyHeads, value_head_stride: valueBytes, head_dim: dimension, padded_dim: padded,
      type: code, scale: scale)
    func rows(_ tensor: Tensor) -> AttentionRows {
      AttentionRows(
        base: tensor.pointer, tokenStride: tensor.strides[0], headStride: tensor.strides[1], dtype: tensor.dtype)
    }
    let result = tables.withUnsafeBufferPointer { tables in
      let starts = tables.baseAddress!
      let tiles = AttentionTiles(
        queries: rows(q), out: rows(out), heads: heads, keyHeads: keyHeads, view: view, sequenceCount: 1,
        starts: starts,
        positions: starts + 2, blockTables: starts + 2 + queries, tableWidth: blocks, window: nil)
      return Result { () throws(RuntimeError) in try tiles.run(on: stream) }
    }
    try result.get()
    withExtendedLifetime(storage) {}
  }

  private var code: Int32 { q.dtype.code }

  private func address(_ tensor: Tensor, _ token: Int, _ head: Int) -> UnsafeMutableRawPointer {
    tensor.pointer + (token * tensor.strides[0] + head * tensor.strides[1]) * tensor.dtype.blockBytes
  }

  /// One query head at a time, straight from the definition: for few queries, and the reference of what else there is.
  package func runDefinition(_ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let (queries, heads, dimension) = (q.shape[0], q.shape[1], q.shape[2])
    let (keys, group, valueDimension) = (k.shape[0], heads / k.shape[1], v.shape[2])
    let code = code
    let perThread = keys + valueDimension
    let scratch = try stream.scratch(bytes: stream.pool.threadCount * perThread * 4)
    stream.pool.forEachRange(queries * heads, grain: 1) { units, thread in
      let scores = (scratch + thread * perThread * 4).assumingMemoryBound(to: Float.self)
      let sum = scores + keys
      for unit in units {
        let (query, head) = (unit / heads, unit % heads)
        let visible = query + keys - queries + 1
        kernels.pointee.dots(
          code, address(q, query, head), address(k, 0, head / group), k.strides[0], visible, dimension, scores)
        var largest = -Float.infinity
        for key in 0..<visible {
          scores[key] *= scale
          largest = max(largest, scores[key])
        }
        let total = kernels.pointee.exponentials(scores, largest, visible)
        kernels.pointee.weighted_sum(
          code, address(v, 0, head / group), v.strides[0], visible, scores, valueDimension, sum)
        kernels.pointee.scale_out(sum, 1 / total, code, address(out, query, head), valueDimension)
      }
    }
  }
}
