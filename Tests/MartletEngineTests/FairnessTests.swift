import MartletEngine
import Testing

/// Who goes first, who has to go, and who is let in: tenants, priorities and the places of the queue.
@Suite struct FairnessTests {
  static let one = ServingTests.one

  // MARK: - Shares

  /// What a request might generate is not what its tenant had.
  @Test func aTenantIsChargedForWhatItUses() throws {
    var simulation = Simulation(limits: Self.one)
    // "a" asks for all that fits and ends after few tokens; "b" asks for little.
    var long = ServingTests.request(0, tenant: "a", tokens: 4)
    let expected = FakeModel.expected(ServingTests.request(0, tenant: nil, tokens: 5), limits: Self.one).tokens
    long.maxTokens = nil
    long.stopTokens = [expected[4]]
    try #require(!expected[..<4].contains(expected[4]))
    let first = try simulation.add(long)
    let second = try simulation.add(ServingTests.request(1, tenant: "a"))
    let others = try (2..<6).map { try simulation.add(ServingTests.request($0, tenant: "b")) }
    while simulation.step() != nil {}
    // The first had 10 tokens computed and each of the others 9, whatever it might have had.
    #expect(simulation.admissions == [first, others[0], others[1], second, others[2], others[3]])
  }

  /// A tenant is not charged for what the cache had or for what is computed again.
  @Test func cachedTokensCostNothing() throws {
    var simulation = Simulation(limits: Self.one)
    let prompt = Array(0..<20 as Range<Int32>)
    func request(_ tenant: String, _ first: Int32) -> Request {
      Request(prompt: [first] + prompt, maxTokens: 2, cacheSalt: tenant, tenant: tenant)
    }
    // The prompts of "a" are computed once; each of "b" is another one.
    let a = try (0..<5).map { _ in try simulation.add(request("a", 30)) }
    let b = try (0..<3).map { try simulation.add(request("b", 31 + Int32($0))) }
    while simulation.step() != nil {}
    #expect(simulation.admissions == [a[0], b[0], a[1], b[1], a[2], a[3], a[4], b[2]])
  }

  // MARK: - Priority

  /// A slot that work of lower priority holds is given up, and that work goes on where it was.
  @Test func aHigherPriorityTakesTheSlotOfALower() throws {
    var simulation = Simulation(limits: SchedulerTests.limits(maximumSequences: 2))
    let low = try (0..<2).map { try simulation.add(ServingTests.request($0, tenant: nil, tokens: 20, priority: -1)) }
    for _ in 0..<3 { simulation.step() }
    let high = try simulation.add(ServingTests.request(2, tenant: nil, tokens: 3, priority: 2))
    let step = try simulation.requireStep()
    #expect(Set(step.entries.map(\.id)) == [low[0], high], "the last of the lower ones goes, and no more")
    #expect(simulation.scheduler.preemptionCount == 1)
    simulation.drain()
    #expect(simulation.finished.first == high)
    // Its blocks stayed in the cache: only what was in none is computed again.
    #expect(simulation.scheduler.preemptionCount == 1)
  }

  /// The same where blocks are what is missing.
  @Test func aHigherPriorityTakesTheBlocksOfALower() throws {
    var simulation = Simulation(limits: SchedulerTests.limits(contextLength: 30, blockCount: 8))
    let low = try simulation.add(Request(prompt: Array(0..<20), maxTokens: 9, priority: 0))
    for _ in 0..<3 { simulation.step() }
    let high = try simulation.add(Request(prompt: Array(20..<40), maxTokens: 2, priority: 1))
    let step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [high])
    simulation.drain()
    #expect(simulation.finished == [high, low])
  }

  /// Nobody has to go where that would not make room.
  @Test func nobodyGoesInVain() throws {
    var simulation = Simulation(limits: SchedulerTests.limits(contextLength: 40, blockCount: 10))
    let equal = try simulation.add(Request(prompt: Array(0..<24), maxTokens: 9, priority: 1))
    simulation.step()
    simulation.step()
    let low = try simulation.add(Request(prompt: [40, 41], maxTokens: 4, priority: 0))
    simulation.step()
    let high = try simulation.add(Request(prompt: Array(10..<34), maxTokens: 2, priority: 1))
    let step = try simulation.requireStep()
    #expect(step.entries.map(\.id) == [equal, low])
    #expect(simulation.scheduler.preemptionCount == 0)
    simulation.drain()
    #expect(Set(simulation.finished) == [equal, low, high])
  }

  /// Equals, whosever they are, never take each other's place.
  @Test func equalsDoNotThrash() throws {
    var simulation = Simulation(limits: SchedulerTests.limits(blockCount: 64, maximumSequences: 2))
    for number in 0..<12 {
      try simulation.add(
        ServingTests.request(number, tenant: number % 3 == 0 ? "a" : "b", tokens: 12, priority: 5))
      simulation.step()
    }
    simulation.drain()
    #expect(simulation.scheduler.preemptionCount == 0)
  }

  /// As many victims as arrivals at most, though priorities mix.
  @Test func eachArrivalTakesOnePlaceAtMost() throws {
    var simulation = Simulation(limits: SchedulerTests.limits(blockCount: 64, maximumSequences: 3))
    for number in 0..<30 {
      try simulation.add(ServingTests.request(number, tenant: nil, tokens: 10, priority: number * 7 % 4))
      simulation.step()
    }
    simulation.drain()
    #expect((1...30).contains(simulation.scheduler.preemptionCount))
    #expect(simulation.finished.count == 30)
  }

  /// A prompt that a sequence of low priority is at does not make one of high priority wait for it.
  @Test func aSharedPromptDoesNotLendALowPriority() throws {
    var simulation = Simulation(limits: SchedulerTests.limits(blockCount: 64, tokensPerStep: 8))
    let prompt = Array(0..<30 as Range<Int32>)
    let low = try simulation.add(Request(prompt: prompt, maxTokens: 2, priority: -5))
    simulation.step()
    // These fill every step before the low one has a turn.
    let middle = try simulation.add(Request(prompt: Array((0..<45).map { 49 - $0 }), maxTokens: 2))
    let high = try simulation.add(Request(prompt: prompt, maxTokens: 2, priority: 5))
    let step = try simulation.requireStep()
    #expect(step.entries.first?.id == high)
    // What the low one had computed is not computed again.
    #expect(step.entries.first?.positions.lowerBound == 8)
    simulation.drain()
    #expect(simulation.finished == [high, middle, low])
  }

  // MARK: - The queue

  private func scheduler(slots: Int, queue: Int) -> Scheduler {
    var limits = Self.one
    limits.maximumSequences = slots
    limits.maximumWaiting = queue
    return Scheduler(limits: limits, key: .init(1, 2))
  }

  /// Sends requests of a tenant until one is refused; returns how many were taken.
  private func fill(_ scheduler: inout Scheduler, _ tenant: String?) throws -> Int {
    for count in 0..<10_000 {
      guard scheduler.refusal(of: 1, tenant: tenant) == nil else { return count }
      _ = try scheduler.add(ServingTests.request(count, tenant: tenant))
    }
    Issue.record("the queue has no end")
    return 0
  }

  @Test func aTenantLeavesAsManyPlacesAsItHolds() throws {
    for (slots, queue) in [(1, 1), (2, 2), (3, 7), (4, 64), (1, 0)] {
      var scheduler = scheduler(slots: slots, queue: queue)
      #expect(try fill(&scheduler, "a") == slots + (queue + 1) / 2)
      // Another one finds places: as many again as it leaves free.
      let left = queue - (queue + 1) / 2
      #expect(try fill(&scheduler, "b") == (left + 1) / 2)
      // Requests without a name take what is left.
      let last = left - (left + 1) / 2
      #expect(scheduler.refusal(of: 1, tenant: "a") == (last > 0 ? .shareUsed(held: (queue + 1) / 2) : .full))
      #expect(try fill(&scheduler, nil) == last)
      #expect(scheduler.refusal(of: 1, tenant: "c") == .full)
    }
  }

  @Test func withoutTenantsTheQueueIsForAll() throws {
    var scheduler = scheduler(slots: 2, queue: 9)
    #expect(try fill(&scheduler, nil) == 11)
  }

  /// Requests that come together are taken all or none, as if one by one.
  @Test func severalRequestsCountForThemselves() throws {
    var scheduler = scheduler(slots: 2, queue: 8)
    #expect(scheduler.refusal(of: 6, tenant: "a") == nil)
    #expect(scheduler.refusal(of: 7, tenant: "a") == .shareUsed(held: 0))
    #expect(scheduler.refusal(of: 11, tenant: "a") == .full)
    for number in 0..<6 { _ = try scheduler.add(ServingTests.request(number, tenant: "a")) }
    #expect(scheduler.refusal(of: 1, tenant: "a") == .shareUsed(held: 4))
    // Places that come free are shared anew.
    _ = scheduler.schedule()
    #expect(scheduler.refusal(of: 2, tenant: "b") == nil)
  }
}
