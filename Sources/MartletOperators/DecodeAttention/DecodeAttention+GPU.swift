internal import CMartletKernels
package import MartletRuntime
import MartletTensor

extension DecodeAttention {
  /// The most tokens: what is more, ``PagedAttention`` shares among blocks as well.
  package static let mostTokens = 64
  private static let threads = 256
  /// Query heads of a block.
  private static let headsAtOnce = 8
  /// The most blocks that share a token's keys, and so the parts that are merged.
  private static let mostSplits = 64

  /// Blocks for the query heads of one key head.
  static func tiles(group: Int) -> Int { (group + headsAtOnce - 1) / headsAtOnce }

  /// Whether there is a kernel for it.
  package static func isPossible(tokens: Int, heads: Int, cache: PagedCache, on device: Device) -> Bool {
    device.kind != .cpu && tokens <= mostTokens && [64, 128].contains(cache.headDimension) && !cache.dtype.isQuantized
  }

  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let group = heads / cache.keyHeads
    let units = cache.keyHeads * Self.tiles(group: group)
    // A number of the model and the device, whatever else is in the batch: it decides the order of additions.
    let processors = stream.runtime.kernels?.description.processors ?? 1
    let splits = min(Self.mostSplits, max(1, processors / units))
    var argument = martlet_gpu_decode_attention()
    argument.queries = queries.gpu
    argument.out = out.gpu
    argument.cache = cache.gpu
    argument.starts = UnsafePointer(batch.starts.pointer(as: Int32.self))
    argument.positions = UnsafePointer(batch.positions.pointer(as: Int32.self))
    argument.tables = UnsafePointer(batch.blockTables.pointer(as: Int32.self))
    argument.tickets = tickets?.pointer(as: Int32.self)
    argument.states = try stream.scratch(
      bytes: out.count * units * splits * Self.headsAtOnce * (cache.headDimension + 2) * 4
    ).assumingMemoryBound(to: Float.self)
    argument.sequences = Int32(batch.blockTables.shape[0])
    argument.table_width = Int32(batch.blockTables.shape[1])
    argument.heads = Int32(heads)
    argument.group = Int32(group)
    argument.splits = Int32(splits)
    argument.window = Int32(clamping: window ?? 0)
    argument.scale = scale
    try stream.launch(
      "attend_\(cache.dtype.name)_\(cache.headDimension)", of: Kernels.decodeAttention,
      grid: GridSize(splits, units, out.count), block: GridSize(Self.threads), overlaps: true, argument)
  }
}
