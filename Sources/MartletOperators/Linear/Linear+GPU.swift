internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Linear {
  /// Rows of x that one block multiplies at once.
  private static let mostTokens = 8
  /// Rows of weights of a block: 32 threads each.
  private static let (plainRows, blockRows) = (8, 4)
  /// From so many rows of x on, products by the vendor's library or the matrix units are faster.
  private static let leastManyTokens = 9
  private static let (tile, tileThreads) = (128, 256)
  /// Three stages of two operands of 128 rows, 32 columns and a padding of 8, in two bytes.
  static let tileSharedBytes = 3 * 2 * tile * (32 + 8) * 2
  /// From so many rows of x on, quantised weights are unpacked for the matrix units, for a tile of so many rows of each.
  private static let (leastBlockTileTokens, blockTile, blockTileTokens) = (32, 64, 128)
  /// Columns that share a scale in 8-bit activations.
  private static let columnGroup = 32

  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    switch weight {
    case .plain(let rows): try multiply(rows.gpu, dtype: rows.dtype, stream)
    case .packed(let packed) where packed.dtype.isQuantized: try multiplyBlocks(packed, stream)
    case .packed(let packed): try multiply(packed.gpu, dtype: packed.dtype, stream)
    }
  }

  /// The kernels' argument.
  private func argument(_ weight: martlet_gpu_rows) -> martlet_gpu_linear {
    var argument = martlet_gpu_linear()
    argument.x = x.gpu
    argument.out = out.gpu
    argument.weight = weight
    if let bias {
      argument.bias = UnsafeRawPointer(bias.pointer)
      argument.bias_type = bias.dtype.code
    }
    argument.tokens = Int32(x.count)
    argument.rows = Int32(out.width)
    argument.columns = Int32(x.width)
    return argument
  }

  /// Weights at their exact values.
  private func multiply(_ rows: martlet_gpu_rows, dtype: DType, _ stream: Stream) throws(RuntimeError) {
    let argument = argument(rows)
    let isAligned =
      dtype == x.dtype && x.width % GPUWork.chunk == 0 && argument.x.aligned != 0 && rows.aligned != 0
    guard isAligned else {
      return try stream.launch(
        "multiply_any", of: Kernels.linear, grid: Self.grid(out.width, Self.plainRows, x.count),
        block: GridSize(32 * Self.plainRows), argument)
    }
    let isMany = !isBatchInvariant && x.count >= Self.leastManyTokens && (out.dtype == dtype || out.dtype == .f32)
    if isMany, try multiplyByLibrary(rows, dtype: dtype, stream) { return }
    if isMany, dtype != .f32, stream.hasMatrixUnits {
      return try stream.launch(
        "multiply_tile_\(dtype.name)_\(out.dtype.name)", of: Kernels.linearTile,
        grid: Self.grid(out.width, Self.tile, (x.count + Self.tile - 1) / Self.tile), block: GridSize(Self.tileThreads),
        sharedBytes: Self.tileSharedBytes, argument)
    }
    try stream.launch(
      "multiply_\(dtype.name)_\(tokensAtOnce)", of: Kernels.linear,
      grid: Self.grid(out.width, Self.plainRows, (x.count + Self.mostTokens - 1) / Self.mostTokens),
      block: GridSize(32 * Self.plainRows), argument)
  }

  /// By the vendor's library, whose bias has the result's type.
  /// - Returns: whether it does such products.
  private func multiplyByLibrary(
    _ rows: martlet_gpu_rows, dtype: DType, _ stream: Stream
  ) throws(RuntimeError) -> Bool {
    guard let element = dtype.productElement, let outElement = out.dtype.productElement,
      bias == nil || bias?.dtype == out.dtype
    else { return false }
    return try stream.multiply(
      MatrixProduct(
        MatrixProduct.Shape(
          element, to: outElement, hasBias: bias != nil, tokens: x.count, rows: out.width, columns: x.width,
          xStride: x.stride, weightStride: Int(rows.stride), outStride: out.stride),
        x: x.base, weight: rows.base, bias: bias.map { UnsafeRawPointer($0.pointer) }, out: out.base))
  }

  /// Quantised weights by activations that are quantised first.
  private func multiplyBlocks(_ packed: PackedWeight, _ stream: Stream) throws(RuntimeError) {
    let groups = packed.columns / Self.columnGroup
    let scaleBytes = x.count * groups * 8
    // Scales first: what follows them is read in pieces of 16 bytes.
    let quantsStart = (scaleBytes + 15) / 16 * 16
    let scratch = try stream.scratch(bytes: quantsStart + x.count * packed.columns)
    var argument = argument(packed.gpu)
    argument.scales = scratch.assumingMemoryBound(to: Float.self)
    argument.quants = (scratch + quantsStart).assumingMemoryBound(to: Int8.self)
    try stream.launch(
      "quantize_\(x.dtype.name)", of: Kernels.linearBlocks, units: x.count * packed.columns, argument)
    if !isBatchInvariant, x.count >= Self.leastBlockTileTokens, stream.hasMatrixUnits {
      return try stream.launch(
        "multiply_tile_\(packed.dtype.name)", of: Kernels.linearBlocksTile,
        grid: Self.grid(out.width, Self.blockTile, (x.count + Self.blockTileTokens - 1) / Self.blockTileTokens),
        block: GridSize(Self.tileThreads), argument)
    }
    try stream.launch(
      "multiply_\(packed.dtype.name)_\(tokensAtOnce)", of: Kernels.linearBlocks,
      grid: Self.grid(out.width, Self.blockRows, (x.count + Self.mostTokens - 1) / Self.mostTokens),
      block: GridSize(32 * Self.blockRows), argument)
  }

  /// Rows of x that a block takes together: a power of two.
  private var tokensAtOnce: Int { [1, 2, 4].first { x.count <= $0 } ?? Self.mostTokens }

  private static func grid(_ rows: Int, _ rowsPerBlock: Int, _ tokenBlocks: Int) -> GridSize {
    GridSize((rows + rowsPerBlock - 1) / rowsPerBlock, tokenBlocks)
  }
}

extension DType {
  /// The type as vendors' libraries of products know it.
  fileprivate var productElement: MatrixProduct.Element? {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    default: nil
    }
  }
}
