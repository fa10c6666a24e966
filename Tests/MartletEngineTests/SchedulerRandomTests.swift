import MartletEngine
import Testing

@Suite struct SchedulerRandomTests {
  /// How often the situations came up that the test is about: it would prove little without them.
  private struct Coverage {
    var preemptions = 0
    var hits = 0
    var chunks = 0
    var cancels = 0
    var stops = 0
  }

  /// Random requests are added and cancelled, also while a step is pending, under random limits that are mostly too
  /// tight. Whatever happens, each sequence that ends has what it would have had alone; in the deterministic mode also on a
  /// device whose results depend on what is computed together.
  @Test(arguments: 0..<20 as Range<UInt64>, [false, true])
  func everySequenceEndsAsIfAlone(batch: UInt64, isDeterministic: Bool) throws {
    var coverage = Coverage()
    for seed in (batch * 150)..<(batch * 150 + 150) {
      try run(seed: seed, isDeterministic: isDeterministic, &coverage)
    }
    #expect(coverage.preemptions > 20 && coverage.hits > 20 && coverage.chunks > 20)
    #expect(coverage.cancels > 20 && coverage.stops > 20)
  }

  private func run(seed: UInt64, isDeterministic: Bool, _ coverage: inout Coverage) throws {
    var random = SplitMix64(state: seed)
    let limits = EngineLimits(
      vocabularySize: 24, contextLength: .random(in: 8...40, using: &random),
      blockSize: .random(in: 1...5, using: &random),
      blockCount: .random(in: 4...14, using: &random), maximumSequences: .random(in: 1...6, using: &random),
      tokensPerStep: .random(in: 1...20, using: &random), adapters: ["tuned"], isDeterministic: isDeterministic)
    var simulation = Simulation(limits: limits)
    // Prompts begin alike, so that they share blocks.
    let common = (0..<24).map { _ in Int32.random(in: 0..<3, using: &random) }
    for _ in 0..<20 {
      try change(&simulation, common, &random, &coverage)
      try simulation.step { simulation in
        if random.chance(0.3) { try change(&simulation, common, &random, &coverage) }
      }
    }
    simulation.drain()
    #expect(simulation.requests.isEmpty)
    coverage.preemptions += simulation.scheduler.preemptionCount
    coverage.chunks += simulation.chunkCount
    for outcome in simulation.outcomes.values {
      coverage.hits += outcome.cachedTokenCount > 0 ? 1 : 0
      coverage.stops += outcome.reason == .stop ? 1 : 0
    }
  }

  private func change(
    _ simulation: inout Simulation, _ common: [Int32], _ random: inout SplitMix64, _ coverage: inout Coverage
  ) throws {
    if random.chance(0.15), let id = simulation.requests.keys.sorted().randomElement(using: &random) {
      simulation.cancel(id)
      coverage.cancels += 1
    } else if random.chance(0.6) {
      let limits = simulation.scheduler.limits
      let own = (0..<Int.random(in: 1...4, using: &random)).map { _ in Int32.random(in: 0..<24, using: &random) }
      let prompt = common.prefix(.random(in: 0...24, using: &random)) + own
      let request = Request(
        prompt: Array(prompt), maxTokens: random.chance(0.2) ? nil : .random(in: 1...12, using: &random),
        stopTokens: random.chance(0.5) ? [3, 7] : [],
        priority: random.chance(0.2) ? .random(in: -1...1, using: &random) : 0,
        adapter: random.chance(0.2) ? "tuned" : nil, cacheSalt: random.chance(0.2) ? "tenant" : nil,
        tenant: [nil, "a", "b"].randomElement(using: &random) ?? nil,
        promptLogprobs: random.chance(0.1) ? 0 : nil)
      if prompt.count >= limits.sequenceTokens {
        #expect(throws: RequestError.self) { try simulation.add(request) }
      } else {
        try simulation.add(request)
      }
    }
  }

  @Test func theSameInputsGiveTheSameSteps() throws {
    func trace() throws -> [[Int32]] {
      var random = SplitMix64(state: 5)
      var simulation = Simulation(limits: SchedulerTests.limits(blockCount: 8))
      var slots: [[Int32]] = []
      for _ in 0..<30 {
        let prompt = (0..<Int.random(in: 1...9, using: &random)).map { _ in Int32.random(in: 0..<3, using: &random) }
        try simulation.add(Request(prompt: prompt, maxTokens: 6))
        if let step = simulation.step() { slots.append(step.slots) }
      }
      return slots
    }
    #expect(try trace() == trace())
  }
}
