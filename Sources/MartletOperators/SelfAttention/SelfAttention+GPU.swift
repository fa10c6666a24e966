internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension SelfAttention {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    if try runOnTiles(stream) { return }
    let keyHeads = k.shape[1]
    let group = q.shape[1] / keyHeads
    let keyWidth = (q.shape[2] + GPUWork.chunk - 1) / GPUWork.chunk * GPUWork.chunk
    let shape = try AttentionShape(keyWidth: keyWidth, valueWidth: v.shape[2], on: stream.device)
    let bytes = q.dtype.blockBytes
    var argument = martlet_gpu_self_attention()
    argument.q = UnsafeRawPointer(q.pointer)
    argument.k = UnsafeRawPointer(k.pointer)
    argument.v = UnsafeRawPointer(v.pointer)
    argument.out = out.pointer
    argument.q_strides = strides(q)
    argument.k_strides = strides(k)
    argument.v_strides = strides(v)
    argument.out_strides = strides(out)
    argument.queries = Int32(q.shape[0])
    argument.keys = Int32(k.shape[0])
    argument.heads = Int32(q.shape[1])
    argument.group = Int32(group)
    argument.dimension = Int32(q.shape[2])
    argument.value_dimension = Int32(v.shape[2])
    argument.type = q.dtype.code
    argument.aligned =
      UInt(bitPattern: k.pointer) % 16 == 0 && k.strides[0] * bytes % 16 == 0 && k.strides[1] * bytes % 16 == 0 ? 1 : 0
    argument.scale = scale
    // Where queries are few, segments of one's keys are shared among blocks; the numbers are the same.
    let units = q.shape[0] * keyHeads * AttentionShape.tiles(group: group)
    let segments = (k.shape[0] + AttentionShape.segment - 1) / AttentionShape.segment
    let processors = stream.runtime.kernels?.description.processors ?? 1
    let isSplit = segments > 1 && units < 4 * processors
    argument.segments = Int32(segments)
    if isSplit {
      argument.states = try stream.scratch(bytes: q.shape[0] * q.shape[1] * segments * (v.shape[2] + 2) * 4)
        .assumingMemoryBound(to: Float.self)
    }
    try stream.launch(
      "attend_\(shape.parts)", of: Kernels.selfAttention, grid: GridSize(units, isSplit ? segments : 1),
      block: GridSize(AttentionShape.threads), sharedBytes: shape.sharedBytes, argument)
    if isSplit {
      try stream.launch(
        "merge_segments", of: Kernels.selfAttention, grid: GridSize(q.shape[0] * q.shape[1]),
        block: GridSize(AttentionShape.threads), argument)
    }
  }

  /// Where there are many queries.
  /// - Returns: whether there is a kernel for it.
  private func runOnTiles(_ stream: Stream) throws(RuntimeError) -> Bool {
    let keyHeads = k.shape[1]
    let group = q.shape[1] / keyHeads
    guard stream.hasMatrixUnits, q.shape[0] >= AttentionTile.leastQueries,
      let tile = AttentionTile(
        q.dtype, dimension: q.shape[2], valueDimension: v.shape[2], group: group, scale: scale),
      [q, k, v, out].allSatisfy({ tile.isAligned($0.pointer, strides($0)) })
    else { return false }
    var argument = martlet_gpu_attention_tile()
    argument.q = UnsafeRawPointer(q.pointer)
    argument.k = UnsafeRawPointer(k.pointer)
    argument.v = UnsafeRawPointer(v.pointer)
    argument.out = out.pointer
    argument.q_strides = strides(q)
    argument.k_strides = strides(k)
    argument.v_strides = strides(v)
    argument.out_strides = strides(out)
    argument.queries = Int32(q.shape[0])
    argument.keys = Int32(k.shape[0])
    argument.key_heads = Int32(keyHeads)
    argument.group = Int32(group)
    argument.scale = scale
    try tile.launch(argument, .plain, sequences: 1, on: stream)
    return true
  }

  /// Of tokens and heads.
  private func strides(_ tensor: Tensor) -> (Int64, Int64) { (Int64(tensor.strides[0]), Int64(tensor.strides[1])) }
}
