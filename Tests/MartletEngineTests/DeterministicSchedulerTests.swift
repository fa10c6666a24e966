import MartletEngine
import Testing

/// What steps the deterministic mode makes of requests; that results do not depend on company is `SchedulerRandomTests`'.
@Suite struct DeterministicSchedulerTests {
  private static func limits(
    blockSize: Int = 4, blockCount: Int = 32, maximumSequences: Int = 8, tokensPerStep: Int = 11
  ) -> EngineLimits {
    EngineLimits(
      vocabularySize: 50, contextLength: 80, blockSize: blockSize, blockCount: blockCount,
      maximumSequences: maximumSequences, tokensPerStep: tokensPerStep, isDeterministic: true)
  }

  private static func prompt(_ count: Int, seed: Int32 = 0) -> [Int32] {
    (0..<Int32(count)).map { ($0 * 7 + seed * 11) % 50 }
  }

  /// The model of these tests would tell if it were otherwise: by the steps of the usual mode it gives other tokens in company.
  @Test func theModelDependsOnWhatIsComputedTogether() throws {
    func generated(_ limits: EngineLimits, others: Int) throws -> [Int32] {
      var scheduler = Scheduler(limits: limits, key: .init(1, 2))
      var model = FakeModel(limits: Self.limits())
      let id = try scheduler.add(Request(prompt: Self.prompt(13), maxTokens: 8))
      for number in 0..<others {
        _ = try scheduler.add(Request(prompt: Self.prompt(5, seed: Int32(number)), maxTokens: 8))
      }
      var tokens: [Int32] = []
      while let step = scheduler.schedule() {
        let sampled = model.run(step).reduce(into: [:]) { $0[step.entries[$1.entry].id] = $1.token }
        for case .token(id, let token) in scheduler.complete(step, sampled: sampled) { tokens.append(token) }
      }
      return tokens
    }
    var usual = Self.limits()
    usual.isDeterministic = false
    #expect(try generated(usual, others: 0) != generated(usual, others: 2))
    #expect(try generated(Self.limits(), others: 0) == generated(Self.limits(), others: 2))
  }

  @Test func promptsAndGeneratedTokensTakeTurns() throws {
    var simulation = Simulation(limits: Self.limits())
    let first = try simulation.add(Request(prompt: Self.prompt(3), maxTokens: 9))
    let second = try simulation.add(Request(prompt: Self.prompt(20, seed: 1), maxTokens: 9))
    let third = try simulation.add(Request(prompt: Self.prompt(8, seed: 2), maxTokens: 9))
    let expected: [[(SequenceID, Range<Int>)]] = [
      // Whole blocks of 4 in steps of 11 tokens: pieces of 8.
      [(first, 0..<3)], [(first, 3..<4)], [(second, 0..<8)], [(first, 4..<5)], [(second, 8..<16)], [(first, 5..<6)],
      [(second, 16..<20)], [(first, 6..<7), (second, 20..<21)], [(third, 0..<8)],
      [(first, 7..<8), (second, 21..<22), (third, 8..<9)],
      [(first, 8..<9), (second, 22..<23), (third, 9..<10)],
    ]
    for entries in expected {
      let step = try simulation.requireStep()
      #expect(step.entries.map(\.id) == entries.map(\.0))
      #expect(step.entries.map(\.positions) == entries.map(\.1))
      #expect(step.decodeCount == (entries[0].1.count == 1 ? entries.count : 0))
    }
    simulation.drain()
  }

  /// Only pieces that another request has read in the same way.
  @Test func wholePiecesAreReused() throws {
    let prompt = Self.prompt(20)
    for (request, expected) in [
      (Request(prompt: prompt, maxTokens: 3), 16), (Request(prompt: Array(prompt[..<16]), maxTokens: 3), 8),
      (Request(prompt: Array(prompt[..<15]), maxTokens: 3), 8),
      (Request(prompt: prompt + [1, 2, 3, 4], maxTokens: 3), 16),
      (Request(prompt: Array(prompt[..<8]), maxTokens: 3), 0),
      (Request(prompt: prompt, maxTokens: 3, promptLogprobs: 0), 0),
    ] {
      var simulation = Simulation(limits: Self.limits())
      try simulation.add(Request(prompt: prompt, maxTokens: 9))
      simulation.drain()
      let id = try simulation.add(request)
      simulation.drain()
      #expect(simulation.outcomes[id]?.cachedTokenCount == expected)
    }
    // What was generated, or read piece by smaller piece for its scores, is nobody else's.
    for (earlier, count) in [
      (Request(prompt: Self.prompt(7), maxTokens: 30), 7),
      (Request(prompt: prompt, maxTokens: 1, promptLogprobs: 0), 20),
    ] {
      var simulation = Simulation(limits: Self.limits())
      let first = try simulation.add(earlier)
      simulation.drain()
      let tokens = earlier.prompt + (simulation.outputs[first] ?? [])
      #expect(tokens.count > count)
      let id = try simulation.add(Request(prompt: tokens + [1], maxTokens: 1))
      simulation.drain()
      #expect(simulation.outcomes[id]?.cachedTokenCount == 0)
    }
  }

  @Test func aSharedPieceIsReadOnceEvenIfAllComeAtOnce() throws {
    var simulation = Simulation(limits: Self.limits())
    let prompts = (0..<4).map { Self.prompt(16) + [Int32($0)] }
    for prompt in prompts { try simulation.add(Request(prompt: prompt, maxTokens: 2)) }
    var read = 0
    while let step = simulation.step() {
      read += step.entries.filter { $0.positions.lowerBound < 16 }.reduce(0) { $0 + $1.tokens.count }
    }
    #expect(read == 16)
    // These differ within their second piece.
    simulation = Simulation(limits: Self.limits())
    for number in 0..<4 as Range<Int32> {
      try simulation.add(Request(prompt: Self.prompt(13) + [number, 1, 2, 3, 4], maxTokens: 2))
    }
    read = 0
    while let step = simulation.step() {
      read += step.entries.filter { $0.positions.lowerBound < 16 }.reduce(0) { $0 + $1.tokens.count }
    }
    #expect(read == 8 + 4 * 8)
  }

  @Test func whatWasGeneratedIsComputedAgainTokenByToken() throws {
    var simulation = Simulation(limits: Self.limits(blockCount: 8))
    try simulation.add(Request(prompt: Self.prompt(9), maxTokens: 16))
    let young = try simulation.add(Request(prompt: Self.prompt(9, seed: 3), maxTokens: 12))
    var seen: [(positions: Range<Int>, wantsLogits: Bool)] = []
    while let step = simulation.step() {
      seen += step.entries.filter { $0.id == young }.map { ($0.positions, $0.wantsLogits) }
    }
    #expect(simulation.scheduler.preemptionCount > 0)
    let again = seen.filter { $0.positions.lowerBound >= 9 && !$0.wantsLogits }
    #expect(!again.isEmpty)
    #expect(again.allSatisfy { $0.positions.count == 1 })
    #expect(seen.allSatisfy { $0.positions.lowerBound >= 9 || [0..<8, 8..<9].contains($0.positions) })
  }

  /// A scored prompt is read in the same pieces when it loses its blocks and has its scores already.
  @Test func scoredPromptsAreCutByThemselves() throws {
    let limits = EngineLimits(
      vocabularySize: 50, contextLength: 600, blockSize: 4, blockCount: 150, maximumSequences: 4, tokensPerStep: 256,
      isDeterministic: true)
    var simulation = Simulation(limits: limits)
    try simulation.add(Request(prompt: Self.prompt(290), maxTokens: 60))
    let id = try simulation.add(Request(prompt: Self.prompt(280, seed: 1), maxTokens: 60, promptLogprobs: 2))
    var pieces: [Range<Int>] = []
    while let step = simulation.step() {
      pieces += step.entries.filter { $0.id == id && $0.positions.lowerBound < 280 }.map(\.positions)
    }
    #expect(simulation.scheduler.preemptionCount > 0)
    #expect(pieces == [0..<128, 128..<256, 256..<280, 0..<128, 128..<256, 256..<280])
  }
}
