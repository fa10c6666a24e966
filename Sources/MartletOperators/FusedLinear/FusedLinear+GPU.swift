internal import CMartletKernels
package import MartletRuntime
package import MartletTensor

extension FusedLinear {
  /// Threads of a block, and the groups of 32 that work on their own.
  private static let (threads, groups) = (256, 8)
  /// Blocks on a multiprocessor: enough loads under way, and room for the next kernel's.
  private static let blocksPerProcessor = 2
  /// The most blocks of a grid.
  static let mostBlocks = 1024
  /// Bytes of a group's first rows that are brought nearer before the kernel ahead has ended: of plain weights, and of those
  /// in blocks.
  private static let (earlyBytes, earlyBlockBytes) = (1536, 2304)
  /// Shared memory beside x and the copies: barriers, candidates.
  private static let fixedBytes = groups * 8 * 8 + groups * 8 * 8
  /// Columns of a quantised row that are copied at once, and the bytes that all copies of a block may take.
  private static let (pieceColumns, copyBytes, mostStages) = (2048, 96 << 10, 8)
  /// The most that a block asks for.
  static let mostSharedBytes = 160 << 10
  /// The same where no more than 64 KB can be had, less what kernels have of their own.
  private static let fewSharedBytes = 60 << 10

  /// Whether rows are copied ahead: those of blocks that do not begin where 16 bytes may be read at once. Those of Q4_K do.
  private static func copies(_ weight: PackedWeight) -> Bool { weight.dtype.isQuantized && weight.dtype != .q4_K }

  /// How quantised rows are copied ahead, piece by piece.
  private struct Copies {
    let pieces, columns, bytes, stageBytes, stages: Int

    init(_ weight: PackedWeight) {
      let (block, blockBytes) = (weight.dtype.blockSize, weight.dtype.blockBytes)
      columns = min(FusedLinear.pieceColumns, weight.columns)
      bytes = columns / block * blockBytes
      pieces = (weight.columns + columns - 1) / columns
      // Rows that begin anywhere are copied with the 16 bytes in which they begin and end.
      let isAligned = weight.columns / block * blockBytes % 16 == 0
      stageBytes = isAligned ? bytes : (bytes + 15) / 16 * 16 + 16
      stages = min(FusedLinear.mostStages, FusedLinear.copyBytes / FusedLinear.groups / (2 * stageBytes))
    }

    var sharedBytes: Int { stages * 2 * stageBytes * FusedLinear.groups }
  }

  /// Rows of x that a kernel takes: a power of two.
  private static func rowsAtOnce(_ rows: Int) -> Int { [1, 2, 4].first { rows <= $0 } ?? mostRows }

  /// Shared memory of a block, in bytes.
  /// - Parameter kind: only NVIDIA's processors copy ahead; elsewhere rows are read where they lie.
  private static func sharedBytes(rows: Int, weight: PackedWeight, on kind: Device.Kind) -> Int {
    let isQuantized = weight.dtype.isQuantized
    let row = isQuantized ? weight.columns + weight.columns / 4 : weight.columns * weight.dtype.blockBytes
    let x = (rowsAtOnce(rows) * row + 127) / 128 * 128
    return fixedBytes + x + (copies(weight) && kind == .cuda ? Copies(weight).sharedBytes : 0)
  }

  /// Whether a kernel can do it: on a GPU, with rows that begin at multiples of 16 bytes and fit into shared memory, and
  /// activations of the weight's type unless it is quantised.
  package static func isPossible(
    rows: Int, weight: PackedWeight, activations: DType, ending: Ending, on device: Device
  ) -> Bool {
    guard device.kind != .cpu, rows <= mostRows, weight.columns % 8 == 0, weight.rows > 0 else { return false }
    if weight.dtype.isQuantized {
      guard weight.columns % 32 == 0, !copies(weight) || Copies(weight).stages > 0 else { return false }
    } else {
      guard weight.dtype == activations, weight.columns * weight.dtype.blockBytes % 16 == 0 else { return false }
    }
    let most = device.kind == .cuda ? mostSharedBytes : fewSharedBytes
    guard sharedBytes(rows: rows, weight: weight, on: device.kind) <= most else { return false }
    if case .rotated(let rotation) = ending {
      let cache = rotation.cache
      return cache.headDimension % 2 == 0 && cache.paddedDimension == cache.headDimension && !cache.dtype.isQuantized
    }
    return true
  }

  /// Pairs that have their place: as many rounds as all groups of lanes can make. What is left goes to those that are done
  /// first; where there are few rounds, asking takes longer than the slower ones, and where there are many, one round more
  /// is left to be asked for.
  private static func sharedOut(pairs: Int, among groups: Int) -> Int {
    let rounds = pairs / groups
    return rounds < 3 ? pairs : (rounds < 16 ? rounds : rounds - 1) * groups
  }

  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    let processors = stream.runtime.kernels?.description.processors ?? 1
    let blocks = min(Self.mostBlocks, Self.blocksPerProcessor * processors)
    var argument = argument
    if !Self.copies(weight) {
      // Where there are groups of lanes enough, each row is on its own; the sums are the same.
      if weight.rows <= blocks * Self.groups {
        switch ending {
        case .stored, .added: argument.pairs = argument.rows
        case .gated, .rotated, .chosen: break
        }
      }
      argument.shared_out = Int32(Self.sharedOut(pairs: Int(argument.pairs), among: blocks * Self.groups))
    } else {
      argument.shared_out = argument.pairs
    }
    try stream.launch(
      "multiply_\(weight.dtype.name)_\(Self.rowsAtOnce(x.count))",
      of: Kernels.fusedLinearBlocks[weight.dtype] ?? Kernels.fusedLinear, grid: GridSize(blocks),
      block: GridSize(Self.threads),
      sharedBytes: Self.sharedBytes(rows: x.count, weight: weight, on: stream.device.kind), overlaps: true, argument)
  }

  /// The kernels' argument.
  private var argument: martlet_gpu_fused_linear {
    var argument = martlet_gpu_fused_linear()
    argument.x = x.gpu
    argument.out = out.gpu
    argument.weight = weight.base
    argument.row_bytes = Int64(weight.rowBytes)
    if let bias {
      argument.bias = UnsafeRawPointer(bias.pointer)
      argument.bias_type = bias.dtype.code
    }
    if let norm {
      argument.norm = UnsafeRawPointer(norm.weight.pointer)
      argument.norm_type = norm.weight.dtype.code
      argument.epsilon = norm.epsilon
    }
    argument.ticket = counts?.pointer(as: Int32.self)
    argument.taken = counts?.pointer(as: UInt32.self).advanced(by: 1)
    argument.tokens = Int32(x.count)
    argument.rows = Int32(weight.rows)
    argument.columns = Int32(weight.columns)
    argument.pairs = Int32((weight.rows + 1) / 2)
    if Self.copies(weight) {
      let copies = Copies(weight)
      argument.pieces = Int32(copies.pieces)
      argument.piece_columns = Int32(copies.columns)
      argument.piece_bytes = Int32(copies.bytes)
      argument.stages = Int32(copies.stages)
      argument.stage_bytes = Int32(copies.stageBytes)
    } else {
      let isQuantized = weight.dtype.isQuantized
      argument.early = Int32(min(isQuantized ? Self.earlyBlockBytes : Self.earlyBytes, weight.rowBytes))
      // The next rows too, where reading them is the smaller part of the work.
      argument.ahead = isQuantized ? argument.early : 0
    }
    switch ending {
    case .stored: argument.ending = Int32(MARTLET_GPU_STORED.rawValue)
    case .added: argument.ending = Int32(MARTLET_GPU_ADDED.rawValue)
    case .gated: argument.ending = Int32(MARTLET_GPU_GATED.rawValue)
    case .rotated(let rotation):
      argument.ending = Int32(MARTLET_GPU_ROTATED.rawValue)
      argument.cache = rotation.cache.gpu
      argument.rotations = UnsafePointer(rotation.rotations.pointer(as: Float.self))
      argument.slots = UnsafePointer(rotation.slots.pointer(as: Int32.self))
      argument.heads = Int32(rotation.heads)
    case .chosen(let index, let value):
      argument.ending = Int32(MARTLET_GPU_CHOSEN.rawValue)
      argument.choices = index.pointer(as: Int32.self)
      argument.chosen = value.pointer
      argument.candidates = candidates?.pointer(as: UInt64.self)
    }
    return argument
  }
}

extension Tensor {
  /// Whether kernels may read it 16 bytes at a time from its start.
  var isAlignedForGPU: Bool { UInt(bitPattern: pointer) % 16 == 0 }
}

extension Rows {
  /// Whether kernels may read every row 16 bytes at a time.
  var isAlignedForGPU: Bool { gpu.aligned != 0 }
}
