import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// ``CacheAppend`` and ``PagedAttention`` together against ``RoPE`` and ``SelfAttention``.
@Suite struct PagedAttentionTests {
  /// Head dimensions and group sizes, odd ones too.
  static let shapes = [
    AttentionShape(heads: 9, keyHeads: 3, dimension: 64),
    AttentionShape(heads: 2, keyHeads: 2, dimension: 80),
    AttentionShape(heads: 8, keyHeads: 1, dimension: 128),
    AttentionShape(heads: 18, keyHeads: 2, dimension: 8),
    AttentionShape(heads: 5, keyHeads: 1, dimension: 12),
  ]

  /// Every type of activations with every type of cache.
  static let types = floatTypes.flatMap { activation in
    (floatTypes + [.q8_0]).map {
      AttentionShape(heads: 6, keyHeads: 2, dimension: 24, activation: activation, cache: $0)
    }
  }

  /// Dimensions of one group of 32, several, and parts of one.
  static let eightBit = [
    AttentionShape(heads: 9, keyHeads: 3, dimension: 64, cache: .q8_0),
    AttentionShape(heads: 4, keyHeads: 2, dimension: 80, cache: .q8_0),
    AttentionShape(heads: 3, keyHeads: 1, dimension: 12, cache: .q8_0),
  ]

  /// One token, less than a block, a block and one, a segment, a segment and one, several segments.
  static let lengths = [1, 5, 17, 256, 257, 700]

  @Test(arguments: shapes + types + eightBit, Machine.all)
  func equalsSelfAttention(shape: AttentionShape, machine: Machine) throws {
    let stream = try machine.stream()
    let lengths = shape.heads * shape.dimension > 200 ? [1, 5, 17, 260] : Self.lengths
    let scenario = try PagedScenario(shape, lengths: lengths, on: stream.runtime)
    // Two steps in an order of their own: the rest of a sequence follows while others begin.
    let (first, second) = ([1, 3, 0], lengths.indices.filter { ![1, 3, 0].contains($0) })
    for sequences in [first, second] {
      let found = try scenario.step(sequences.map { scenario.whole($0) }, on: stream).out.values()
      var row = 0
      let width = shape.heads * shape.dimension
      for sequence in sequences {
        let part = Array(found[row * width..<(row + lengths[sequence]) * width])
        expectClose(
          part, try scenario.reference(sequence, on: stream), within: tolerance(shape.activation),
          "\(lengths[sequence]) tokens")
        row += lengths[sequence]
      }
    }
  }

  /// A row's bits do not depend on chunks, on what else is in the batch, on threads or on how work is split over them.
  /// With one token and many threads the segments of a sequence are shared; with many tokens they are not.
  @Test(arguments: shapes + [types[6], eightBit[1]], Machine.all)
  func bitsOfARowAreItsOwn(shape: AttentionShape, machine: Machine) throws {
    let lengths = [700, 1, 257, 17]
    let one = try machine.stream(threads: 1)
    let scenario = try PagedScenario(shape, lengths: lengths, on: one.runtime)
    let expected = try lengths.indices.map { try scenario.bits([scenario.whole($0)], on: one) }
    for threads in threadCounts.dropFirst() {
      let stream = try machine.stream(threads: threads)
      // A fresh cache each time: what is read must have been written by this run.
      let chunked = try PagedScenario(shape, lengths: lengths, seed: UInt64(threads), on: stream.runtime)
      func expectRows(_ chunks: [Chunk], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let found = try chunked.bits(chunks, on: stream)
        let rows = chunks.flatMap { expected[$0.sequence][$0.tokens] }
        #expect(found == rows, "\(threads) threads, \(chunks)", sourceLocation: sourceLocation)
      }
      try expectRows([Chunk(sequence: 0, tokens: 0..<100), Chunk(sequence: 2, tokens: 0..<255)])
      try expectRows([
        Chunk(sequence: 2, tokens: 255..<256), Chunk(sequence: 1, tokens: 0..<1), Chunk(sequence: 0, tokens: 100..<690),
      ])
      for token in 690..<700 { try expectRows([Chunk(sequence: 0, tokens: token..<token + 1)]) }
      try expectRows([Chunk(sequence: 3, tokens: 0..<17), Chunk(sequence: 2, tokens: 256..<257)])
    }
  }

  /// Scratch sizes and splitting do not depend on how long the other sequences of a step are.
  @Test(arguments: Machine.all)
  func decodesMixedLengths(machine: Machine) throws {
    let shape = AttentionShape(heads: 6, keyHeads: 2, dimension: 16)
    let lengths = [1, 700, 17, 512, 513]
    let one = try machine.stream(threads: 1)
    let scenario = try PagedScenario(shape, lengths: lengths, on: one.runtime)
    let expected = try lengths.indices.map { try scenario.bits([scenario.whole($0)], on: one)[lengths[$0] - 1] }
    let last = lengths.indices.map { Chunk(sequence: $0, tokens: lengths[$0] - 1..<lengths[$0]) }
    for threads in threadCounts + [16] {
      #expect(try scenario.bits(last, on: machine.stream(threads: threads)) == expected, "\(threads) threads")
    }
  }

  @Test(arguments: Machine.all)
  func emptyBatchesAndSequences(machine: Machine) throws {
    let stream = try machine.stream()
    let shape = AttentionShape(heads: 3, keyHeads: 1, dimension: 16)
    let scenario = try PagedScenario(shape, lengths: [40, 30], on: stream.runtime)
    #expect(try scenario.bits([], on: stream).isEmpty)
    let whole = try scenario.bits([scenario.whole(0)], on: stream)
    let among = try scenario.bits(
      [Chunk(sequence: 1, tokens: 0..<0), scenario.whole(0), Chunk(sequence: 1, tokens: 0..<0)], on: stream)
    #expect(among == whole)
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    func tensor(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try Tensor(shape, dtype, on: runtime) }
    let cache = try PagedCache(blockCount: 4, keyHeads: 2, headDimension: 8, .f32, on: runtime)
    let noHeads = try PagedCache(blockCount: 4, keyHeads: 0, headDimension: 8, .f32, on: runtime)
    let (queries, out) = (try tensor([3, 40]), try tensor([3, 32]))
    let (starts, positions, tables) = (try tensor([3], .i32), try tensor([3], .i32), try tensor([2, 5], .i32))
    let gaps = try tensor([3, 2], .i32).slice(1, 0..<1).view([3])
    let queryColumns = try tensor([40, 3]).permute([1, 0])
    let outColumns = try tensor([32, 3]).permute([1, 0])
    let tableColumns = try tensor([5, 2], .i32).permute([1, 0])
    func plan(
      _ queries: Tensor, heads: Int = 4, _ cache: PagedCache, _ starts: Tensor, _ positions: Tensor, _ tables: Tensor,
      _ out: Tensor
    ) throws {
      let batch = AttentionBatch(starts: starts, positions: positions, blockTables: tables)
      _ = try PagedAttention(queries: queries, heads: heads, cache: cache, batch: batch, scale: 1, into: out)
    }
    let name = "PagedAttention"
    expectRefusal(name, "queries") { try plan(tensor([3, 40], .i32), cache, starts, positions, tables, out) }
    expectRefusal(name, "queries") { try plan(tensor([120]), cache, starts, positions, tables, out) }
    expectRefusal(name, "queries") { try plan(tensor([3, 31]), cache, starts, positions, tables, out) }
    expectRefusal(name, "queries") { try plan(queryColumns, cache, starts, positions, tables, out) }
    expectRefusal(name, "heads") { try plan(queries, heads: 3, cache, starts, positions, tables, tensor([3, 24])) }
    expectRefusal(name, "heads") { try plan(queries, noHeads, starts, positions, tables, out) }
    expectRefusal(name, "starts") { try plan(queries, cache, tensor([2], .i32), positions, tables, out) }
    expectRefusal(name, "starts") { try plan(queries, cache, tensor([3], .i64), positions, tables, out) }
    expectRefusal(name, "starts") { try plan(queries, cache, gaps, positions, tables, out) }
    expectRefusal(name, "positions") { try plan(queries, cache, starts, tensor([2], .i32), tables, out) }
    expectRefusal(name, "positions") { try plan(queries, cache, starts, tensor([3], .i64), tables, out) }
    expectRefusal(name, "positions") { try plan(queries, cache, starts, gaps, tables, out) }
    expectRefusal(name, "blockTables") { try plan(queries, cache, starts, positions, tensor([10], .i32), out) }
    expectRefusal(name, "blockTables") { try plan(queries, cache, starts, positions, tensor([2, 5]), out) }
    expectRefusal(name, "blockTables") { try plan(queries, cache, starts, positions, tableColumns, out) }
    expectRefusal(name, "out") { try plan(queries, cache, starts, positions, tables, tensor([3, 40])) }
    expectRefusal(name, "out") { try plan(queries, cache, starts, positions, tables, tensor([3, 32], .f16)) }
    expectRefusal(name, "out") { try plan(queries, cache, starts, positions, tables, outColumns) }
    expectRefusal(name, "out") { try plan(queries, cache, starts, positions, tables, readOnly([3, 32], .f32)) }
  }
}
