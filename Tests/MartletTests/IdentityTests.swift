import Foundation
import Martlet
import MartletEngine
import MartletHub
import MartletModels
import MartletRuntime
import Testing

/// What transformers generates greedily in f32 from the default model; made by `scripts/goldens/greedy.py`.
struct GreedyGolden: Decodable {
  struct Prompt: Decodable, CustomTestStringConvertible {
    struct Message: Decodable {
      let role: String
      let content: String
    }

    struct Candidate: Decodable {
      let token: Int32
      let logprob: Float
    }

    let name: String
    let messages: [Message]?
    let text: String
    let promptIDs: [Int32]
    let generated: [Int32]
    let finish: String
    let first: [Candidate]

    enum CodingKeys: String, CodingKey {
      case name, messages, text, generated, finish, first
      case promptIDs = "prompt_ids"
    }

    var testDescription: String { name }
  }

  let maximum: Int
  let prompts: [Prompt]

  enum CodingKeys: String, CodingKey {
    case maximum = "max_new_tokens"
    case prompts
  }

  static let shared: GreedyGolden = {
    do {
      let url = Bundle.module.bundleURL.appendingPathComponent("Goldens/greedy-smollm2.json")
      return try JSONDecoder().decode(GreedyGolden.self, from: Data(contentsOf: url))
    } catch {
      fatalError("cannot read the greedy golden file: \(error)")
    }
  }()
}

/// In `--compute f32` greedy tokens are those of transformers, alone, in a batch, in chunks and from the cache, and the
/// last three give the bits of the first.
@Suite(.serialized, .disabled(if: DefaultModel.isMissing, Comment(rawValue: DefaultModel.skipMessage)))
struct IdentityTests {
  static let golden = GreedyGolden.shared

  /// A generation's tokens and the log-probabilities of its first one.
  struct Result: Equatable, Sendable {
    var tokens: [Int32] = []
    var first: [TokenLogprob] = []
    var reason: FinishReason?
  }

  /// How many prompt tokens of a prompt come from the cache of an engine that has computed it before.
  private static func cachedTokens(_ prompt: GreedyGolden.Prompt, on engine: Engine) async throws -> Int? {
    for try await event in try engine.submit(Request(prompt: prompt.promptIDs, maxTokens: 1)) {
      if case .finished(let summary) = event { return summary.cachedTokenCount }
    }
    return nil
  }

  private static func loaded(
    _ compute: ComputeType = .f32, instructionSet: String? = nil, threads: Int? = nil
  ) throws -> LoadedModel {
    var options = ModelOptions()
    options.compute = compute
    options.threads = threads
    options.instructionSet = instructionSet
    return try LoadedModel(gguf: try #require(DefaultModel.path), options: options)
  }

  private static func generate(
    _ prompt: GreedyGolden.Prompt, on engine: Engine, tokens: Int = golden.maximum
  ) async throws -> Result {
    var sampling = SamplingParameters()
    sampling.logprobs = 5
    let request = Request(prompt: prompt.promptIDs, sampling: sampling, maxTokens: tokens, stopTokens: [0, 2])
    var result = Result()
    for try await event in try engine.submit(request) {
      switch event {
      case .prompt: break
      case .token(let token):
        if result.tokens.isEmpty { result.first = token.top }
        result.tokens.append(token.token)
      case .finished(let summary):
        result.reason = summary.reason
      }
    }
    return result
  }

  private static func generateTogether(
    _ prompts: [GreedyGolden.Prompt], on engine: Engine
  ) async throws -> [String: Result] {
    try await withThrowingTaskGroup(of: (String, Result).self) { group in
      for prompt in prompts {
        group.addTask { (prompt.name, try await generate(prompt, on: engine)) }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
  }

  private func expectIdentity(_ result: Result?, _ prompt: GreedyGolden.Prompt) {
    #expect(result?.tokens == prompt.generated, "\(prompt.name)")
    #expect(result?.reason?.rawValue == prompt.finish, "\(prompt.name)")
    for (candidate, expected) in zip(result?.first ?? [], prompt.first) {
      #expect(candidate.token == expected.token, "\(prompt.name)")
      #expect(abs(candidate.logprob - expected.logprob) < 1e-3, "\(prompt.name)")
    }
  }

  @Test func tokensEqualTransformersAloneTogetherAndInChunks() async throws {
    let model = try Self.loaded()
    // One at a time, each from an engine without a cache of what came before.
    var alone: [String: Result] = [:]
    for prompt in Self.golden.prompts {
      let engine = try model.makeEngine()
      let result = try await Self.generate(prompt, on: engine)
      expectIdentity(result, prompt)
      alone[prompt.name] = result
      await engine.shutdown()
    }
    // All together; then again, so that prompts come from the prefix cache; then with prompts in small chunks.
    let batching = try model.makeEngine(sequences: 3)
    let together = try await Self.generateTogether(Self.golden.prompts, on: batching)
    let again = try await Self.generateTogether(Self.golden.prompts, on: batching)
    let long = try #require(Self.golden.prompts.first { $0.name == "long-story" })
    #expect(try await Self.cachedTokens(long, on: batching) == 592, "all full blocks but the last token's")
    let chunking = try model.makeEngine(sequences: 3, tokensPerStep: 48)
    let chunked = try await Self.generateTogether(Self.golden.prompts, on: chunking)
    for name in alone.keys {
      #expect(together[name] == alone[name], "together: \(name)")
      #expect(again[name] == alone[name], "from the cache: \(name)")
      #expect(chunked[name] == alone[name], "in chunks: \(name)")
    }
  }

  @Test(arguments: InstructionSet.available)
  func tokensDoNotDependOnTheInstructionSet(_ name: String) async throws {
    let model = try Self.loaded(instructionSet: name, threads: 2)
    let engine = try model.makeEngine()
    for prompt in Self.golden.prompts where prompt.promptIDs.count < 30 {
      let result = try await Self.generate(prompt, on: engine, tokens: 16)
      #expect(result.tokens == Array(prompt.generated.prefix(16)), "\(prompt.name)")
    }
  }

  @Test func threadsDoNotChangeABit() async throws {
    let prompt = try #require(Self.golden.prompts.first { $0.name == "long-story" })
    let one = try await Self.generate(prompt, on: Self.loaded(.auto, threads: 1).makeEngine(), tokens: 8)
    let three = try await Self.generate(prompt, on: Self.loaded(.auto, threads: 3).makeEngine(), tokens: 8)
    #expect(one == three)
  }

  @Test(arguments: [ComputeType.auto, .f16, .bf16])
  func batchesAndChunksKeepTheBits(_ compute: ComputeType) async throws {
    let model = try Self.loaded(compute)
    let prompts = Self.golden.prompts.filter { ["long-table", "chat-turns", "one-token", "emoji"].contains($0.name) }
    var alone: [String: Result] = [:]
    for prompt in prompts { alone[prompt.name] = try await Self.generate(prompt, on: model.makeEngine()) }
    let together = try await Self.generateTogether(prompts, on: model.makeEngine(sequences: 2, tokensPerStep: 100))
    #expect(together == alone)
  }

  @Test func promptsEncodeAsInTransformers() throws {
    let text = try ModelFiles.textModel(try #require(DefaultModel.path))
    for prompt in Self.golden.prompts {
      if let messages = prompt.messages {
        let rendered = try text.render(
          .array(messages.map { Message(role: $0.role, content: $0.content).templateValue }))
        #expect(rendered == prompt.text, "\(prompt.name)")
        #expect(text.encodeRendered(rendered) == prompt.promptIDs, "\(prompt.name)")
      } else {
        #expect(text.tokenizer.encode(prompt.text, addSpecial: true) == prompt.promptIDs, "\(prompt.name)")
      }
    }
  }
}
