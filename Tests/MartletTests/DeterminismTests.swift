import MartletEngine
import MartletModels
import MartletRuntime
import Testing

/// The deterministic mode's steps give what others give, on a device where results depend on nothing but the sequence.
@Suite(.serialized) struct DeterminismTests {
  private struct Result: Equatable, Sendable {
    var tokens: [Int32] = []
    var probabilities: [[TokenLogprob]] = []
  }

  /// Prompts of one token to several pieces, some of which begin alike.
  private static let requests: [Request] = (0..<14).map { number in
    var sampling = SamplingParameters()
    sampling.logprobs = 20
    if number % 3 == 1 { (sampling.temperature, sampling.seed) = (0.8, UInt64(number)) }
    let length = [1, 2, 7, 8, 9, 31, 32, 33, 40, 47, 48, 49, 70, 96][number]
    let prompt = (0..<length).map { Int32(3 + ($0 * 7 + number % 2) % 50) }
    return Request(
      prompt: prompt, sampling: sampling, maxTokens: 20 + number % 5, promptLogprobs: number % 7 == 6 ? 3 : nil)
  }

  private static func results(_ model: LoadedModel, _ limits: EngineLimits) async throws -> ([Result], Engine.Status) {
    let engine = Engine(runner: try ModelRunner(model, blockCount: limits.blockCount), limits: limits)
    let streams = try engine.submit(requests)
    let results = try await withThrowingTaskGroup(of: (Int, Result).self) { group in
      for (index, stream) in streams.enumerated() {
        group.addTask {
          var result = Result()
          for try await case .token(let token) in stream {
            result.tokens.append(token.token)
            result.probabilities.append(token.top)
          }
          return (index, result)
        }
      }
      return try await group.reduce(into: Array(repeating: Result(), count: streams.count)) { $0[$1.0] = $1.1 }
    }
    return (results, engine.status)
  }

  @Test(arguments: ["llama-gqa", "qwen3"], [ComputeType.f32, .bf16])
  func bothModesGiveTheSameBits(_ name: String, _ compute: ComputeType) async throws {
    var options = ModelOptions()
    (options.compute, options.threads) = (compute, 2)
    let model = try LoadedModel(folder: CheckpointGolden.path(name), options: options)
    // So few blocks that sequences lose theirs to others.
    var limits = EngineLimits(
      vocabularySize: model.decoder.configuration.vocabularySize, contextLength: model.contextLength, blockCount: 12,
      maximumSequences: 8, tokensPerStep: 40, rotaryContext: model.decoder.lengthDependentContext)
    let usual = try await Self.results(model, limits)
    limits.isDeterministic = true
    let deterministic = try await Self.results(model, limits)
    #expect(usual.0 == deterministic.0)
    #expect(usual.0.allSatisfy { !$0.tokens.isEmpty })
    #expect(deterministic.1.preemptionCount > 0)
    #expect(deterministic.1.stepCount > usual.1.stepCount)
  }

  /// Bits depend on nothing else on a processor, and steps need not be cut for it.
  @Test func theProcessorsEngineStaysAsItIs() throws {
    var options = ModelOptions()
    (options.isDeterministic, options.device) = (true, .cpu)
    let model = try LoadedModel(folder: CheckpointGolden.path("llama-gqa"), options: options)
    #expect(try !model.makeEngine().limits.isDeterministic)
  }
}
