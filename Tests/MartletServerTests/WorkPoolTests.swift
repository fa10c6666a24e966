import HTTPTypes
import Martlet
import MartletTemplate
import Synchronization
import Testing

@testable import MartletServer

/// Long work of the processor: so many pieces at a time, so many that wait, and for so long.
@Suite(.timeLimit(.minutes(15))) struct WorkPoolTests {
  /// Holds pieces of work until it is opened, and counts those that run.
  private final class Gate: Sendable {
    private let state = Mutex((running: 0, most: 0))
    private let isOpen = Atomic<Bool>(false)

    var most: Int { state.withLock { $0.most } }
    var running: Int { state.withLock { $0.running } }

    func open() { isOpen.store(true, ordering: .releasing) }

    func pass() {
      state.withLock {
        $0.running += 1
        $0.most = max($0.most, $0.running)
      }
      while !isOpen.load(ordering: .acquiring) { blockThread(milliseconds: 1) }
      state.withLock { $0.running -= 1 }
    }

    func wait(running count: Int) async throws {
      while running < count { try await Task.sleep(for: .milliseconds(1)) }
    }
  }

  @Test func takesSoManyAtATimeAndRefusesWhatIsTooMuch() async throws {
    let (pool, gate) = (WorkPool(threadCount: 2, mostWaiting: 3), Gate())
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<9 {
        group.addTask {
          do {
            try await pool.run(within: .seconds(60)) { gate.pass() }
            return 200
          } catch let error as APIError {
            #expect(error.code == "too_busy" && error.retryAfter == 1)
            return error.status.code
          }
        }
      }
      // Those that are refused are so at once; the others wait for the gate.
      var statuses: [Int] = []
      while statuses.count < 4, let status = try await group.next() { statuses.append(status) }
      #expect(statuses == [429, 429, 429, 429])
      try await gate.wait(running: 2)
      gate.open()
      for try await status in group { statuses.append(status) }
      return statuses
    }
    #expect(statuses.count { $0 == 200 } == 5 && gate.most == 2)
    // Its places are free again.
    #expect(try await pool.run(within: nil) { 7 } == 7)
  }

  @Test func whatWaitsTooLongIsToldSoInTime() async throws {
    let (pool, gate) = (WorkPool(threadCount: 1, mostWaiting: 3), Gate())
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await pool.run(within: nil) { gate.pass() } }
      try await gate.wait(running: 1)
      let error = await #expect(throws: APIError.self) { try await pool.run(within: .milliseconds(50)) { gate.pass() } }
      #expect(error?.status == .serviceUnavailable)
      gate.open()
      try await group.waitForAll()
    }
    #expect(gate.most == 1, "what was given up ran nevertheless")
  }

  @Test func whoeverGoesAwayLeavesTheLine() async throws {
    let (pool, gate) = (WorkPool(threadCount: 1, mostWaiting: 1), Gate())
    let first = Task { try await pool.run(within: .seconds(60)) { gate.pass() } }
    try await gate.wait(running: 1)
    let second = Task { try await pool.run(within: .seconds(60)) { gate.pass() } }
    second.cancel()
    await #expect(throws: CancellationError.self) { try await second.value }
    let third = Task { try await pool.run(within: .seconds(60)) { 3 } }
    gate.open()
    try await first.value
    #expect(try await third.value == 3 && gate.most == 1)
  }

  /// Texts are answered apart from Swift's own threads and from the engine's callers: a flood of long ones holds up nobody.
  @Test(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage)) func aFloodOfTextsHoldsUpNoAnswer()
    async throws
  {
    try await TestServer.run { server in
      let long = TemplateValue.string(String(repeating: "many words of all kinds ", count: 8000))
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in 0..<80 {
          group.addTask { try await server.post("/tokenize", ["prompt": long]).status }
        }
        for _ in 0..<3 {
          let answer = try await server.post("/v1/completions", LoadTests.body("Hello", tokens: 2))
          #expect(answer.status == 200)
          #expect(try await server.get("/health").status == 200)
        }
        var statuses: [Int: Int] = [:]
        for try await status in group { statuses[status, default: 0] += 1 }
        #expect(statuses[200] ?? 0 >= 66 && (statuses[200] ?? 0) + (statuses[429] ?? 0) == 80, "\(statuses)")
      }
    }
  }
}

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Blocks the calling thread, as a piece of work does.
private func blockThread(milliseconds: UInt32) { usleep(milliseconds * 1000) }
