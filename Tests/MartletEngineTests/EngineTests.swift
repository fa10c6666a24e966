import MartletEngine
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(15))) struct EngineTests {
  struct BrokenModel: Error {}

  static func limits(blockCount: Int = 64, contextLength: Int = 64) -> EngineLimits {
    EngineLimits(
      vocabularySize: 50, contextLength: contextLength, blockSize: 4, blockCount: blockCount, maximumSequences: 16,
      tokensPerStep: 24, adapters: ["tuned"])
  }

  static func collect(_ stream: TokenStream) async throws -> ([Int32], GenerationSummary?) {
    var tokens: [Int32] = []
    var summary: GenerationSummary?
    for try await event in stream {
      #expect(summary == nil, "an event follows the last one")
      switch event {
      case .begun: #expect(tokens.isEmpty)
      case .prompt: Issue.record("nobody asked for the prompt's log-probabilities")
      case .token(let token): tokens.append(token.token)
      case .finished(let last): summary = last
      }
    }
    return (tokens, summary)
  }

  /// Waits until the engine has come to rest; it must have all its blocks then.
  static func settle(_ engine: Engine, blockCount: Int) async throws {
    for _ in 0..<2000 {
      let status = engine.status
      if status.runningCount == 0, status.waitingCount == 0, status.freeBlockCount == blockCount { return }
      try await Task.sleep(for: .milliseconds(1))
    }
    Issue.record("the engine does not come to rest: \(engine.status)")
  }

  @Test func streamsWhatTheModelGivesAlone() async throws {
    let limits = Self.limits()
    let engine = Engine(runner: FakeRunner(limits: limits), limits: limits)
    let request = Request(prompt: Array(0..<30), maxTokens: 12)
    for expectedCached in [0, 28] {
      let (tokens, summary) = try await Self.collect(engine.submit(request))
      #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
      let last = try #require(summary)
      #expect(last.reason == .length && last.promptTokenCount == 30 && last.generatedTokenCount == 12)
      #expect(last.cachedTokenCount == expectedCached)
      #expect(.zero <= last.queueTime && last.queueTime <= last.firstTokenTime)
      #expect(last.firstTokenTime <= last.totalTime)
    }
    try await Self.settle(engine, blockCount: limits.blockCount)
  }

  @Test func manyRequestsGiveWhatEachGivesAlone() async throws {
    let limits = Self.limits(blockCount: 24)
    let control = FakeRunner.Control()
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<60 as Range<Int32> {
        group.addTask {
          let request = Request(
            prompt: (0..<(3 + number % 17)).map { ($0 * (number % 3 + 1)) % 50 }, maxTokens: Int(5 + number % 20),
            stopTokens: number % 2 == 0 ? [4, 9] : [], priority: Int(number % 3),
            adapter: number % 5 == 0 ? "tuned" : nil)
          let (tokens, summary) = try await Self.collect(engine.submit(request))
          let expected = FakeModel.expected(request, limits: limits)
          #expect(tokens == expected.tokens)
          #expect(summary?.reason == expected.reason)
        }
      }
      try await group.waitForAll()
    }
    try await Self.settle(engine, blockCount: limits.blockCount)
    #expect(engine.status.preemptionCount > 0)
    control.state.withLock { state in
      #expect(state.largestBatch > 4)
      #expect(state.threads.count == 1, "the runner was called from several threads")
      #expect(state.threads != [currentThread()])
    }
  }

  @Test func aSeedGivesTheSameTextInAnyCompany() async throws {
    let limits = Self.limits(blockCount: 24)
    let engine = Engine(runner: FakeRunner(limits: limits), limits: limits)
    // At this temperature the fake model's logits leave everything open.
    let request = Request(
      prompt: Array(0..<9), sampling: SamplingParameters(temperature: 30, topP: 0.9, seed: 11), maxTokens: 20)
    let alone = try await Self.collect(engine.submit(request)).0
    let together = try await withThrowingTaskGroup(of: [Int32]?.self) { group in
      for number in 0..<12 as Range<Int32> {
        group.addTask {
          var other = request
          other.prompt.append(number)
          if number != 6 { other.sampling.seed = nil }
          let tokens = try await Self.collect(engine.submit(number == 6 ? request : other)).0
          return number == 6 ? tokens : nil
        }
      }
      return try await group.compactMap { $0 }.reduce([], +)
    }
    #expect(together == alone)
    let greedy = Request(prompt: request.prompt, maxTokens: 20)
    #expect(alone != FakeModel.expected(greedy, limits: limits).tokens)
  }

  @Test func givesLogprobsWhereAsked() async throws {
    let limits = Self.limits()
    let engine = Engine(runner: FakeRunner(limits: limits), limits: limits)
    var request = Request(prompt: [1, 2, 3], maxTokens: 3)
    request.sampling.logprobs = 4
    for try await case .token(let token) in try engine.submit(request) {
      #expect(token.top.count == 4)
      #expect(token.top[0] == TokenLogprob(token: token.token, logprob: token.logprob ?? 1))
      #expect(token.top.map(\.logprob) == token.top.map(\.logprob).sorted(by: >))
    }
  }

  @Test func aCancelledConsumerFreesItsBlocksWithinAStep() async throws {
    let limits = Self.limits(blockCount: 20_000, contextLength: 80_000)
    let control = FakeRunner.Control()
    control.state.withLock { $0.delay = .milliseconds(20) }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    let stream = try engine.submit(Request(prompt: [1, 2, 3]))
    let consumer = Task {
      var count = 0
      for try await _ in stream { count += 1 }
      return count
    }
    while engine.status.stepCount < 3 { try await Task.sleep(for: .milliseconds(1)) }
    consumer.cancel()
    let stepCount = engine.status.stepCount
    _ = try? await consumer.value
    try await Self.settle(engine, blockCount: limits.blockCount)
    // The step that was under way, and one more where the consumer was just taking a token.
    #expect(engine.status.stepCount <= stepCount + 2)
  }

  @Test func aDroppedStreamFreesItsBlocks() async throws {
    let limits = Self.limits(blockCount: 20_000, contextLength: 80_000)
    let control = FakeRunner.Control()
    control.state.withLock { $0.delay = .milliseconds(1) }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    _ = try engine.submit(Request(prompt: [1, 2, 3]))
    for try await _ in try engine.submit(Request(prompt: [4, 5])) { break }
    let request = Request(prompt: [6, 7], maxTokens: 10)
    let (tokens, _) = try await Self.collect(engine.submit(request))
    #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
    try await Self.settle(engine, blockCount: limits.blockCount)
  }

  @Test func aFailedStepEndsItsSequencesAndNoOthers() async throws {
    let limits = Self.limits()
    let control = FakeRunner.Control()
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    control.state.withLock { $0.failure = { _ in BrokenModel() } }
    let error = await #expect(throws: EngineError.self) {
      try await Self.collect(engine.submit(Request(prompt: [1, 2, 3], maxTokens: 4)))
    }
    #expect("\(try #require(error))".contains("BrokenModel"))
    try await Self.settle(engine, blockCount: limits.blockCount)
    control.state.withLock { $0.failure = nil }
    let request = Request(prompt: [1, 2, 3], maxTokens: 4)
    let (tokens, _) = try await Self.collect(engine.submit(request))
    #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
  }

  /// Of ten requests with an adapter or without, those that the failure does or does not name.
  @Test(arguments: ["blamed", "NaN"])
  func aFailureOfOneSequenceEndsOnlyThat(kind: String) async throws {
    let limits = Self.limits()
    let control = FakeRunner.Control()
    control.state.withLock { state in
      if kind == "blamed" {
        state.failure = { step in
          let blamed = step.entries.filter { $0.adapter != nil && $0.positions.upperBound > 12 }
          return blamed.isEmpty ? nil : StepFailure(sequences: Set(blamed.map(\.id)), reason: BrokenModel())
        }
      } else {
        state.poison = { $0.adapter != nil && $0.positions.upperBound > 12 }
      }
    }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    await withTaskGroup(of: Void.self) { group in
      for number in 0..<10 as Range<Int32> {
        group.addTask {
          let request = Request(
            prompt: [1, 2, 3, 4, 5, number], maxTokens: 20, adapter: number % 3 == 0 ? "tuned" : nil)
          if request.adapter == nil {
            let tokens = try? await Self.collect(engine.submit(request)).0
            #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
          } else {
            var tokens: [Int32] = []
            await #expect(throws: (any Error).self) {
              for try await case .token(let token) in try engine.submit(request) { tokens.append(token.token) }
            }
            #expect(tokens == Array(FakeModel.expected(request, limits: limits).tokens.prefix(7)))
          }
        }
      }
    }
    try await Self.settle(engine, blockCount: limits.blockCount)
  }

  @Test func refusesAtSubmission() async throws {
    let limits = Self.limits()
    let engine = Engine(runner: FakeRunner(limits: limits), limits: limits)
    await #expect(throws: RequestError.exceedsContext(promptTokens: 64, contextLength: 64)) {
      _ = try engine.submit(Request(prompt: Array(repeating: 0, count: 64)))
    }
    #expect(engine.status.stepCount == 0)
  }

  @Test func shutdownEndsEverything() async throws {
    let limits = Self.limits(blockCount: 20_000, contextLength: 80_000)
    // Slow enough that it does not come to an end by itself.
    let control = FakeRunner.Control()
    control.state.withLock { $0.delay = .milliseconds(2) }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    let stream = try engine.submit(Request(prompt: [1, 2, 3]))
    let consumer = Task { try await Self.collect(stream) }
    while engine.status.stepCount < 2 { await Task.yield() }
    await engine.shutdown()
    await #expect(throws: CancellationError.self) { try await consumer.value }
    #expect(throws: RequestError.shutDown) { _ = try engine.submit(Request(prompt: [1])) }
    #expect(engine.status.freeBlockCount == limits.blockCount)
  }

  @Test func anEngineWithoutWorkGoesAwayWithItsRunner() async throws {
    let limits = Self.limits()
    var control: FakeRunner.Control? = FakeRunner.Control()
    weak let runnerState = control
    var engine: Engine? = Engine(runner: FakeRunner(limits: limits, control: try #require(control)), limits: limits)
    control = nil
    _ = try await Self.collect(#require(engine).submit(Request(prompt: [1, 2, 3], maxTokens: 4)))
    engine = nil
    for _ in 0..<2000 where runnerState != nil { try await Task.sleep(for: .milliseconds(1)) }
    #expect(runnerState == nil)
  }
}
