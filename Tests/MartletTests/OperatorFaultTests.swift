import MartletEngine
import MartletModels
import MartletRuntime
import Synchronization
import Testing

/// An operator of a real model that throws for one sequence ends that sequence, and changes nothing about the others: neither
/// a token nor a bit of a log-probability, neither then nor afterwards.
@Suite(.serialized, .timeLimit(.minutes(15))) struct OperatorFaultTests {
  /// When the operator throws.
  enum Moment: CaseIterable {
    case prompt, answer
  }

  private struct Result: Equatable, Sendable {
    var tokens: [GeneratedToken] = []
    var error: String?
  }

  /// What a request comes to, with all its log-probabilities.
  private static func collect(_ stream: TokenStream) async -> Result {
    var result = Result()
    do {
      for try await case .token(let token) in stream { result.tokens.append(token) }
    } catch {
      result.error = "\(error)"
    }
    return result
  }

  /// Computes requests that are there at once.
  private static func together(_ requests: [Request], on engine: Engine) async throws -> [Result] {
    let streams = try engine.submit(requests)
    return await withTaskGroup(of: (Int, Result).self) { group in
      for (index, stream) in streams.enumerated() { group.addTask { (index, await collect(stream)) } }
      return await group.reduce(into: Array(repeating: Result(), count: requests.count)) { $0[$1.0] = $1.1 }
    }
  }

  /// The operator's place in a step: where tokens become vectors, behind the first write to the cache, in the second layer.
  @Test(arguments: [0, 4, 9], Moment.allCases)
  func aFaultInAnOperatorStaysWithItsSequence(place: Int, moment: Moment) async throws {
    let name = try #require(CheckpointGolden.names.first { $0.contains("llama") })
    let golden = try CheckpointGolden.load(name)
    var sampling = SamplingParameters()
    sampling.logprobs = 5
    let others = golden.prompts.map { Request(prompt: $0.promptIds, sampling: sampling, maxTokens: 12) }
    let plain = try LoadedModel(folder: CheckpointGolden.path(name))
    var expected: [Result] = []
    for request in others { expected += try await Self.together([request], on: plain.makeEngine()) }

    // A token that only the sequence with the fault has.
    let used = Set(others.flatMap(\.prompt) + expected.flatMap { $0.tokens.map(\.token) })
    let size = Int32(plain.decoder.configuration.vocabularySize)
    let marked = try #require((0..<size).last { !used.contains($0) })
    var victim = Request(prompt: others[0].prompt, sampling: sampling, maxTokens: 12)
    switch moment {
    case .prompt: victim.prompt.insert(marked, at: victim.prompt.count / 2)
    case .answer: victim.sampling.logitBias = [marked: 100]
    }

    let faults = Mutex(0)
    var options = ModelOptions()
    options.watch = { index, tokens in
      guard index == place, tokens.contains(marked) else { return nil }
      faults.withLock { $0 += 1 }
      return .outOfMemory(device: .cpu, bytes: 1234)
    }
    let engine = try LoadedModel(folder: CheckpointGolden.path(name), options: options).makeEngine(sequences: 8)
    for round in 1...2 {
      let results = try await Self.together([victim] + others, on: engine)
      #expect(Array(results.dropFirst()) == expected, "round \(round)")
      #expect(results[0].error?.contains("1234 more bytes") == true, "\(results[0])")
      #expect(results[0].tokens.map(\.token) == (moment == .prompt ? [] : [marked]))
      // Together with the others, and then alone.
      #expect(faults.withLock { $0 } == 2 * round)
      let status = engine.status
      #expect(status.runningCount == 0 && status.waitingCount == 0 && status.freeBlockCount == status.blockCount)
    }
  }
}
