import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// Heads and types of an attention layer in a test.
struct AttentionShape: Sendable, CustomTestStringConvertible {
  var heads: Int
  var keyHeads: Int
  var dimension: Int
  var activation: DType = .f32
  var cache: DType = .f32

  var width: Int { (heads + 2 * keyHeads) * dimension }
  var scale: Float { 1 / Float(dimension).squareRoot() }
  var testDescription: String {
    "\(heads)/\(keyHeads) heads of \(dimension), \(activation.name) with \(cache.name) cache"
  }
}

/// A part of a sequence that one step computes.
struct Chunk {
  var sequence: Int
  var tokens: Range<Int>
}

/// Sequences with random projections, a cache that holds poison wherever nothing was written, and blocks of it given to
/// the sequences in random order: what ``CacheAppend`` and ``PagedAttention`` work on.
struct PagedScenario {
  let shape: AttentionShape
  let lengths: [Int]
  let cache: PagedCache
  private let runtime: Runtime
  private let blocks: [[Int]]
  private let frequencies: RotaryFrequencies

  init(_ shape: AttentionShape, lengths: [Int], seed: UInt64 = 60, on runtime: Runtime) throws {
    (self.shape, self.lengths, self.runtime) = (shape, lengths, runtime)
    frequencies = RotaryFrequencies(theta: 10_000, headDimension: shape.dimension)
    let needed = lengths.map { ($0 + PagedCache.blockSize - 1) / PagedCache.blockSize }
    let count = needed.reduce(0, +) + 3
    var pool = Generator(seed).shuffled(count)
    blocks = needed.map { number in
      defer { pool.removeFirst(number) }
      return Array(pool.prefix(number))
    }
    cache = try PagedCache(
      blockCount: count, keyHeads: shape.keyHeads, headDimension: shape.dimension, shape.cache, on: runtime)
    for tensor in [cache.keys, cache.values] {
      tensor.pointer(as: UInt16.self).update(repeating: GuardedTensor.poison, count: tensor.byteCount / 2)
    }
  }

  /// The projections of a sequence's tokens: what a chunk of it starts from.
  private func projections(_ sequence: Int, _ tokens: Range<Int>) -> [Float] {
    let generator = Generator(61 + UInt64(sequence))
    return (tokens.lowerBound * shape.width..<tokens.upperBound * shape.width).map {
      generator.uniform($0, scale: 2)
    }
  }

  /// One step: appends the chunks to the cache and attends to it.
  /// - Returns: rows of all chunks' results in order, and the projections with queries and keys turned.
  func step(_ chunks: [Chunk], on stream: Stream) throws -> (out: GuardedTensor, qkv: GuardedTensor) {
    let tokens = chunks.reduce(0) { $0 + $1.tokens.count }
    let qkv = try GuardedTensor(
      chunks.flatMap { projections($0.sequence, $0.tokens) }, [tokens, shape.width], shape.activation,
      strides: [shape.width + 3, 1], on: runtime)
    let positions = try GuardedTensor(chunks.flatMap { Array($0.tokens) }, [tokens], .i32, on: runtime)
    let slots = chunks.flatMap { chunk in
      chunk.tokens.map { token in
        blocks[chunk.sequence][token / PagedCache.blockSize] * PagedCache.blockSize + token % PagedCache.blockSize
      }
    }
    try append(qkv, positions, slots, on: stream)
    qkv.expectMarginsUntouched("qkv")

    var starts = [0]
    for chunk in chunks { starts.append((starts.last ?? 0) + chunk.tokens.count) }
    // Blocks that no token of the step can see may be named by anything.
    let widest = chunks.map { blocks[$0.sequence].count }.max() ?? 0
    let tables = chunks.flatMap { chunk in
      let used = (chunk.tokens.upperBound + PagedCache.blockSize - 1) / PagedCache.blockSize
      return blocks[chunk.sequence].prefix(used) + [Int](repeating: 1 << 30, count: widest - used)
    }
    let batch = AttentionBatch(
      starts: try GuardedTensor(starts, [starts.count], .i32, on: runtime).tensor, positions: positions.tensor,
      blockTables: try GuardedTensor(tables, [chunks.count, widest], .i32, on: runtime).tensor)
    let out = try GuardedTensor(
      [tokens, shape.heads * shape.dimension], shape.activation, strides: [shape.heads * shape.dimension + 5, 1],
      on: runtime)
    try PagedAttention(
      queries: qkv.tensor, heads: shape.heads, cache: cache, batch: batch, scale: shape.scale, into: out.tensor
    ).run(on: stream)
    out.expectMarginsUntouched("out")
    return (out, qkv)
  }

  /// Turns queries and keys of `qkv` and writes keys and values into slots.
  func append(_ qkv: GuardedTensor, _ positions: GuardedTensor, _ slots: [Int], on stream: Stream) throws {
    let tokens = slots.count
    let rotations = try GuardedTensor([tokens, shape.dimension], .f32, on: runtime)
    try RotationTable(positions: positions.tensor, frequencies: frequencies, into: rotations.tensor).run(on: stream)
    try CacheAppend(
      qkv: qkv.tensor, heads: shape.heads, rotations: rotations.tensor,
      slots: GuardedTensor(slots, [tokens], .i32, on: runtime).tensor, into: cache
    ).run(on: stream)
  }

  /// The bits of a step, one list a row.
  func bits(_ chunks: [Chunk], on stream: Stream) throws -> [[UInt64]] {
    let bits = try step(chunks, on: stream).out.bits
    let width = shape.heads * shape.dimension
    return (0..<bits.count / width).map { Array(bits[$0 * width..<($0 + 1) * width]) }
  }

  /// A whole sequence as one chunk.
  func whole(_ sequence: Int) -> Chunk { Chunk(sequence: sequence, tokens: 0..<lengths[sequence]) }
}

extension PagedScenario {
  /// The turned projections of a sequence by ``RoPE``: the reference of ``CacheAppend``.
  func turned(_ sequence: Int, on stream: Stream) throws -> (query: Tensor, key: Tensor, value: Tensor) {
    let tokens = lengths[sequence]
    let all = try GuardedTensor(
      projections(sequence, 0..<tokens), [tokens, shape.heads + 2 * shape.keyHeads, shape.dimension],
      shape.activation, on: runtime
    ).tensor
    let positions = try GuardedTensor(Array(0..<tokens), [tokens], .i64, on: runtime)
    let keysEnd = shape.heads + shape.keyHeads
    let turned = try all.slice(1, 0..<keysEnd)
    try RoPE(turned, positions: positions.tensor, theta: 10_000, into: turned).run(on: stream)
    return (
      try all.slice(1, 0..<shape.heads), try all.slice(1, shape.heads..<keysEnd),
      try all.slice(1, keysEnd..<keysEnd + shape.keyHeads)
    )
  }

  /// Attention of a whole sequence by the plain operators, in f32 on keys and values rounded to the cache's type.
  func reference(_ sequence: Int, on stream: Stream) throws -> [Double] {
    let (query, key, value) = try turned(sequence, on: stream)
    func values(_ tensor: Tensor) throws -> [Float] { try tensor.hostValues(on: runtime).map { Float($0) } }
    func rounded(_ tensor: Tensor) throws -> Tensor {
      let exact = try values(tensor)
      let kept =
        shape.cache == .q8_0
        ? EightBitRow.rounded(exact, dimension: shape.dimension)
        : try GuardedTensor(exact, tensor.shape, shape.cache, on: runtime).values().map { Float($0) }
      return try Tensor(kept, shape: tensor.shape, on: runtime)
    }
    let out = try GuardedTensor(query.shape, .f32, on: runtime)
    try SelfAttention(
      Tensor(values(query), shape: query.shape, on: runtime), rounded(key), rounded(value), scale: shape.scale,
      into: out.tensor
    ).runDefinition(stream)
    return try out.values()
  }
}

/// A head's key or value as a cache of type Q8_0 keeps it, calculated plainly.
struct EightBitRow {
  /// One a group of 32 numbers.
  let scales: [Float16]
  let quants: [Int8]

  init(_ row: ArraySlice<Float>) {
    let groups = stride(from: row.startIndex, to: row.endIndex, by: 32).map { row[$0..<min($0 + 32, row.endIndex)] }
    scales = groups.map { Float16(($0.map(abs).max() ?? 0) / 127) }
    quants = zip(groups, scales).flatMap { group, scale in
      group.map { scale == 0 ? 0 : Int8(max(-127, min(127, ($0 / Float(scale)).rounded(.toNearestOrEven)))) }
    }
  }

  var values: [Float] { quants.indices.map { Float(quants[$0]) * Float(scales[$0 / 32]) } }

  static func rounded(_ values: [Float], dimension: Int) -> [Float] {
    stride(from: 0, to: values.count, by: dimension).flatMap { EightBitRow(values[$0..<$0 + dimension]).values }
  }
}
