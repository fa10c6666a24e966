internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension PagedAttention {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    if try runOnTiles(stream) { return }
    let group = heads / cache.keyHeads
    let padded = cache.paddedDimension
    let shape = try AttentionShape(keyWidth: padded, valueWidth: padded, on: stream.device)
    let tableWidth = batch.blockTables.shape[1]
    let segments = (tableWidth * PagedCache.blockSize + AttentionShape.segment - 1) / AttentionShape.segment
    let units = out.count * cache.keyHeads * AttentionShape.tiles(group: group)
    var argument = martlet_gpu_paged_attention()
    argument.queries = queries.gpu
    argument.out = out.gpu
    argument.cache = cache.gpu
    argument.starts = UnsafePointer(batch.starts.pointer(as: Int32.self))
    argument.positions = UnsafePointer(batch.positions.pointer(as: Int32.self))
    argument.tables = UnsafePointer(batch.blockTables.pointer(as: Int32.self))
    argument.sequences = Int32(batch.blockTables.shape[0])
    argument.table_width = Int32(tableWidth)
    argument.heads = Int32(heads)
    argument.group = Int32(group)
    argument.segments = Int32(segments)
    argument.window = Int32(clamping: window ?? 0)
    argument.scale = scale
    // Where tokens are few, segments of one are shared among blocks; the numbers are the same.
    let processors = stream.runtime.kernels?.description.processors ?? 1
    let isSplit = segments > 1 && units < 4 * processors
    if isSplit {
      argument.states = try stream.scratch(bytes: out.count * heads * segments * (padded + 2) * 4)
        .assumingMemoryBound(to: Float.self)
    }
    try stream.launch(
      "attend_\(shape.parts)", of: Kernels.pagedAttention, grid: GridSize(units, isSplit ? segments : 1),
      block: GridSize(AttentionShape.threads), sharedBytes: shape.sharedBytes, argument)
    if isSplit {
      try stream.launch(
        "merge_segments", of: Kernels.pagedAttention, grid: GridSize(out.count * heads),
        block: GridSize(AttentionShape.threads), argument)
    }
  }

  /// Where a sequence has many queries.
  /// - Returns: whether there is a kernel for it.
  private func runOnTiles(_ stream: Stream) throws(RuntimeError) -> Bool {
    let sequences = batch.blockTables.shape[0]
    let group = heads / cache.keyHeads
    let dimension = cache.headDimension
    var argument = martlet_gpu_attention_tile()
    argument.q_strides = (Int64(queries.stride), Int64(dimension))
    argument.out_strides = (Int64(out.stride), Int64(dimension))
    guard stream.hasMatrixUnits, out.count - sequences >= AttentionTile.leastQueries,
      out.dtype == cache.dtype || out.dtype == .f32,
      let tile = AttentionTile(
        cache.dtype, dimension: dimension, valueDimension: dimension, group: group, scale: scale),
      tile.isAligned(queries.base, argument.q_strides), tile.isAligned(out.base, argument.out_strides)
    else { return false }
    argument.q = UnsafeRawPointer(queries.base)
    argument.k = UnsafeRawPointer(cache.keys.pointer)
    argument.v = UnsafeRawPointer(cache.values.pointer)
    argument.out = out.base
    argument.starts = UnsafePointer(batch.starts.pointer(as: Int32.self))
    argument.positions = UnsafePointer(batch.positions.pointer(as: Int32.self))
    argument.tables = UnsafePointer(batch.blockTables.pointer(as: Int32.self))
    argument.sequences = Int32(sequences)
    argument.table_width = Int32(batch.blockTables.shape[1])
    argument.queries = Int32(out.count)
    argument.key_heads = Int32(cache.keyHeads)
    argument.group = Int32(group)
    argument.window = Int32(clamping: window ?? 0)
    argument.scale = scale
    argument.wide = out.dtype == .f32 ? 1 : 0
    try tile.launch(argument, .paged, sequences: sequences, on: stream)
    return true
  }
}
