import MartletEngine
import MartletModels
import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite("Random weights")
struct BenchmarkWeightsTests {
  private let runtime: Runtime

  init() throws { runtime = try Context().runtime(for: .cpu) }

  private func weights(_ dtype: DType, seed: UInt64 = 1) throws -> RandomWeights {
    try RandomWeights(TinyDecoder.wideConfiguration, name: "tiny", dtype: dtype, seed: seed, on: runtime)
  }

  private func bytes(_ weights: RandomWeights, _ name: String) throws -> [UInt8] {
    let tensor = try #require(try weights.tensor(named: name))
    return Array(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount))
  }

  @Test("the same seed and name give the same bytes, others give others", arguments: RandomWeights.types)
  func deterministic(dtype: DType) throws {
    let down = "model.layers.0.mlp.down_proj.weight"
    let first = try bytes(weights(dtype), down)
    #expect(try bytes(weights(dtype), down) == first)
    #expect(try bytes(weights(dtype, seed: 2), down) != first)
    #expect(try bytes(weights(dtype), "model.layers.1.mlp.down_proj.weight") != first)
  }

  @Test("elements lie around zero with the deviation of fresh weights", arguments: RandomWeights.types)
  func distribution(dtype: DType) throws {
    let tensor = try #require(try weights(dtype).tensor(named: "model.layers.1.mlp.gate_proj.weight"))
    #expect(tensor.dtype == dtype)
    let stream = try Stream(on: runtime, threads: 1)
    let plain = try Tensor(tensor.shape, .f32, on: runtime)
    try Convert(tensor, into: plain).run(on: stream)
    let values = try plain.hostValues(on: runtime)
    let mean = values.reduce(0, +) / Double(values.count)
    let deviation = (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot()
    #expect(abs(mean) < 0.001)
    #expect(deviation > 0.017 && deviation < 0.023)
  }

  @Test("every type loads and gives finite logits", arguments: RandomWeights.types, [false, true])
  func everyTypeRuns(dtype: DType, bias: Bool) throws {
    let subject = try TinyDecoder.subject(dtype, TinyDecoder.wideConfiguration, bias: bias, threads: 2)
    let cache = try KVCache(
      subject.decoder.configuration, blockCount: 2, subject.decoder.cacheType, on: subject.stream.runtime)
    var pass = try Pass(subject.decoder, cache: cache, on: subject.stream)
    let batch = Batch(sequence: (0..<20).map { $0 * 4 }, logitRows: [3, 19])
    let logits = try #require(try pass.forward(batch))
    let values = try logits.hostValues(on: subject.stream.runtime)
    #expect(values.allSatisfy { $0.isFinite })
    // Two different rows of logits that are not all alike: something was computed.
    #expect(Set(values).count > 96)
  }

  @Test("blocks that do not divide the rows are refused with the types that do")
  func refusesBlocks() {
    let error = #expect(throws: ModelError.self) {
      _ = try RandomWeights(.smolLM2, dtype: .q4_K, on: runtime)
    }
    #expect(error.map { "\($0)" }?.contains("in blocks of 256") == true)
    #expect(error.map { "\($0)" }?.contains("q4_0") == true)
  }

  @Test(
    "the shapes have the published numbers of parameters",
    arguments: [
      (DecoderShape.smolLM2, 134_515_008), (.tinyLlama, 1_100_048_384), (.llama1B, 1_235_814_400),
      (.r1Qwen, 1_777_088_000), (.llama3B, 3_212_749_824), (.llama8B, 8_030_261_248),
    ])
  func parameters(shape: DecoderShape, expected: Int) {
    let c = shape.configuration
    let queries = c.headCount * c.headDimension
    let keys = c.keyHeadCount * c.headDimension
    let layer =
      c.hiddenSize * (2 * queries + 2 * keys + 3 * c.feedForwardSize + 2)
      + (c.biases.contains(.queryKeyValue) ? queries + 2 * keys : 0)
    let tables = c.vocabularySize * c.hiddenSize * (c.tiesEmbeddings == true ? 1 : 2)
    #expect(c.layerCount * layer + tables + c.hiddenSize == expected)
  }
}
