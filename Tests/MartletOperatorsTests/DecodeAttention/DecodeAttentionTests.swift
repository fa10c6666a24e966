import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// ``DecodeAttention`` is ``PagedAttention`` on the processor; `MartletChecks` compares a GPU's kernels with that.
@Suite struct DecodeAttentionTests {
  @Test func equalsPagedAttention() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let (heads, keyHeads, dimension, tokens) = (4, 2, 64, 2)
    let cache = try PagedCache(
      blockCount: 4, keyHeads: keyHeads, headDimension: dimension, .f32, on: runtime)
    for (seed, tensor) in [(UInt64(1), cache.keys), (2, cache.values)] {
      try tensor.load(contentsOf: Generator(seed).uniform(count: tensor.elementCount), on: runtime)
    }
    let queries = try GuardedTensor(
      Generator(3).uniform(count: tokens * heads * dimension), [tokens, heads * dimension], .f32, on: runtime)
    let batch = AttentionBatch(
      starts: try GuardedTensor([0, 1, 2], [3], .i32, on: runtime).tensor,
      positions: try GuardedTensor([20, 5], [2], .i32, on: runtime).tensor,
      blockTables: try GuardedTensor([3, 1, 2, 0], [2, 2], .i32, on: runtime).tensor)
    let found = try GuardedTensor([tokens, heads * dimension], .f32, on: runtime)
    let expected = try GuardedTensor([tokens, heads * dimension], .f32, on: runtime)
    try DecodeAttention(
      queries: queries.tensor, heads: heads, cache: cache, batch: batch, scale: 0.125, into: found.tensor, on: runtime
    ).run(on: stream)
    try PagedAttention(
      queries: queries.tensor, heads: heads, cache: cache, batch: batch, scale: 0.125, into: expected.tensor
    ).run(on: stream)
    #expect(try found.values() == expected.values())
    found.expectMarginsUntouched()
  }

  @Test func kernelsAreForGPUsAndCommonHeads() throws {
    let runtime = try Machine.all[0].stream().runtime
    let cache = try PagedCache(blockCount: 1, keyHeads: 1, headDimension: 64, .f16, on: runtime)
    #expect(!DecodeAttention.isPossible(tokens: 1, heads: 4, cache: cache, on: .cpu))
    #expect(DecodeAttention.isPossible(tokens: 1, heads: 4, cache: cache, on: Device(.cuda, index: 0)))
    let odd = try PagedCache(blockCount: 1, keyHeads: 1, headDimension: 80, .f16, on: runtime)
    #expect(!DecodeAttention.isPossible(tokens: 1, heads: 4, cache: odd, on: Device(.cuda, index: 0)))
  }
}
