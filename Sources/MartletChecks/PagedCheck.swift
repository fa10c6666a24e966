import MartletOperators
import MartletRuntime
import MartletTensor

/// Sequences of different lengths through ``CacheAppend`` and ``PagedAttention``: prompts in one step, chunks and single
/// tokens in the next, over blocks in random order.
struct PagedCheck: Sendable {
  struct Layer: Sendable {
    var heads: Int
    var keyHeads: Int
    var dimension: Int
    var window: Int?
    var norms: DType?
    /// Between rows of queries and of results; with 8 all heads start at whole pieces of 16 bytes.
    var gap = 3

    var width: Int { (heads + 2 * keyHeads) * dimension }
  }

  /// Tokens of each sequence in the first step, and in the second.
  private static let steps = [[40, 299, 517, 1], [1, 1, 3, 20]]

  let layer: Layer
  let activation: DType
  let cache: DType
  /// Whether steps of few tokens go through ``DecodeAttention`` on a GPU.
  var fewTokens = false

  var label: String {
    "\(activation.name), cache \(cache.name), \(layer.heads)/\(layer.keyHeads) heads of \(layer.dimension)"
      + (layer.window.map { ", window \($0)" } ?? "") + (layer.norms.map { ", norms \($0.name)" } ?? "")
  }

  func run(on stage: CheckStage) throws -> [CheckOutput] {
    let totals = Self.steps[0].indices.map { sequence in Self.steps.reduce(0) { $0 + $1[sequence] } }
    let needed = totals.map { ($0 + PagedCache.blockSize - 1) / PagedCache.blockSize }
    var pool = Draws(60).shuffled(needed.reduce(0, +) + 3)
    let tables = needed.map { count in
      defer { pool.removeFirst(count) }
      return Array(pool.prefix(count))
    }
    let cache = try PagedCache(
      blockCount: needed.reduce(0, +) + 3, keyHeads: layer.keyHeads, headDimension: layer.dimension, self.cache,
      on: stage.runtime)
    for tensor in [cache.keys, cache.values] {
      try tensor.load(contentsOf: (0..<tensor.byteCount).map { CheckTensor.poison[$0 % 2] }, on: stage.runtime)
    }
    var outputs: [CheckOutput] = []
    var past = totals.map { _ in 0 }
    for (number, counts) in Self.steps.enumerated() {
      outputs += try step(counts, past, tables, cache, seed: UInt64(61 + number), on: stage)
      for sequence in past.indices { past[sequence] += counts[sequence] }
    }
    return outputs + [try written(cache, tables, totals)]
  }

  private func step(
    _ counts: [Int], _ past: [Int], _ tables: [[Int]], _ cache: PagedCache, seed: UInt64, on stage: CheckStage
  ) throws -> [CheckOutput] {
    let tokens = counts.reduce(0, +)
    // What is aligned goes to tiles where tokens are many, which round queries and weights.
    let isFew = fewTokens && tokens <= DecodeAttention.mostTokens
    let gap = isFew ? 8 : layer.gap
    let qkv = try stage.numbers(
      Draws(seed).numbers(tokens * layer.width, scale: 2), [tokens, layer.width], activation, gap: gap)
    var positions: [Int] = []
    var slots: [Int] = []
    var starts = [0]
    for (sequence, count) in counts.enumerated() {
      for position in past[sequence]..<past[sequence] + count {
        positions.append(position)
        slots.append(
          tables[sequence][position / PagedCache.blockSize] * PagedCache.blockSize + position % PagedCache.blockSize)
      }
      starts.append(positions.count)
    }
    let widest = tables.reduce(0) { max($0, $1.count) }
    // Blocks that no token can see may be named by anything.
    let flat = tables.enumerated().flatMap { sequence, table in
      let used = (past[sequence] + counts[sequence] + PagedCache.blockSize - 1) / PagedCache.blockSize
      return table.prefix(used) + [Int](repeating: 1 << 30, count: widest - used)
    }
    let places = try stage.integers(positions, [tokens], .i32)
    let rotations = try stage.output([tokens, layer.dimension], .f32)
    try RotationTable(
      positions: places.tensor, frequencies: RotaryFrequencies(theta: 10_000, headDimension: layer.dimension),
      into: rotations.tensor
    ).run(on: stage.stream)
    let norms = try layer.norms.map { type in
      HeadNorms(
        query: try stage.numbers(Draws(70).numbers(layer.dimension, scale: 2), [layer.dimension], type).tensor,
        key: try stage.numbers(Draws(71).numbers(layer.dimension, scale: 2), [layer.dimension], type).tensor,
        epsilon: 1e-6)
    }
    try CacheAppend(
      qkv: qkv.tensor, heads: layer.heads, norms: norms, rotations: rotations.tensor,
      slots: stage.integers(slots, [tokens], .i32).tensor, into: cache
    ).run(on: stage.stream)
    let out = try stage.output([tokens, layer.heads * layer.dimension], activation, gap: gap)
    let batch = AttentionBatch(
      starts: try stage.integers(starts, [starts.count], .i32).tensor, positions: places.tensor,
      blockTables: try stage.integers(flat, [counts.count, widest], .i32).tensor)
    let scale = 1 / Float(layer.dimension).squareRoot()
    if isFew,
      DecodeAttention.isPossible(tokens: tokens, heads: layer.heads, cache: cache, on: stage.stream.device)
    {
      try DecodeAttention(
        queries: qkv.tensor, heads: layer.heads, cache: cache, batch: batch, scale: scale, window: layer.window,
        into: out.tensor, on: stage.runtime
      ).run(on: stage.stream)
    } else {
      try PagedAttention(
        queries: qkv.tensor, heads: layer.heads, cache: cache, batch: batch, scale: scale, window: layer.window,
        into: out.tensor
      ).run(on: stage.stream)
    }
    return [try qkv.result(), try out.result()]
  }

  /// What the cache holds of all tokens, keys then values, whatever its layout.
  private func written(_ cache: PagedCache, _ tables: [[Int]], _ totals: [Int]) throws -> CheckOutput {
    let (keys, values) = (try cache.keys.hostBytes(), try cache.values.hostBytes())
    var numbers: [Float] = []
    for (sequence, total) in totals.enumerated() {
      for token in 0..<total {
        let (block, slot) = (tables[sequence][token / PagedCache.blockSize], token % PagedCache.blockSize)
        for head in 0..<layer.keyHeads {
          for index in 0..<layer.dimension {
            numbers.append(cache.element(index, of: keys, block: block, head: head, slot: slot, isKey: true))
          }
          for index in 0..<layer.dimension {
            numbers.append(cache.element(index, of: values, block: block, head: head, slot: slot, isKey: false))
          }
        }
      }
    }
    return CheckOutput(dtype: .f32, bytes: numbers.withUnsafeBytes { Array($0) }, spoiledAt: nil)
  }
}

extension PagedCache {
  /// One number of a token's key or value, from the bytes of all keys or values.
  fileprivate func element(_ index: Int, of bytes: [UInt8], block: Int, head: Int, slot: Int, isKey: Bool) -> Float {
    let isTransposed = isKey && keys.device.kind == .cpu
    let dimension = isTransposed ? headDimension : paddedDimension
    let place = isTransposed ? index * Self.blockSize + slot : slot * dimension + index
    let headBytes = bytes.count / blockCount / keyHeads
    let start = (block * keyHeads + head) * headBytes
    return bytes.withUnsafeBytes { bytes in
      switch dtype {
      case .f32: return bytes.loadUnaligned(fromByteOffset: start + place * 4, as: Float.self)
      case .f16: return Float(bytes.loadUnaligned(fromByteOffset: start + place * 2, as: Float16.self))
      case .bf16: return bytes.loadUnaligned(fromByteOffset: start + place * 2, as: BFloat16.self).float
      default:
        let groups = (dimension + 31) / 32
        let scale = isTransposed ? index / 32 * Self.blockSize + slot : slot * groups + index / 32
        let at = start + Self.blockSize * dimension + 2 * scale
        return Float(Int8(bitPattern: bytes[start + place]))
          * Float(bytes.loadUnaligned(fromByteOffset: at, as: Float16.self))
      }
    }
  }
}
