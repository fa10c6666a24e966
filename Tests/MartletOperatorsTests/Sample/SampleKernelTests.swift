import KernelEmulation
import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// `Sample.cu`, run by an emulation of a GPU's threads on the processor, chooses what the processor's own code chooses.
@Suite struct SampleKernelTests {
  /// Many rules on short rows, in blocks of one to three groups and with several orders of threads.
  @Test(arguments: 0..<24)
  func choosesTheProcessorsToken(seed: Int) throws {
    let width = [1, 7, 32, 100, 333, 1000][seed % 6]
    let draws = (0..<100).map { SampleDraw.rule(UInt64(1000 * seed + $0), width: width) }
    try compare(draws, threads: [32, 64, 96][seed % 3], order: seed)
  }

  /// A vocabulary of a real size in blocks as they are launched.
  @Test(arguments: 0..<4)
  func choosesTheProcessorsTokenOfALargeVocabulary(seed: Int) throws {
    try compare((0..<6).map { SampleDraw.rule(UInt64(77 * seed + $0), width: 50_257) }, threads: 1024, order: seed)
  }

  @Test func refusesBrokenRows() throws {
    let rows: [[Float]] = [
      [1, .nan, 3], [.infinity, 0, 1], [-.infinity, -.infinity, -.infinity], [-(.nan), 0, 0], [-0.0, 0, -1],
      [-3e38, 3e38, 0], [-.infinity, -3e38, -.infinity],
    ]
    for temperature: Float in [0, 1, 1e-30, 1e30] {
      for topK: Int32 in [0, 1, 2, .max] {
        for topP: Float in [1, 0.5, .leastNonzeroMagnitude] {
          let rule = SamplingRule(temperature: temperature, topK: topK, topP: topP)
          try compare(rows.map { (rule, $0) }, threads: 32, order: 1)
        }
      }
    }
  }

  /// All draws have rows of one width; each is one block.
  private func compare(_ draws: [(rule: SamplingRule, row: [Float])], threads: Int, order: Int) throws {
    let stream = try Machine.all[0].stream()
    let shape: Shape = [draws.count, draws[0].row.count]
    let logits = try GuardedTensor(
      draws.flatMap(\.row), shape, .f32, strides: [shape[1] + order % 5, 1], on: stream.runtime)
    let words = try GuardedTensor(
      draws.flatMap { $0.rule.words.map { Int($0) } }, [draws.count, 8], .i32, on: stream.runtime)
    let expected = try GuardedTensor([draws.count], .i32, on: stream.runtime)
    try Sample(logits.tensor, rules: words.tensor, into: expected.tensor).run(on: stream)

    let found = try GuardedTensor([draws.count], .i32, on: stream.runtime)
    var argument = martlet_gpu_sample(
      logits: martlet_gpu_rows(
        base: logits.tensor.pointer, stride: Int64(logits.tensor.layout.strides[0]), type: 0,
        aligned: order % 5 == 0 && shape[1] % 4 == 0 && UInt(bitPattern: logits.tensor.pointer) % 16 == 0 ? 1 : 0),
      rules: UnsafePointer(words.tensor.pointer.assumingMemoryBound(to: martlet_gpu_sampling.self)),
      out: found.tensor.pointer(as: Int32.self), width: Int32(shape[1]))
    emulate_sample(&argument, Int32(draws.count), Int32(threads), Int32(order))
    found.expectMarginsUntouched()
    let (tokens, wanted) = (try found.values(), try expected.values())
    for (index, draw) in draws.enumerated() where tokens[index] != wanted[index] {
      Issue.record("\(draw.rule): token \(tokens[index]) instead of \(wanted[index]) of \(shape[1])")
    }
  }
}
