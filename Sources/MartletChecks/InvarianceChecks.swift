import MartletOperators
import MartletRuntime
import MartletTensor

extension OperatorCheck {
  /// What generation takes in any number of rows: each row has the same bits among others as alone, on the same device.
  static var invarianceChecks: [OperatorCheck] {
    (floatTypes + blockTypes).map { weight in
      check("Linear", "\(weight.name) [70, 2304]") { try product(weight, on: $0) }
    }
      + floatTypes.flatMap { dtype in
        [false, true].map { hasNorms in
          check("CacheAppend", "\(dtype.name)\(hasNorms ? " with norms" : "")") {
            try rotation(dtype, hasNorms: hasNorms, on: $0)
          }
        }
      }
      + floatTypes.flatMap { dtype in
        [64, 128].map { dimension in
          check("DecodeAttention", "\(dtype.name), heads of \(dimension)") {
            try attention(dtype, dimension: dimension, on: $0)
          }
        }
      }
  }

  /// Rows together: more than any kernel for few rows takes at once, and not a multiple.
  private static let rows = 43
  private static let (heads, keyHeads) = (6, 2)

  /// - Parameter run: gives what was found of all rows together, then of each alone.
  private static func check(
    _ name: String, _ label: String, _ run: @escaping @Sendable (CheckStage) throws -> (CheckOutput, [UInt8])
  ) -> OperatorCheck {
    OperatorCheck(operatorName: name, label: "\(label), \(rows) rows as alone", tolerance: 0) { stage in
      let (together, alone) = try run(stage)
      guard together.bytes == alone else {
        let place = zip(together.bytes, alone).enumerated().first { $1.0 != $1.1 }?.offset ?? alone.count
        throw OperatorError(
          name, "a row among others", expected: "the bits that it has alone", found: "others at byte \(place)")
      }
      return [CheckOutput(dtype: .u8, bytes: [], spoiledAt: together.spoiledAt)]
    }
  }

  private static func product(_ weight: DType, on stage: CheckStage) throws -> (CheckOutput, [UInt8]) {
    let (outputs, columns) = (70, 2304)
    let activation = weight.isQuantized ? DType.f32 : weight
    let x = try stage.numbers(Draws(110).numbers(rows * columns, scale: 2), [rows, columns], activation, gap: 8).tensor
    let matrix = try stage.weights(Draws(111), [outputs, columns], weight).tensor
    let packed = try PackedWeight([matrix], on: stage.stream)
    let bias = try stage.numbers(Draws(112).numbers(outputs), [outputs], activation).tensor
    let together = try stage.output([rows, outputs], activation)
    try Linear(x, weight: packed, bias: bias, into: together.tensor, isBatchInvariant: true).run(on: stage.stream)
    var alone: [UInt8] = []
    for row in 0..<rows {
      let out = try stage.output([1, outputs], activation)
      try Linear(x.slice(0, row..<row + 1), weight: packed, bias: bias, into: out.tensor).run(on: stage.stream)
      try stage.stream.synchronize()
      alone += try out.result().bytes
    }
    return (try together.result(), alone)
  }

  private static func rotation(
    _ dtype: DType, hasNorms: Bool, on stage: CheckStage
  ) throws -> (CheckOutput, [UInt8]) {
    let dimension = 64
    let width = (heads + 2 * keyHeads) * dimension
    let norms =
      try hasNorms
      ? HeadNorms(
        query: stage.numbers(Draws(121).numbers(dimension, scale: 2), [dimension], .f32).tensor,
        key: stage.numbers(Draws(122).numbers(dimension, scale: 2), [dimension], .f32).tensor, epsilon: 1e-6) : nil
    let rotations = try stage.numbers(Draws(123).numbers(rows * dimension), [rows, dimension], .f32).tensor
    let slots = try stage.integers(Array(0..<rows), [rows], .i32).tensor
    func outcome(slices: [Range<Int>]) throws -> CheckOutput {
      let qkv = try stage.numbers(Draws(120).numbers(rows * width, scale: 2), [rows, width], dtype)
      let cache = try cache(dtype, dimension: dimension, blocks: 3, on: stage) { [UInt8](repeating: 0, count: $0) }
      for slice in slices {
        try CacheAppend(
          qkv: qkv.tensor.slice(0, slice), heads: heads, norms: norms, rotations: rotations.slice(0, slice),
          slots: slots.slice(0, slice), into: cache, isBatchInvariant: slices.count == 1
        ).run(on: stage.stream)
      }
      try stage.stream.synchronize()
      let result = try qkv.result()
      return CheckOutput(
        dtype: .u8, bytes: result.bytes + (try cache.keys.hostBytes()) + (try cache.values.hostBytes()),
        spoiledAt: result.spoiledAt)
    }
    return (try outcome(slices: [0..<rows]), try outcome(slices: (0..<rows).map { $0..<$0 + 1 }).bytes)
  }

  private static func attention(
    _ dtype: DType, dimension: Int, on stage: CheckStage
  ) throws -> (CheckOutput, [UInt8]) {
    let (blocks, blockSize) = (40, PagedCache.blockSize)
    let width = heads * dimension
    let queries = try stage.numbers(Draws(130).numbers(rows * width, scale: 2), [rows, width], dtype).tensor
    var seed: UInt64 = 131
    let cache = try cache(dtype, dimension: dimension, blocks: blocks, on: stage) { count in
      seed += 1
      return try stage.numbers(Draws(seed).numbers(count / dtype.blockBytes), [count / dtype.blockBytes], dtype)
        .result().bytes
    }
    // Sequences of one key to all that fit, whose blocks are in an order of their own.
    let positions = (0..<rows).map { $0 * (blocks * blockSize - 1) / (rows - 1) }
    let tables = (0..<rows).flatMap { Draws(140 + UInt64($0)).shuffled(blocks) }
    let batch = AttentionBatch(
      starts: try stage.integers(Array(0...rows), [rows + 1], .i32).tensor,
      positions: try stage.integers(positions, [rows], .i32).tensor,
      blockTables: try stage.integers(tables, [rows, blocks], .i32).tensor)
    func attend(_ slice: Range<Int>) throws -> CheckOutput {
      let out = try stage.output([slice.count, width], dtype)
      try DecodeAttention(
        queries: queries.slice(0, slice), heads: heads, cache: cache, batch: batch.slice(slice),
        scale: 1 / Float(dimension).squareRoot(), into: out.tensor, on: stage.runtime
      ).run(on: stage.stream)
      try stage.stream.synchronize()
      return try out.result()
    }
    return (try attend(0..<rows), try (0..<rows).flatMap { try attend($0..<$0 + 1).bytes })
  }

  private static func cache(
    _ dtype: DType, dimension: Int, blocks: Int, on stage: CheckStage, contents: (Int) throws -> [UInt8]
  ) throws -> PagedCache {
    let cache = try PagedCache(
      blockCount: blocks, keyHeads: keyHeads, headDimension: dimension, dtype, on: stage.runtime)
    for tensor in [cache.keys, cache.values] {
      try tensor.load(contentsOf: contents(tensor.byteCount), on: stage.runtime)
    }
    return cache
  }
}
