internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension CacheAppend {
  /// Heads in a block, 32 threads each.
  private static let headsPerBlock = 8

  /// From so many tokens on, threads take eight pairs each.
  private static let leastManyTokens = 16
  /// What a thread each can be started for at once.
  private static let mostChunks = 1 << 28

  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let units = qkv.count * (heads + 2 * cache.keyHeads)
    var argument = martlet_gpu_append()
    argument.qkv = qkv.gpu
    argument.cache = cache.gpu
    argument.rotations = UnsafePointer(rotations.pointer(as: Float.self))
    argument.slots = UnsafePointer(slots.pointer(as: Int32.self))
    if let norms {
      argument.query_norm = UnsafeRawPointer(norms.query.pointer)
      argument.query_norm_type = norms.query.dtype.code
      argument.key_norm = UnsafeRawPointer(norms.key.pointer)
      argument.key_norm_type = norms.key.dtype.code
      argument.epsilon = norms.epsilon
    }
    argument.tokens = Int32(qkv.count)
    argument.heads = Int32(heads)
    let chunks = units * cache.headDimension / (2 * GPUWork.chunk)
    if !isBatchInvariant, qkv.count >= Self.leastManyTokens, chunks <= Self.mostChunks, allowsChunks(argument.qkv) {
      return try stream.launch(
        "append_chunks_\(qkv.dtype.name)", of: Kernels.cacheAppend, units: chunks, argument)
    }
    try stream.launch(
      "cache_append_\(qkv.dtype.name)", of: Kernels.cacheAppend,
      grid: GridSize((units + Self.headsPerBlock - 1) / Self.headsPerBlock), block: GridSize(32 * Self.headsPerBlock),
      argument)
  }

  /// Whether heads are whole chunks that start at multiples of 16 bytes, and the lanes of a head a power of two.
  private func allowsChunks(_ rows: martlet_gpu_rows) -> Bool {
    let lanes = cache.headDimension / (2 * GPUWork.chunk)
    return rows.aligned != 0 && cache.headDimension % (2 * GPUWork.chunk) == 0 && lanes & (lanes - 1) == 0
      && (1...32).contains(lanes) && cache.dtype != .q8_0
      && UInt(bitPattern: rotations.pointer) % 16 == 0
  }
}

extension PagedCache {
  /// What kernels know of the cache.
  var gpu: martlet_gpu_cache {
    martlet_gpu_cache(
      keys: keys.pointer, values: values.pointer, head_bytes: Int64(valueBytes), key_heads: Int32(keyHeads),
      dimension: Int32(headDimension), padded: Int32(paddedDimension), type: dtype.code)
  }
}
