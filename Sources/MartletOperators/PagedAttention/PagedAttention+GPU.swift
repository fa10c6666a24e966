internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension PagedAttention {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
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
        "merge_states", of: Kernels.pagedAttention, grid: GridSize(out.count * heads),
        block: GridSize(AttentionShape.threads), argument)
    }
  }
}
