internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension CacheAppend {
  /// Heads in a block, 32 threads each.
  private static let headsPerBlock = 8

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
    try stream.launch(
      "cache_append_\(qkv.dtype.name)", of: Kernels.cacheAppend,
      grid: GridSize((units + Self.headsPerBlock - 1) / Self.headsPerBlock), block: GridSize(32 * Self.headsPerBlock),
      argument)
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
