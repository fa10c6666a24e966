import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct SelfAttentionTests {
  @Test(arguments: try Golden.cases("self_attention"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let query = try golden.input("query", 0, on: stream.runtime)
    let key = try golden.input("key", 1, on: stream.runtime)
    let value = try golden.input("value", 2, on: stream.runtime)
    let out = try golden.output(on: stream.runtime)
    let scale = try #require(golden.attributes.scale)
    try SelfAttention(query.tensor, key.tensor, value.tensor, scale: scale, into: out.tensor).run(on: stream)
    try golden.expectMatch(out)
  }

  /// Permuted and padded heads, values of another width than keys, no queries, no heads.
  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for dtype in floatTypes {
      for (queries, keys) in [(1, 1), (3, 20), (9, 9), (0, 0), (0, 4)] {
        let (heads, keyHeads, width, valueWidth) = (6, 2, 12, 20)
        let levels = dtype == .f32 ? 2e-6 : dtype == .f16 ? 0x1p-10 : 0x1p-7
        try expectAgreement(on: machine, levels: levels, "\(dtype.name) \(queries) of \(keys)") { stream in
          func random(_ seed: UInt64, _ tokens: Int, _ count: Int, _ width: Int) throws -> GuardedTensor {
            try GuardedTensor(
              Generator(seed).uniform(count: tokens * count * width, scale: 2), [tokens, count, width], dtype,
              strides: [width + 2, max(1, tokens) * (width + 2), 1], on: stream.runtime)
          }
          let q = try random(14, queries, heads, width)
          let k = try random(15, keys, keyHeads, width)
          let v = try random(16, keys, keyHeads, valueWidth)
          let out = try GuardedTensor(
            [queries, heads, valueWidth], dtype, strides: [heads * 24 + 1, 24, 1], on: stream.runtime)
          try SelfAttention(q.tensor, k.tensor, v.tensor, scale: 0.3, into: out.tensor).run(on: stream)
          return [out]
        }
      }
    }
  }

  /// Tiles of many queries give what the definition gives, up to the order of additions.
  @Test(arguments: Machine.all)
  func manyQueriesEqualTheDefinition(machine: Machine) throws {
    let stream = try machine.stream()
    for dtype in floatTypes {
      for (queries, keys, heads, keyHeads, width) in [(16, 16, 4, 4, 8), (37, 53, 6, 2, 20), (70, 300, 3, 1, 64)] {
        func random(_ seed: UInt64, _ tokens: Int, _ count: Int) throws -> GuardedTensor {
          try GuardedTensor(
            Generator(seed).uniform(count: tokens * count * width, scale: 2), [tokens, count, width], dtype,
            strides: [width + 2, tokens * (width + 2), 1], on: stream.runtime)
        }
        let (q, k, v) = (try random(17, queries, heads), try random(18, keys, keyHeads), try random(19, keys, keyHeads))
        let strides: Dimensions = [heads * (width + 4) + 1, width + 4, 1]
        let out = try GuardedTensor([queries, heads, width], dtype, strides: strides, on: stream.runtime)
        let expected = try GuardedTensor([queries, heads, width], dtype, strides: strides, on: stream.runtime)
        try SelfAttention(q.tensor, k.tensor, v.tensor, scale: 0.3, into: out.tensor).run(on: stream)
        try SelfAttention(q.tensor, k.tensor, v.tensor, scale: 0.3, into: expected.tensor).runDefinition(stream)
        expectClose(
          try out.values(), try expected.values(), within: tolerance(dtype), "\(dtype.name) \(queries) of \(keys)")
        out.expectMarginsUntouched()
      }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    func tensor(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try Tensor(shape, dtype, on: runtime) }
    let (q, k, v, out) = (
      try tensor([3, 4, 8]), try tensor([5, 2, 8]), try tensor([5, 2, 6]), try tensor([3, 4, 6])
    )
    let gaps = try tensor([5, 2, 8, 2]).slice(3, 0..<1).view([5, 2, 8])
    func plan(_ q: Tensor, _ k: Tensor, _ v: Tensor, _ out: Tensor) throws {
      _ = try SelfAttention(q, k, v, scale: 1, into: out)
    }
    expectRefusal("SelfAttention", "q") { try plan(tensor([3, 32]), k, v, out) }
    expectRefusal("SelfAttention", "q") { try plan(tensor([3, 4, 8], .i32), k, v, out) }
    expectRefusal("SelfAttention", "q") { try plan(tensor([3, 3, 8]), k, v, tensor([3, 3, 6])) }
    expectRefusal("SelfAttention", "q") { try plan(q, tensor([5, 0, 8]), tensor([5, 0, 6]), out) }
    expectRefusal("SelfAttention", "k") { try plan(q, tensor([5, 2, 7]), v, out) }
    expectRefusal("SelfAttention", "k") { try plan(q, tensor([5, 2, 8], .f16), v, out) }
    expectRefusal("SelfAttention", "k") { try plan(q, tensor([2, 2, 8]), tensor([2, 2, 6]), out) }
    expectRefusal("SelfAttention", "k") { try plan(q, tensor([5, 16]), v, out) }
    expectRefusal("SelfAttention", "k") { try plan(q, gaps, v, out) }
    expectRefusal("SelfAttention", "v") { try plan(q, k, tensor([4, 2, 6]), out) }
    expectRefusal("SelfAttention", "v") { try plan(q, k, tensor([5, 1, 6]), out) }
    expectRefusal("SelfAttention", "v") { try plan(q, k, tensor([5, 2, 6], .bf16), out) }
    expectRefusal("SelfAttention", "v") { try plan(q, k, gaps, out) }
    expectRefusal("SelfAttention", "out") { try plan(q, k, v, q) }
    expectRefusal("SelfAttention", "out") { try plan(q, k, v, tensor([3, 4, 6], .f16)) }
    expectRefusal("SelfAttention", "out") { try plan(q, k, v, readOnly([3, 4, 6], .f32)) }
  }
}
