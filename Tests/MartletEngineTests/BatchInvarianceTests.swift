import MartletModels
import MartletRuntime
import MartletTensor
import Testing

@testable import MartletEngine
@testable import MartletModels
@testable import MartletOperators

/// What a GPU is told to compute where tokens must get the bits that they have alone: a device whose memory is the host's,
/// so that steps can be made, if not run.
@Suite struct BatchInvarianceTests {
  /// A decoder with heads of 64, as the kernels of generation want them.
  private static func decoder(
    _ dtype: DType, compute: ComputeType = .auto, feedForwardSize: Int = 256, on runtime: Runtime
  ) throws -> Decoder {
    var configuration = TinyDecoder.wideConfiguration
    configuration.feedForwardSize = feedForwardSize
    let weights = try RandomWeights(configuration, name: "tiny", dtype: dtype, on: Runtime(.cpu))
    return try Decoder(
      WeightScope(weights), configuration, WeightLoader(compute: compute, stream: Stream(on: runtime)))
  }

  private static func gpu() throws -> Runtime { try Runtime(Device(.cuda, index: 0), api: CPURuntimeAPI()) }

  /// The operators of a step in which every sequence generates a token.
  private static func operators(_ decoder: Decoder, tokens: Int, on runtime: Runtime) throws -> [any Operator] {
    let rows = (0..<Int32(tokens)).map { $0 }
    var batch = Batch(
      tokens: rows.map { _ in 5 }, positions: rows.map { $0 % 16 }, slots: rows, starts: rows + [Int32(tokens)],
      blockTables: rows.map { [$0] }, logitRows: rows)
    batch.isBatchInvariant = true
    var arena = try Arena(runtime: runtime)
    let shape = BatchShape(batch)
    let cache = try KVCache(decoder.configuration, blockCount: tokens, decoder.cacheType, on: runtime)
    return try decoder.operators(
      shape, DeviceBatch(shape, arena: &arena), cache: cache, arena: &arena, on: runtime
    ).operators
  }

  /// In whatever company, a token's products are kernels for few rows, and its attention is that of one token.
  @Test(arguments: [DType.bf16, .f16, .q8_0, .q4_K])
  func generatingIsDoneInSlices(_ dtype: DType) throws {
    let runtime = try Self.gpu()
    let decoder = try Self.decoder(dtype, on: runtime)
    let productCount = 4 * decoder.layers.count + 1
    for tokens in [1, 7, 8, 9, 64, 65, 200] {
      let operators = try Self.operators(decoder, tokens: tokens, on: runtime)
      let products = operators.compactMap { $0 as? FusedLinear }
      #expect(products.count == productCount * ((tokens + 7) / 8))
      #expect(products.allSatisfy { (1...8).contains($0.x.count) && $0.x.count == $0.out.count })
      #expect(products.reduce(0) { $0 + $1.x.count } == productCount * tokens)
      let attentions = operators.compactMap { $0 as? DecodeAttention }
      #expect(attentions.reduce(0) { $0 + $1.out.count } == decoder.layers.count * tokens)
      for attention in attentions {
        #expect(attention.out.count <= DecodeAttention.mostTokens)
        #expect(attention.batch.starts.shape == [attention.out.count + 1])
        #expect(attention.batch.blockTables.shape[0] == attention.out.count)
      }
      let others = operators.filter { !($0 is FusedLinear || $0 is DecodeAttention) }
      #expect(others.allSatisfy { $0 is RotationTable || $0 is Embedding }, "a token alone takes nothing else")
    }
  }

  /// Slices are of neighbouring rows, and cover each once.
  @Test func slicesFollowOneAnother() throws {
    let runtime = try Self.gpu()
    let decoder = try Self.decoder(.bf16, on: runtime)
    let products = try Self.operators(decoder, tokens: 21, on: runtime).compactMap { $0 as? FusedLinear }
    for first in stride(from: 0, to: products.count, by: 3) {
      let slices = products[first..<first + 3]
      let start = products[first].x.base
      #expect(slices.map { start.distance(to: $0.x.base) / (2 * $0.x.stride) } == [0, 8, 16])
      #expect(slices.map(\.x.count) == [8, 8, 5])
      #expect(Set(slices.map(\.weight.base)).count == 1)
    }
    let attentions = try Self.operators(decoder, tokens: 70, on: runtime).compactMap { $0 as? DecodeAttention }
    for (first, second) in zip(attentions, attentions.dropFirst()) where second.out.count == 6 {
      let (one, other) = (first.batch, second.batch)
      #expect(other.starts.pointer == one.starts.pointer, "both begin at 0")
      #expect(one.positions.pointer.distance(to: other.positions.pointer) == 64 * 4)
      #expect(one.blockTables.pointer.distance(to: other.blockTables.pointer) == 64 * 4 * one.blockTables.shape[1])
    }
  }

  /// Where eight rows do not fit into shared memory and one does, fewer are taken at once, never another kernel.
  @Test func wideRowsAreTakenFewerAtOnce() throws {
    let runtime = try Self.gpu()
    let decoder = try Self.decoder(.bf16, feedForwardSize: 14_336, on: runtime)
    for tokens in [1, 3, 8, 20] {
      let operators = try Self.operators(decoder, tokens: tokens, on: runtime)
      #expect(operators.contains { $0 is DecodeAttention } && !operators.contains { $0 is Linear })
      #expect(operators.compactMap { ($0 as? FusedLinear)?.x.count }.max() == min(4, tokens))
    }
  }

  /// Operators one by one: for what cannot be fused, and the reference mode.
  @Test func whatCannotBeFusedIsDoneRowByRow() throws {
    let runtime = try Self.gpu()
    for (dtype, wide) in [(DType.f32, 256), (.bf16, 260)] {
      let decoder = try Self.decoder(dtype, feedForwardSize: wide, on: runtime)
      for tokens in [1, 8, 9, 100] {
        let operators = try Self.operators(decoder, tokens: tokens, on: runtime)
        #expect(!operators.contains { $0 is FusedLinear || $0 is DecodeAttention })
        let products = operators.compactMap { $0 as? Linear }
        #expect(products.count == 4 * decoder.layers.count + 1)
        #expect(products.allSatisfy { $0.isBatchInvariant && $0.x.count == tokens })
        let appends = operators.compactMap { $0 as? CacheAppend }
        #expect(appends.count == decoder.layers.count && appends.allSatisfy(\.isBatchInvariant))
      }
    }
  }

  /// Steps of prompts and of the usual mode are what they were.
  @Test func otherStepsTakeTheFastestWay() throws {
    let runtime = try Self.gpu()
    let decoder = try Self.decoder(.bf16, on: runtime)
    for (tokens, isFused) in [(8, true), (9, false)] {
      let batch = Batch(sequence: (0..<Int32(tokens)).map { $0 }, logitRows: [Int32(tokens) - 1])
      var arena = try Arena(runtime: runtime)
      let shape = BatchShape(batch)
      let cache = try KVCache(decoder.configuration, blockCount: 4, decoder.cacheType, on: runtime)
      let step = try decoder.operators(
        shape, DeviceBatch(shape, arena: &arena), cache: cache, arena: &arena, on: runtime)
      #expect(step.operators.contains { $0 is FusedLinear } == isFused)
      #expect(step.operators.contains { $0 is DecodeAttention } == isFused)
      #expect(step.operators.allSatisfy { ($0 as? Linear)?.isBatchInvariant != true })
    }
  }

  /// One shape for each mode, or a recorded step of one would be launched for the other.
  @Test func theModeIsPartOfAStepsShape() {
    var batch = Batch(sequence: [1], logitRows: [0])
    let usual = BatchShape(batch)
    batch.isBatchInvariant = true
    #expect(BatchShape(batch) != usual)
  }
}
