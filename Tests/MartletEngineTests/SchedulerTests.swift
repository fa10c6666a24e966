import MartletEngine
import Testing

@Suite struct SchedulerTests {
  static func limits(
    contextLength: Int = 64, blockSize: Int = 4, blockCount: Int = 16, maximumSequences: Int = 8,
    tokensPerStep: Int = 16
  ) -> EngineLimits {
    EngineLimits(
      vocabularySize: 50, contextLength: contextLength, blockSize: blockSize, blockCount: blockCount,
      maximumSequences: maximumSequences, tokensPerStep: tokensPerStep)
  }

  @Test func cutsPromptsIntoChunksAfterTheDecodes() throws {
    var simulation = Simulation(limits: Self.limits(tokensPerStep: 6))
    let first = try simulation.add(Request(prompt: [1, 2, 3], maxTokens: 8))
    var step = try simulation.requireStep()
    #expect(step.entries.map(\.positions) == [0..<3])
    #expect(step.decodeCount == 0)
    let second = try simulation.add(Request(prompt: Array(10..<21), maxTokens: 8))
    let third = try simulation.add(Request(prompt: [4, 5, 6, 7], maxTokens: 8))
    step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [first, second])
    #expect(step.entries.map(\.positions) == [3..<4, 0..<5])
    #expect(step.entries.map(\.wantsLogits) == [true, false])
    #expect(step.decodeCount == 1)
    step = try simulation.requireStep()
    #expect(step.entries.map(\.positions) == [4..<5, 5..<10])
    step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [first, second, third])
    #expect(step.entries.map(\.positions) == [5..<6, 10..<11, 0..<4])
    #expect(step.entries.map(\.wantsLogits) == [true, true, true])
    #expect(step.decodeCount == 2)
    #expect(step.logitRows == [0, 1, 5])
    #expect(step.sequenceLengths == [6, 11, 4])
    #expect(step.queryOffsets == [0, 1, 2, 6])
  }

  @Test func higherPriorityGoesFirst() throws {
    var simulation = Simulation(limits: Self.limits(tokensPerStep: 4))
    let low = try simulation.add(Request(prompt: [1, 2, 3, 4], maxTokens: 2, priority: -1))
    let early = try simulation.add(Request(prompt: [5, 6, 7, 8], maxTokens: 2))
    let late = try simulation.add(Request(prompt: [9, 10, 11, 12], maxTokens: 2, priority: 3))
    simulation.drain()
    #expect(simulation.admissions == [late, early, low])
  }

  @Test func preemptsTheYoungestAndResumesItFirst() throws {
    var simulation = Simulation(limits: Self.limits(contextLength: 20, blockCount: 6))
    let old = try simulation.add(Request(prompt: [1, 2, 3, 4, 5, 6, 7, 8], maxTokens: 12))
    let young = try simulation.add(Request(prompt: [9, 10, 11, 12, 13, 14, 15], maxTokens: 12))
    let last = try simulation.add(Request(prompt: [20], maxTokens: 12))
    simulation.drain()
    #expect(simulation.scheduler.preemptionCount >= 1)
    #expect(simulation.finished.first == old)
    #expect(simulation.admissions.firstIndex(of: young)! < simulation.admissions.lastIndex(of: young)!)
    #expect(simulation.admissions.lastIndex(of: young)! < simulation.admissions.firstIndex(of: last)!)
  }

  @Test func reusesPrefixesButAlwaysComputesTheLastToken() throws {
    let prompt = Array(0..<16 as Range<Int32>)
    for (request, expected) in [
      (Request(prompt: prompt, maxTokens: 3), 12),
      (Request(prompt: prompt + [1], maxTokens: 3), 16),
      (Request(prompt: Array(prompt[..<9]) + [40, 41], maxTokens: 3), 8),
      (Request(prompt: [40] + prompt, maxTokens: 3), 0),
      (Request(prompt: prompt, maxTokens: 3, cacheSalt: "other tenant"), 0),
    ] {
      var simulation = Simulation(limits: Self.limits(tokensPerStep: 20))
      try simulation.add(Request(prompt: prompt, maxTokens: 3))
      simulation.drain()
      let id = try simulation.add(request)
      let step = try simulation.requireStep()
      #expect(step.entries.map(\.positions) == [expected..<request.prompt.count])
      simulation.drain()
      #expect(simulation.outcomes[id]?.cachedTokenCount == expected)
    }
  }

  @Test func readsASharedPromptOnceEvenIfAllComeAtOnce() throws {
    var simulation = Simulation(limits: Self.limits(tokensPerStep: 8))
    let prompt = Array(0..<13 as Range<Int32>)
    let first = try simulation.add(Request(prompt: prompt, maxTokens: 3))
    let copies = try (0..<3).map { _ in try simulation.add(Request(prompt: prompt, maxTokens: 3)) }
    let other = try simulation.add(Request(prompt: [40, 41], maxTokens: 3))
    // The copies wait for the blocks that the first computes; the one with nothing in common does not.
    var step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [first])
    step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [first, other])
    #expect(step.entries.map(\.positions) == [8..<13, 0..<2])
    // Now only the last token of each, whose logits are wanted.
    step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [first, other] + copies)
    #expect(step.entries.dropFirst(2).map(\.positions) == [12..<13, 12..<13, 12..<13])
    simulation.drain()
    #expect(simulation.outcomes.values.map(\.cachedTokenCount).sorted() == [0, 0, 12, 12, 12])
  }

  @Test func aSequenceThatLosesItsPredecessorComputesThePromptItself() throws {
    var simulation = Simulation(limits: Self.limits(tokensPerStep: 4))
    let prompt = Array(0..<10 as Range<Int32>)
    let first = try simulation.add(Request(prompt: prompt, maxTokens: 3))
    let second = try simulation.add(Request(prompt: prompt, maxTokens: 3))
    simulation.step()
    simulation.cancel(first)
    let step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [second])
    #expect(step.entries.map(\.positions) == [4..<8])
    simulation.drain()
    #expect(simulation.finished == [second])
  }

  @Test func anAbandonedStepIsMadeAgain() throws {
    var simulation = Simulation(limits: Self.limits())
    try simulation.add(Request(prompt: [1, 2, 3, 4], maxTokens: 9))
    simulation.step()
    let step = simulation.scheduler.schedule()
    try simulation.scheduler.abandon(#require(step))
    simulation.scheduler._checkInvariants()
    let again = simulation.scheduler.schedule()
    #expect(again?.slots == step?.slots && again?.tokens == step?.tokens)
    try simulation.scheduler.abandon(#require(again))
    simulation.drain()
  }

  @Test func refusesWhatCanNeverFit() throws {
    let limits = EngineLimits(
      vocabularySize: 50, contextLength: 40, blockSize: 4, blockCount: 8, adapters: ["tuned"])
    func check(_ request: Request, _ expected: RequestError, _ limits: EngineLimits) {
      var scheduler = Scheduler(limits: limits, key: .init(1, 2))
      #expect(throws: expected) { try scheduler.add(request) }
      #expect(scheduler.isIdle)
      scheduler._checkInvariants()
    }
    let long = Request(prompt: Array(repeating: 1, count: 32))
    check(long, .exceedsCache(promptTokens: 32, cacheTokens: 32), limits)
    var short = limits
    short.contextLength = 32
    check(long, .exceedsContext(promptTokens: 32, contextLength: 32), short)
    check(Request(prompt: []), .empty(field: "prompt"), limits)
    check(Request(prompt: [1, 50]), .unknownToken(field: "prompt", token: 50, vocabularySize: 50), limits)
    check(Request(prompt: [-1]), .unknownToken(field: "prompt", token: -1, vocabularySize: 50), limits)
    check(Request(prompt: [1], adapter: "tune"), .unknownAdapter(name: "tune", loaded: ["tuned"]), limits)
    var biased = Request(prompt: [1])
    biased.sampling.logitBias = [77: 1]
    check(biased, .unknownToken(field: "logit_bias", token: 77, vocabularySize: 50), limits)
    var fitting = Scheduler(limits: limits, key: .init(1, 2))
    _ = try fitting.add(Request(prompt: Array(repeating: 1, count: 31), adapter: "tuned"))
  }

  @Test func theContextEndsAGeneration() throws {
    var simulation = Simulation(limits: Self.limits(contextLength: 10))
    let id = try simulation.add(Request(prompt: [1, 2, 3, 4]))
    simulation.drain()
    #expect(simulation.outcomes[id]?.reason == .length)
    #expect(simulation.outcomes[id]?.generatedTokenCount == 6)
  }

  @Test func theCacheEndsAGenerationThatHasItAlone() throws {
    var simulation = Simulation(limits: Self.limits(blockSize: 4, blockCount: 3))
    let id = try simulation.add(Request(prompt: [1, 2, 3, 4]))
    simulation.drain()
    #expect(simulation.outcomes[id]?.generatedTokenCount == 8)
  }
}
