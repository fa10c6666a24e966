import MartletEngine
import Synchronization
import Testing

/// What a server needs of the engine: shares, a bounded queue, limits of time, prompts' log-probabilities, and failures that
/// stay with their cause.
@Suite(.timeLimit(.minutes(15))) struct ServingTests {
  /// One sequence at a time, so that the order of admission is the order of the end.
  static let one = EngineLimits(
    vocabularySize: 50, contextLength: 64, blockSize: 4, blockCount: 64, maximumSequences: 1, tokensPerStep: 24)

  /// Runs requests that are all there at once, and says in which order they were admitted.
  static func order(_ requests: [Request]) throws -> [Int] {
    var simulation = Simulation(limits: one)
    let ids = try requests.map { try simulation.add($0) }
    while simulation.step() != nil {}
    #expect(simulation.finished.count == requests.count)
    return simulation.admissions.map { id in ids.firstIndex(of: id)! }
  }

  static func request(_ number: Int, tenant: String?, tokens: Int = 4, priority: Int = 0) -> Request {
    Request(
      prompt: (0..<6).map { Int32(($0 * 3 + number * 7) % 50) }, maxTokens: tokens, priority: priority, tenant: tenant)
  }

  @Test func tenantsTakeTurns() throws {
    // Five requests of one tenant, then two of another: these do not wait for all of the first.
    let requests = (0..<5).map { Self.request($0, tenant: "a") } + (5..<7).map { Self.request($0, tenant: "b") }
    #expect(try Self.order(requests) == [0, 5, 1, 6, 2, 3, 4])
  }

  @Test func sharesAreOfTokensAndNotOfRequests() throws {
    // Each of the first tenant's requests has 27 tokens computed, as many as three of the second's.
    let requests =
      (0..<3).map { Self.request($0, tenant: "a", tokens: 22) }
      + (3..<9).map { Self.request($0, tenant: "b", tokens: 4) }
    let order = try Self.order(requests)
    #expect(order == [0, 3, 4, 5, 1, 6, 7, 8, 2])
  }

  @Test func priorityGoesBeforeShares() throws {
    let requests =
      (0..<3).map { Self.request($0, tenant: "a", priority: 1) } + (3..<5).map { Self.request($0, tenant: "b") }
    #expect(try Self.order(requests) == [0, 1, 2, 3, 4])
  }

  @Test func oneTenantKeepsTheOrderOfArrival() throws {
    for tenant in [nil, "a"] {
      #expect(try Self.order((0..<6).map { Self.request($0, tenant: tenant, tokens: 1 + $0 * 5 % 7) }) == Array(0..<6))
    }
  }

  @Test func aTenantThatComesLateIsNotPaidForItsAbsence() throws {
    var simulation = Simulation(limits: Self.one)
    for number in 0..<4 { try simulation.add(Self.request(number, tenant: "a")) }
    while simulation.finished.count < 4 { _ = try simulation.requireStep() }
    let late = try (4..<7).map { try simulation.add(Self.request($0, tenant: "b")) }
    let again = try (7..<9).map { try simulation.add(Self.request($0, tenant: "a")) }
    while simulation.step() != nil {}
    let order = simulation.admissions.suffix(5).map { (late + again).firstIndex(of: $0)! }
    // They alternate from now on; "b" does not go before with all it has.
    #expect(order.prefix(4).contains(3))
  }

  @Test func theQueueIsBounded() async throws {
    var limits = EngineTests.limits()
    limits.maximumSequences = 2
    limits.maximumWaiting = 3
    let control = FakeRunner.Control()
    control.state.withLock { $0.delay = .milliseconds(2) }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    var streams: [TokenStream] = []
    for number in 0..<5 { streams.append(try engine.submit(Self.request(number, tenant: nil, tokens: 20))) }
    let error = #expect(throws: RequestError.self) {
      try engine.submit(Self.request(9, tenant: nil))
    }
    guard case .queueFull(let position, _)? = error else {
      Issue.record("another error: \(String(describing: error))")
      return
    }
    #expect((1...6).contains(position))
    for stream in streams { _ = try await EngineTests.collect(stream) }
    // All or none: of three and four there is room for the first three only.
    let three = try engine.submit((0..<3).map { Self.request($0, tenant: nil, tokens: 20) })
    let late = #expect(throws: RequestError.self) {
      try engine.submit((0..<4).map { Self.request($0, tenant: nil) })
    }
    guard case .queueFull(_, let wait?)? = late else {
      Issue.record("no estimate in \(String(describing: late))")
      return
    }
    #expect(wait > .zero)
    for stream in three { _ = try await EngineTests.collect(stream) }
    try await EngineTests.settle(engine, blockCount: limits.blockCount)
  }

  @Test func aLimitOfTimeEndsTheRequest() async throws {
    let limits = EngineTests.limits()
    let control = FakeRunner.Control()
    control.state.withLock { $0.delay = .milliseconds(5) }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    var slow = Request(prompt: [1, 2, 3])
    slow.timeLimit = .milliseconds(30)
    let other = try engine.submit(Request(prompt: [4, 5, 6], maxTokens: 20))
    let error = await #expect(throws: EngineError.self) { try await EngineTests.collect(engine.submit(slow)) }
    guard case .timedOut(_, let count)? = error else {
      Issue.record("another error: \(String(describing: error))")
      return
    }
    #expect(count < 20)
    #expect(try await EngineTests.collect(other).0.count == 20)
    try await EngineTests.settle(engine, blockCount: limits.blockCount)
  }

  /// A failure that nobody is blamed for ends the sequences that fail by themselves, and no others.
  @Test func aFailureStaysWithItsCause() async throws {
    let limits = EngineTests.limits()
    let control = FakeRunner.Control()
    control.state.withLock { state in
      state.failure = { step in
        step.entries.contains { $0.adapter != nil && $0.positions.upperBound > 12 } ? EngineTests.BrokenModel() : nil
      }
    }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<10 as Range<Int32> {
        group.addTask {
          let request = Request(
            prompt: [1, 2, 3, 4, 5, number], maxTokens: 20, adapter: number % 3 == 0 ? "tuned" : nil)
          if request.adapter == nil {
            let tokens = try? await EngineTests.collect(engine.submit(request)).0
            #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
          } else {
            await #expect(throws: EngineError.self) { try await EngineTests.collect(engine.submit(request)) }
          }
        }
      }
    }
    try await EngineTests.settle(engine, blockCount: limits.blockCount)
  }

  /// The fake model's logits are known: 20 for the next token, else minus the id modulo 7.
  @Test(arguments: [nil, 40]) func givesThePromptsLogprobs(cached: Int?) async throws {
    var limits = EngineTests.limits()
    limits.tokensPerStep = 7
    let engine = Engine(runner: FakeRunner(limits: limits), limits: limits)
    var request = Request(prompt: (0..<30).map { Int32($0 * 11 % 50) }, maxTokens: 3)
    if cached != nil { _ = try await EngineTests.collect(engine.submit(request)) }
    request.promptLogprobs = 2
    var scored: [PromptToken] = []
    var tokens: [Int32] = []
    for try await event in try engine.submit(request) {
      switch event {
      case .begun(let beginning): #expect(beginning.cachedTokenCount == 0)
      case .prompt(let some):
        #expect(scored.isEmpty && tokens.isEmpty)
        scored = some
      case .token(let token): tokens.append(token.token)
      case .finished(let summary): #expect(summary.cachedTokenCount == 0)
      }
    }
    #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
    #expect(scored.map(\.token) == Array(request.prompt.dropFirst()))
    for (index, score) in scored.enumerated() {
      let prefix = Request(prompt: Array(request.prompt[...index]), maxTokens: 1)
      let next = FakeModel.expected(prefix, limits: limits).tokens[0]
      #expect(score.top.count == 2 && score.top[0].token == next)
      #expect((score.rank == 1) == (score.token == next))
      #expect(score.token == next ? score.logprob == score.top[0].logprob : score.logprob <= score.top[1].logprob)
    }
    try await EngineTests.settle(engine, blockCount: limits.blockCount)
  }

  /// The prompt of several samples is scored by one of them; the others take it from the cache.
  @Test func samplesScoreTheirPromptOnce() async throws {
    let limits = EngineTests.limits(blockCount: 200, contextLength: 200)
    let control = FakeRunner.Control()
    let tokens = Mutex(0)
    control.state.withLock {
      $0.failure = { step in
        tokens.withLock { $0 += step.tokenCount }
        return nil
      }
    }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    let prompt = (0..<101).map { Int32($0 * 7 % 50) }
    let request = Request(prompt: prompt, maxTokens: 3, promptLogprobs: 1)
    let samples = Generation(engine: engine, request: request, tokenizer: nil).samples(4)
    var scored: [Int] = []
    for (index, sample) in try Generation.start(samples).enumerated() {
      var generated: [Int32] = []
      for try await event in sample {
        switch event {
        case .prompt(let some):
          #expect(some.map(\.token) == Array(prompt.dropFirst()))
          scored.append(index)
        case .token(let token, _): generated.append(token.token)
        case .text, .finished: break
        }
      }
      #expect(generated == FakeModel.expected(request, limits: limits).tokens)
    }
    #expect(scored == [0])
    // The prompt's 101, its last one again for each of three other samples, and two of each of four answers.
    let computed = tokens.withLock { $0 }
    #expect(computed == 112)
  }
}
