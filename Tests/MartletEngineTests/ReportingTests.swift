import Dispatch
import Synchronization
import Testing

@testable import MartletEngine

/// When readers are told, and where.
@Suite(.timeLimit(.minutes(5))) struct ReportingTests {
  /// Counts the jobs that it is given.
  final class CountingExecutor: TaskExecutor {
    let count = Atomic(0)

    func enqueue(_ job: consuming ExecutorJob) {
      count.add(1, ordering: .relaxed)
      let job = UnownedJob(job)
      DispatchQueue.global().async { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) }
    }
  }

  /// When steps of a time end, and which of them are told at once.
  struct Pace: Sendable {
    let interval: Int
    let stepTime: Int
    let told: [Int]
  }

  @Test(arguments: [
    Pace(interval: 0, stepTime: 3, told: [0, 3, 6, 9, 12, 15, 18, 21]),
    Pace(interval: 10, stepTime: 3, told: [0, 9, 18]),
    Pace(interval: 10, stepTime: 5, told: [0, 10, 20, 30]),
    Pace(interval: 10, stepTime: 6, told: [0, 6, 12, 18, 24, 30, 36, 42]),
    Pace(interval: 10, stepTime: 31, told: [0, 31, 62, 93, 124, 155, 186, 217]),
  ])
  func isToldAsOftenAsTheIntervalSays(_ pace: Pace) {
    var schedule = ReportPace(interval: .milliseconds(pace.interval))
    let start = ContinuousClock.now
    let told = (0..<8).map { $0 * pace.stepTime }.filter { time in
      schedule.isDue(
        at: start + .milliseconds(time), continues: true, stepTime: .milliseconds(pace.stepTime))
    }
    #expect(told == pace.told)
  }

  @Test func anythingButContinuingIsWaitedForByNobody() {
    var schedule = ReportPace(interval: .seconds(1))
    let now = ContinuousClock.now
    let told = [true, true, false, true].map { schedule.isDue(at: now, continues: $0, stepTime: .zero) }
    #expect(told == [true, false, true, false])
  }

  @Test func tokensAreToldTogetherButForTheFirst() async throws {
    let limits = EngineTests.limits()
    let control = FakeRunner.Control()
    let hasFirst = DispatchSemaphore(value: 0)
    let executor = CountingExecutor()
    control.state.withLock { state in
      state.failure = { step in
        // The third token is not computed before the reader has the first.
        guard step.entries[0].positions.upperBound == 5 else { return nil }
        return hasFirst.wait(timeout: .now() + 60) == .success ? nil : Late()
      }
    }
    var reporting = Reporting()
    reporting.executor = executor
    reporting.interval = .seconds(3600)
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits, reporting: reporting)
    let request = Request(prompt: [1, 2, 3], maxTokens: 20)
    var tokens: [Int32] = []
    for try await event in try engine.submit(request) {
      guard case .token(let token) = event else { continue }
      if tokens.isEmpty { hasFirst.signal() }
      tokens.append(token.token)
    }
    #expect(tokens == FakeModel.expected(request, limits: limits).tokens)
    // The start of the task that tells; the beginning; the first token; the rest with the end.
    #expect(executor.count.load(ordering: .relaxed) <= 4)
  }

  struct Late: Error {}
}
