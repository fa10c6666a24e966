internal import CMartletKernels
package import MartletRuntime
import MartletTensor

extension DecodeAttention {
  /// The most tokens: what is more, ``PagedAttention`` shares among blocks as well.
  package static let mostTokens = 64
  /// Threads of a block: of the kernel for every cache, and of that which uses matrix units.
  private static let (threads, tileThreads) = (256, 128)
  /// Blocks that work on a part together where kernels can overlap, which are the devices that can do both.
  private static let blocksTogether = 8
  /// Query heads of a part.
  private static let headsAtOnce = 8
  /// The most parts of a token's keys.
  private static let mostSplits = 64

  /// Blocks for the query heads of one key head.
  static func tiles(group: Int) -> Int { (group + headsAtOnce - 1) / headsAtOnce }

  /// Shared memory of a block that uses matrix units, in bytes: for each group of lanes some tiles of keys and values, whose
  /// rows are 16 bytes longer than a head.
  private static func tileSharedBytes(dimension: Int) -> Int {
    let stages = dimension <= 64 ? 3 : 2
    return tileThreads / 32 * stages * 2 * PagedCache.blockSize * (dimension + 8) * 2
  }
  /// The most of it.
  static let mostSharedBytes = tileSharedBytes(dimension: 128)

  /// Whether there is a kernel for it.
  package static func isPossible(tokens: Int, heads: Int, cache: PagedCache, on device: Device) -> Bool {
    device.kind != .cpu && tokens <= mostTokens && [64, 128].contains(cache.headDimension) && !cache.dtype.isQuantized
  }

  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let group = heads / cache.keyHeads
    let units = cache.keyHeads * Self.tiles(group: group)
    let description = stream.runtime.kernels?.description
    let usesMatrixUnits = description?.hasMatrixUnits == true && cache.dtype != .f32
    let together = usesMatrixUnits && description?.canOverlap == true ? Self.blocksTogether : 1
    // Numbers of the model and the device, whatever else is in the batch: they decide the order of additions.
    let blocks = (description?.processors ?? 1) * (usesMatrixUnits && together == 1 ? 2 : 1)
    let splits = min(Self.mostSplits, max(1, blocks / (units * together)))
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
      "attend_\(cache.dtype.name)_\(cache.headDimension)",
      of: usesMatrixUnits ? Kernels.decodeAttentionTile : Kernels.decodeAttention,
      grid: GridSize(splits * together, units, out.count),
      block: GridSize(usesMatrixUnits ? Self.tileThreads : Self.threads),
      sharedBytes: usesMatrixUnits ? Self.tileSharedBytes(dimension: cache.headDimension) : 0, overlaps: true, argument)
  }
}
