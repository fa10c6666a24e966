import MartletModels
import MartletOperators
import MartletRuntime
import MartletTensor
import Synchronization
import Testing

@testable import MartletEngine

/// Choosing tokens where the logits are: the same tokens as by the sampler on the host.
@Suite(.timeLimit(.minutes(15))) struct DeviceSamplingTests {
  private static let rules: [SamplingRule] = [
    SamplingRule(), SamplingRule(temperature: 1, seed: 5, position: 3),
    SamplingRule(temperature: 2, topK: 9, topP: 0.7, seed: 1 << 60, position: 1 << 33),
    SamplingRule(temperature: 0.5, topP: 0.9, minP: 0.01, seed: 7),
  ]

  @Test func aPassChoosesByTheRulesOfItsRows() throws {
    let subject = try TinyDecoder.subject(.f32, TinyDecoder.wideConfiguration, bias: false, threads: 2)
    let cache = try KVCache(
      subject.decoder.configuration, blockCount: 2, subject.decoder.cacheType, on: subject.stream.runtime)
    var pass = try Pass(subject.decoder, cache: cache, on: subject.stream)
    var batch = Batch(sequence: (0..<20).map { $0 * 4 }, logitRows: [3, 7, 11, 19])
    let logits = try #require(try pass.forward(batch))
    let width = subject.decoder.configuration.vocabularySize
    let values = UnsafeBufferPointer(start: logits.pointer(as: Float.self), count: 4 * width).map { $0 }
    var scratch = SamplingScratch()
    // Another order of rules finds the plan of the first; what is not sampled has one of its own.
    for rules in [Self.rules, Self.rules.reversed()] {
      let expected = rules.enumerated().map { row, rule in
        values[row * width..<(row + 1) * width].withUnsafeBufferPointer { rule.choose(from: $0, scratch: &scratch) }
      }
      batch.rules = rules
      #expect(try pass.sample(batch) == expected)
      batch.rules = []
      #expect(try pass.mostProbable(batch).count == 4)
    }
  }

  /// A runner that chooses by itself, unless it is told not to.
  private struct ChoosingRunner: StepRunner {
    final class Counts: Sendable {
      let chosen = Mutex(0)
      let refuses = Mutex(false)
    }
    var base: FakeRunner
    let counts: Counts

    mutating func run(_ step: Step, logits body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws {
      try base.run(step, logits: body)
    }

    mutating func choose(_ step: Step, by rules: [SamplingRule]) throws -> [Int32]? {
      if counts.refuses.withLock({ $0 }) { return nil }
      counts.chosen.withLock { $0 += 1 }
      var tokens: [Int32] = []
      var scratch = SamplingScratch()
      try base.run(step) { _, row in
        tokens.append(rules[tokens.count].choose(from: UnsafeBufferPointer(row), scratch: &scratch) ?? -1)
      }
      return tokens
    }
  }

  private func texts(_ requests: [Request], by runner: sending any StepRunner) async throws -> [[Int32]] {
    let engine = Engine(runner: runner, limits: EngineTests.limits())
    return try await withThrowingTaskGroup(of: (Int, [Int32]).self) { group in
      for (index, request) in requests.enumerated() {
        group.addTask { (index, try await EngineTests.collect(engine.submit(request)).0) }
      }
      var found = Array(repeating: [Int32](), count: requests.count)
      for try await (index, tokens) in group { found[index] = tokens }
      return found
    }
  }

  @Test func theEngineLeavesTheChoiceToARunnerThatCan() async throws {
    let limits = EngineTests.limits()
    let requests = (0..<12).map { number in
      var request = Request(prompt: (0...Int32(number)).map { $0 }, maxTokens: 10)
      request.sampling = SamplingParameters(
        temperature: number % 4 == 0 ? 0 : 8, topK: number % 3 * 10, topP: number % 2 == 0 ? 1 : 0.8,
        seed: UInt64(number))
      return request
    }
    let expected = try await texts(requests, by: FakeRunner(limits: limits))
    #expect(Set(expected).count > 6)
    let counts = ChoosingRunner.Counts()
    #expect(try await texts(requests, by: ChoosingRunner(base: FakeRunner(limits: limits), counts: counts)) == expected)
    #expect(counts.chosen.withLock { $0 } > 0)

    // What depends on earlier tokens, and what asks for probabilities, is the sampler's.
    var (penalised, scored) = (requests, requests)
    for index in requests.indices {
      penalised[index].sampling.presencePenalty = 1
      scored[index].sampling.logprobs = 2
    }
    let before = counts.chosen.withLock { $0 }
    for others in [penalised, scored] {
      let wanted = try await texts(others, by: FakeRunner(limits: limits))
      #expect(try await texts(others, by: ChoosingRunner(base: FakeRunner(limits: limits), counts: counts)) == wanted)
    }
    #expect(counts.chosen.withLock { $0 } == before)

    counts.refuses.withLock { $0 = true }
    #expect(try await texts(requests, by: ChoosingRunner(base: FakeRunner(limits: limits), counts: counts)) == expected)
    #expect(counts.chosen.withLock { $0 } == before)
  }
}
