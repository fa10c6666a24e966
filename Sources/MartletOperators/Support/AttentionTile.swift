internal import CMartletKernels
import MartletRuntime
import MartletTensor

/// Attention of many queries by the matrix units: where shapes and types allow it.
struct AttentionTile {
  /// Where keys and values are.
  enum Source: String {
    case plain, paged
  }

  /// A file of kernels: Hopper's own, or those for all processors with matrix units.
  private struct Kind {
    let name: String
    /// Tokens times the query heads that share a key head.
    let rows: Int
    let threads: Int
    let sharedBytes: Int
  }

  static let dimensions = [64, 128]
  /// More heads than this on one key head leave a tile too few tokens.
  private static let mostGroup = 32
  /// Fewer queries are better shared out over their keys.
  static let leastQueries = 16

  let dtype: DType
  let dimension: Int

  /// Nil if there is no kernel for it.
  init?(_ dtype: DType, dimension: Int, valueDimension: Int, group: Int, scale: Float) {
    guard dtype == .f16 || dtype == .bf16, Self.dimensions.contains(dimension), valueDimension == dimension,
      (1...Self.mostGroup).contains(group), scale > 0
    else { return nil }
    (self.dtype, self.dimension) = (dtype, dimension)
  }

  /// Whether tokens and heads start at whole pieces of 16 bytes.
  func isAligned(_ base: UnsafeRawPointer, _ strides: (Int64, Int64)) -> Bool {
    UInt(bitPattern: base) % 16 == 0 && strides.0 % 8 == 0 && strides.1 % 8 == 0
  }

  /// - Parameter sequences: how many sequences the queries may be of: each may leave a tile unfilled.
  func launch(
    _ argument: martlet_gpu_attention_tile, _ source: Source, sequences: Int, on stream: Stream
  ) throws(RuntimeError) {
    let device = stream.runtime.kernels?.description
    let isHopper = device?.architecture == "sm_90a"
    let kind = isHopper ? Self.hopper(dimension) : Self.portable(dimension)
    let tiles = Int(argument.queries) / (kind.rows / Int(argument.group)) + sequences
    let units = tiles * Int(argument.key_heads)
    var argument = argument
    argument.units = Int32(units)
    // Hopper's blocks stay and take unit after unit, one on each multiprocessor.
    try stream.launch(
      "\(kind.name)_\(source.rawValue)_\(dtype.name)_\(dimension)",
      of: isHopper ? Kernels.attentionHopper : Kernels.attentionTile,
      grid: GridSize(isHopper ? min(units, device?.processors ?? units) : units), block: GridSize(kind.threads),
      sharedBytes: kind.sharedBytes, argument)
  }

  // MARK: Kernels

  /// Queries, and two stages of keys and values, in two bytes; as many keys as registers allow.
  private static func portable(_ dimension: Int) -> Kind {
    let (rows, keys) = (128, dimension > 64 ? 32 : 64)
    return Kind(
      name: "attend_tile", rows: rows, threads: 128,
      sharedBytes: 2 * dimension * (rows + 2 * 2 * keys))
  }

  /// Queries and a ring of six tiles in two bytes, two barriers a tile, and what aligning to a kilobyte may take.
  private static func hopper(_ dimension: Int) -> Kind {
    let (groups, keys, ring) = (dimension > 64 ? 2 : 3, 128, 6)
    return Kind(
      name: "attend_hopper", rows: 64 * groups, threads: 128 * (groups + 1),
      sharedBytes: 2 * dimension * (64 * groups + ring * keys) + 2 * 8 * ring + 1024)
  }

  /// The most shared memory that the kernels take.
  static let portableSharedBytes = dimensions.map { portable($0).sharedBytes }.max() ?? 0
  static let hopperSharedBytes = dimensions.map { hopper($0).sharedBytes }.max() ?? 0
}
