internal import CMartletKernels
package import MartletRuntime
internal import MartletTensor

/// The kernels of all operators, as text.
package enum Kernels {
  static let add = KernelSource(MARTLET_KERNEL_ADD)
  static let argmax = KernelSource(MARTLET_KERNEL_ARGMAX)
  static let attentionHopper = KernelSource(
    MARTLET_KERNEL_ATTENTION_HOPPER, sharedBytes: AttentionTile.hopperSharedBytes)
  static let attentionTile = KernelSource(
    MARTLET_KERNEL_ATTENTION_TILE, sharedBytes: AttentionTile.portableSharedBytes)
  static let cacheAppend = KernelSource(MARTLET_KERNEL_CACHE_APPEND)
  static let decodeAttention = KernelSource(MARTLET_KERNEL_DECODE_ATTENTION)
  static let decodeAttentionTile = KernelSource(
    MARTLET_KERNEL_DECODE_ATTENTION_TILE, sharedBytes: DecodeAttention.mostSharedBytes, sharedShare: chainShare)
  static let fusedLinear = KernelSource(
    MARTLET_KERNEL_FUSED_LINEAR, sharedBytes: FusedLinear.mostSharedBytes, sharedShare: chainShare)
  /// For each type of blocks the same text, which is told the type, so that all of them are compiled side by side.
  static let fusedLinearBlocks = Dictionary(
    uniqueKeysWithValues: DType.allCases.filter(\.isQuantized).map { dtype in
      let text = KernelSource(MARTLET_KERNEL_FUSED_LINEAR_BLOCKS)
      let name = "\(text.name)-\(dtype.name)"
      let type = "#define MT_BLOCKS \(dtype.name.uppercased())\n#define MT_BLOCKS_NAME \(dtype.name)"
      return (
        dtype,
        KernelSource(
          name: name, parts: text.parts.dropLast() + [(file: name, text: type)] + text.parts.suffix(1),
          sharedBytes: FusedLinear.mostSharedBytes)
      )
    })
  static let convert = KernelSource(MARTLET_KERNEL_CONVERT)
  static let linear = KernelSource(MARTLET_KERNEL_LINEAR)
  static let linearBlocks = KernelSource(MARTLET_KERNEL_LINEAR_BLOCKS)
  static let linearBlocksTile = KernelSource(MARTLET_KERNEL_LINEAR_BLOCKS_TILE)
  static let linearTile = KernelSource(MARTLET_KERNEL_LINEAR_TILE, sharedBytes: Linear.tileSharedBytes)
  static let pagedAttention = KernelSource(MARTLET_KERNEL_PAGED_ATTENTION, sharedBytes: AttentionShape.mostSharedBytes)
  static let rmsNorm = KernelSource(MARTLET_KERNEL_RMS_NORM)
  static let rearrange = KernelSource(MARTLET_KERNEL_REARRANGE)
  static let rope = KernelSource(MARTLET_KERNEL_ROPE)
  static let sample = KernelSource(MARTLET_KERNEL_SAMPLE)
  static let selfAttention = KernelSource(MARTLET_KERNEL_SELF_ATTENTION, sharedBytes: AttentionShape.mostSharedBytes)
  static let swiglu = KernelSource(MARTLET_KERNEL_SWIGLU)

  /// Of a multiprocessor's memory as shared memory, in percent, for the kernels of generating, which overlap: room for two
  /// blocks of attention, and what is left holds the weights that are on their way.
  private static let chainShare = 72

  /// All of them, those first that take longest to compile.
  package static let all =
    forMatrixUnits + [pagedAttention, fusedLinear, linearBlocks, decodeAttention, selfAttention]
    + DType.allCases.compactMap { fusedLinearBlocks[$0] } + [
      linear, cacheAppend, convert, rmsNorm, rope, rearrange, sample, argmax, swiglu, add,
    ]

  /// Those that a device has use for.
  package static func all(for device: GPUDescription) -> [KernelSource] {
    device.hasMatrixUnits ? all : Array(all.dropFirst(forMatrixUnits.count))
  }

  private static let forMatrixUnits = [
    attentionHopper, attentionTile, linearBlocksTile, linearTile, decodeAttentionTile,
  ]
}

extension Rows {
  /// What kernels know of the rows.
  var gpu: martlet_gpu_rows {
    martlet_gpu_rows(
      base: base, stride: Int64(stride), type: dtype.code,
      aligned: UInt(bitPattern: base) % 16 == 0 && (count <= 1 || stride * dtype.blockBytes % 16 == 0) ? 1 : 0)
  }
}

extension Stream {
  /// Whether the device has matrix units that there are kernels for.
  var hasMatrixUnits: Bool { runtime.kernels?.description.hasMatrixUnits ?? false }

  /// Threads of a block whose threads take eight elements at a time and know nothing of each other.
  private static let plainThreads = 256
  /// More blocks than this take turns.
  private static let mostBlocks = 1 << 20

  /// Launches a kernel that walks over units of work, a thread a unit, in any number of blocks.
  func launch<Argument: BitwiseCopyable>(
    _ name: String, of source: KernelSource, units: Int, _ argument: Argument
  ) throws(RuntimeError) {
    let blocks = min((units + Self.plainThreads - 1) / Self.plainThreads, Self.mostBlocks)
    try launch(name, of: source, grid: GridSize(blocks), block: GridSize(Self.plainThreads), argument)
  }
}

/// How kernels divide rows.
enum GPUWork {
  /// Elements that a thread moves at once.
  static let chunk = 8

  /// Chunks in rows.
  static func chunks(rows: Int, width: Int) -> Int { rows * ((width + chunk - 1) / chunk) }

  /// Threads of a block that normalises a row: at most as many as kernels have that do it on the way, so that squares are
  /// added in one order everywhere.
  static func normThreads(width: Int) -> Int { min(256, rowThreads(width: width)) }

  /// Threads of a block that works on one row: whole groups of 32, at most 1024.
  static func rowThreads(width: Int) -> Int {
    min(1024, max(32, ((width + chunk - 1) / chunk + 31) / 32 * 32))
  }
}
