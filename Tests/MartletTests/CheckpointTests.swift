import Foundation
import MartletEngine
import MartletModels
import MartletRuntime
import MartletTensor
import Testing

/// A small random checkpoint and what transformers computes from it; made by `scripts/goldens/checkpoints.py`, which
/// explains the fields.
struct CheckpointGolden: Decodable {
  struct Candidate: Decodable {
    let token: Int32
    let logprob: Float
  }

  struct Prompt: Decodable {
    let promptIds: [Int32]
    let generated: [Int32]
    let finish: String
    let first: [Candidate]
  }

  struct Row: Decodable {
    let prompt: Int
    let positions: [Int]
    let step: Int
    let logits: [[Double]]
  }

  struct Reference: Decodable {
    let compute: [String]
    let rows: [Row]
  }

  struct Errors: Decodable {
    let total: Double
  }

  let name: String
  let maxNewTokens: Int
  let stopTokens: [Int32]
  let older: [String]
  let prompts: [Prompt]
  let float64: [Reference]
  let transformers: [String: Errors]

  static let folder = Bundle.module.bundleURL.appendingPathComponent("Goldens/checkpoints")

  static let names: [String] = {
    let contents = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return contents.filter { $0 != "refused" }.sorted()
  }()

  static func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  static func load(_ name: String) throws -> CheckpointGolden {
    let url = folder.appendingPathComponent("\(name)/golden.json")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(CheckpointGolden.self, from: Data(contentsOf: url))
  }
}

@Suite(.serialized) struct CheckpointTests {
  private struct Result: Equatable, Sendable {
    var tokens: [Int32] = []
    var first: [TokenLogprob] = []
    var reason: FinishReason?
  }

  private static func loaded(_ name: String, _ compute: ComputeType) throws -> LoadedModel {
    var options = ModelOptions()
    options.compute = compute
    return try LoadedModel(folder: CheckpointGolden.path(name), options: options)
  }

  private static func generate(
    _ prompt: CheckpointGolden.Prompt, _ golden: CheckpointGolden, on engine: Engine
  ) async throws -> Result {
    var sampling = SamplingParameters()
    sampling.logprobs = 20
    let request = Request(
      prompt: prompt.promptIds, sampling: sampling, maxTokens: golden.maxNewTokens,
      stopTokens: Set(golden.stopTokens))
    var result = Result()
    for try await event in try engine.submit(request) {
      switch event {
      case .prompt: break
      case .token(let token):
        if result.tokens.isEmpty { result.first = token.top }
        result.tokens.append(token.token)
      case .finished(let summary): result.reason = summary.reason
      }
    }
    return result
  }

  private static func together(_ golden: CheckpointGolden, on engine: Engine) async throws -> [Int: Result] {
    try await withThrowingTaskGroup(of: (Int, Result).self) { group in
      for (index, prompt) in golden.prompts.enumerated() {
        group.addTask { (index, try await generate(prompt, golden, on: engine)) }
      }
      return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
    }
  }

  @Test func thereAreCheckpoints() { #expect(CheckpointGolden.names.count >= 20) }

  @Test(arguments: CheckpointGolden.names)
  func tokensEqualTransformers(_ name: String) async throws {
    let golden = try CheckpointGolden.load(name)
    let model = try Self.loaded(name, .f32)
    var alone: [Int: Result] = [:]
    for (index, prompt) in golden.prompts.enumerated() {
      let result = try await Self.generate(prompt, golden, on: model.makeEngine())
      #expect(result.tokens == prompt.generated, "prompt \(index)")
      #expect(result.reason?.rawValue == prompt.finish, "prompt \(index)")
      for (candidate, expected) in zip(result.first, prompt.first) {
        #expect(candidate.token == expected.token, "prompt \(index)")
        #expect(abs(candidate.logprob - expected.logprob) < 1e-3, "prompt \(index)")
      }
      alone[index] = result
    }
    let batching = try model.makeEngine(sequences: 4)
    #expect(try await Self.together(golden, on: batching) == alone)
    #expect(try await Self.together(golden, on: batching) == alone, "from the prefix cache")
    #expect(
      try await Self.together(golden, on: model.makeEngine(sequences: 4, tokensPerStep: 24)) == alone, "in chunks")
  }

  @Test(arguments: CheckpointGolden.names)
  func olderSpellingsMeanTheSame(_ name: String) throws {
    let path = CheckpointGolden.path(name)
    let configuration = try DecoderConfiguration(folder: CheckpointFolder(path: path))
    for older in try CheckpointGolden.load(name).older {
      let other = try DecoderConfiguration(folder: CheckpointFolder(path: path, configuration: older))
      #expect(other == configuration, "\(older)")
    }
  }

  /// Half-precision errors against float64 beside those of transformers. The ratio of one small checkpoint varies by
  /// some 5 % with the choice of positions, so 1.1 is asked of their geometric mean and 1.25 of each.
  @Test(arguments: [ComputeType.f16, .bf16])
  func halfPrecisionIsAsCloseToFloat64AsTransformers(_ compute: ComputeType) throws {
    var logarithms = 0.0
    var count = 0.0
    for name in CheckpointGolden.names {
      let golden = try CheckpointGolden.load(name)
      let reference = try #require(golden.float64.first { $0.compute.contains(compute.rawValue) })
      let error = try Self.error(golden, reference, Self.loaded(name, compute))
      let theirs = try #require(golden.transformers[compute.rawValue]).total
      #expect(error <= 1.25 * theirs, "\(name): \(error), transformers \(theirs)")
      logarithms += log(error / theirs)
      count += 1
    }
    let mean = exp(logarithms / count)
    #expect(mean <= 1.1, "geometric mean of the ratios: \(mean)")
    print("\(compute.rawValue): error against float64 is \(mean) of transformers' (geometric mean of \(Int(count)))")
  }

  /// The relative error over all numbers of all rows.
  private static func error(
    _ golden: CheckpointGolden, _ reference: CheckpointGolden.Reference, _ model: LoadedModel
  ) throws -> Double {
    let stream = try model.makeStream()
    var (difference, norm) = (0.0, 0.0)
    for row in reference.rows {
      let ids = golden.prompts[row.prompt].promptIds
      let cache = try KVCache(
        model.decoder.configuration, blockCount: ids.count / 16 + 1, model.decoder.cacheType, on: stream.runtime)
      var pass = try Pass(model.decoder, cache: cache, on: stream)
      var batch = Batch(sequence: ids, logitRows: row.positions.map { Int32($0) })
      batch.rotaryLengths = model.decoder.rotaryLengths(0..<ids.count, promptLength: ids.count)
      let logits = try #require(try pass.forward(batch))
      let values = try logits.hostValues(on: stream.runtime)
      for (index, expected) in row.logits.enumerated() {
        for (number, value) in expected.enumerated() {
          let own = values[index * logits.shape[1] + number * row.step]
          difference += (own - value) * (own - value)
          norm += value * value
        }
      }
    }
    return (difference / norm).squareRoot()
  }
}

/// Configurations that ask for what Martlet does not do are refused by the name of the field.
@Suite struct RefusedConfigurationTests {
  struct Refusal: Decodable, CustomTestStringConvertible {
    let name: String
    let fields: [String]
    var testDescription: String { name }
  }

  static let table: [Refusal] = {
    let url = CheckpointGolden.folder.appendingPathComponent("refused/table.json")
    return (try? JSONDecoder().decode([Refusal].self, from: Data(contentsOf: url))) ?? []
  }()

  @Test func thereAreRefusals() { #expect(Self.table.count >= 50) }

  @Test(arguments: table)
  func isRefusedByName(_ refusal: Refusal) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let source = CheckpointGolden.folder
    try FileManager.default.copyItem(
      at: source.appendingPathComponent("refused/\(refusal.name).json"),
      to: folder.appendingPathComponent("config.json"))
    try FileManager.default.copyItem(
      at: source.appendingPathComponent("llama-gqa/model.safetensors"),
      to: folder.appendingPathComponent("model.safetensors"))
    let error = #expect(throws: (any Error).self) {
      _ = try DecoderConfiguration(folder: CheckpointFolder(path: folder.path))
    }
    let message = error.map { "\($0)" } ?? ""
    #expect(refusal.fields.isEmpty || refusal.fields.contains { message.contains($0) }, "\(message)")
  }
}
