import AsyncHTTPClient
import Dispatch
import Martlet
import MartletEngine
import MartletTemplate
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import MartletServer

/// Many clients, full queues, clients that go away, limits of time, and the end of the server.
@Suite(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage), .serialized, .timeLimit(.minutes(15)))
struct LoadTests {
  static func body(_ text: String, tokens: Int, stream: Bool = false) -> TemplateValue {
    ["prompt": .string(text), "max_tokens": .int(tokens), "temperature": 0, "stream": .bool(stream)]
  }

  static func engine(_ server: TestServer) async throws -> Engine.Status {
    try await server.models.model.generationEngine.status
  }

  /// Waits until the engine holds nothing.
  static func settle(_ server: TestServer) async throws {
    for _ in 0..<500 {
      let status = try await engine(server)
      if status.runningCount == 0, status.waitingCount == 0, status.freeBlockCount == status.blockCount { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("the engine does not come to rest: \(try await engine(server))")
  }

  @Test func answersManyAtOnceAsEachAlone() async throws {
    try await TestServer.run { server in
      let prompts = (0..<12).map { "Story number \($0 % 6): once upon a time" }
      var alone: [String: String] = [:]
      for prompt in Set(prompts) {
        alone[prompt] = GenerationTests.text(try await server.post("/v1/completions", Self.body(prompt, tokens: 16)))
      }
      try await withThrowingTaskGroup(of: (String, String?).self) { group in
        for (index, prompt) in prompts.enumerated() {
          group.addTask {
            let answer = try await server.post("/v1/completions", Self.body(prompt, tokens: 16, stream: index % 2 == 0))
            return (prompt, index % 2 == 0 ? GenerationTests.text(answer.events) : GenerationTests.text(answer))
          }
        }
        for try await (prompt, text) in group { #expect(text == alone[prompt]) }
      }
      try await Self.settle(server)
    }
  }

  @Test func refusesWhatTheQueueHasNoRoomFor() async throws {
    try await TestServer.run(options: {
      $0.maximumSequences = 1
      $0.maximumWaiting = 1
    }) { server in
      let refused = try await withThrowingTaskGroup(of: TestServer.Answer.self) { group in
        for index in 0..<8 {
          group.addTask { try await server.post("/v1/completions", Self.body("Count \(index):", tokens: 64)) }
        }
        return try await group.reduce(into: [TestServer.Answer]()) { if $1.status != 200 { $0.append($1) } }
      }
      #expect((1...6).contains(refused.count))
      for answer in refused {
        #expect(
          answer.status == 429 && answer.error("code") == "queue_full" && answer.error("type") == "rate_limit_error")
        #expect(answer.headers["retry-after"].first.flatMap { Int($0) } ?? 0 >= 1)
        guard case .int(let position)? = answer.error("position") else {
          Issue.record("no position in \(answer.text)")
          continue
        }
        #expect(position >= 1)
      }
      // Answers of one request count for themselves, and are taken all or none.
      let many = try await server.post(
        "/v1/completions", ["prompt": "x", "n": 3, "max_tokens": 2])
      #expect(many.status == 429)
      try await Self.settle(server)
      #expect(try await server.post("/v1/completions", Self.body("Again:", tokens: 2)).status == 200)
    }
  }

  /// The step under way when the server sees that its client has gone is the last one that computes something for it.
  @Test(arguments: [true, false]) func aClientThatGoesAwayFreesItsPlaceWithinAStep(isStreaming: Bool) async throws {
    let steps = Mutex(0)
    let client = Mutex<Task<Void, any Error>?>(nil)
    let isSeen = DispatchSemaphore(value: 0)
    let lastStep = 6
    try await TestServer.run(options: {
      $0.watch = { index, _ in
        guard index == 0,
          steps.withLock({
            $0 += 1; return $0 == lastStep
          })
        else { return nil }
        client.withLock { $0?.cancel() }
        isSeen.wait()
        return nil
      }
    }) { server in
      let request = try server.request(
        .POST, "/v1/completions",
        body: Self.body("Tell me everything:", tokens: 900, stream: isStreaming).jsonText())
      let task = client.withLock {
        let task = Task {
          let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
          for try await _ in response.body {}
        }
        $0 = task
        return task
      }
      _ = await task.result
      while try await !server.get("/metrics").text.contains("martlet_cancelled_requests_total 1\n") {
        try await Task.sleep(for: .milliseconds(5))
      }
      isSeen.signal()
      try await Self.settle(server)
      #expect(steps.withLock { $0 } == lastStep)
      let metrics = try await server.get("/metrics").text
      // What was computed for it counts, though it never came to an end.
      for (name, count) in [
        ("time_to_first_token_seconds_count", 1), ("queue_seconds_count", 1), ("generation_seconds_count", 0),
      ] {
        #expect(metrics.contains("martlet_\(name) \(count)\n"), "\(name) in\n\(metrics)")
      }
    }
  }

  /// Prompts that the cache has are told though the answer is cancelled.
  @Test func countsWhatTheCacheHadForCancelledAnswers() async throws {
    try await TestServer.run { server in
      let prompt = String(repeating: "Tell me everything about the sea. ", count: 20)
      _ = try await server.post("/v1/completions", Self.body(prompt, tokens: 1))
      let request = try server.request(
        .POST, "/v1/completions", body: Self.body(prompt, tokens: 800, stream: true).jsonText())
      let client = Task {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        for try await _ in response.body { return }
      }
      _ = await client.result
      try await Self.settle(server)
      for _ in 0..<200 {
        if try await !server.get("/metrics").text.contains("martlet_cached_prompt_tokens_total 0\n") { return }
        try await Task.sleep(for: .milliseconds(10))
      }
      Issue.record("the cached tokens of a cancelled answer are not counted")
    }
  }

  /// One key's requests leave places for another's.
  @Test func oneKeyDoesNotFillTheQueue() async throws {
    let keys = try APIKeys(
      json: """
        {"keys": [{"name": "greedy", "key": "greedy-0123456789"}, {"name": "modest", "key": "modest-0123456789"},
        {"name": "low", "key": "low-0123456789abc", "priority": -7}]}
        """.utf8, path: "keys")
    try await TestServer.run(
      options: {
        $0.maximumSequences = 1
        $0.maximumWaiting = 8
      }, configure: { $0.keys = keys }
    ) { server in
      func headers(_ name: String) -> [(String, String)] { [("Authorization", "Bearer \(name)")] }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for index in 0..<20 {
          group.addTask {
            let answer = try await server.post(
              "/v1/completions", Self.body("Count \(index):", tokens: 200), headers("greedy-0123456789"))
            #expect(
              answer.status == 200
                || answer.status == 429 && answer.error("code") == "queue_share_used"
                  && answer.headers["retry-after"].count == 1,
              "\(answer.text)")
          }
        }
        while try await Self.engine(server).waitingCount < 4 { try await Task.sleep(for: .milliseconds(2)) }
        let modest = try await server.post(
          "/v1/completions", Self.body("Hello", tokens: 2), headers("modest-0123456789"))
        #expect(modest.status == 200, "\(modest.text)")
        group.cancelAll()
        while await group.nextResult() != nil {}
      }
      // Without a priority of its own a request has its key's, which is below the others'.
      let low = try await server.post("/v1/completions", Self.body("Hello", tokens: 2), headers("low-0123456789abc"))
      #expect(low.status == 200, "\(low.text)")
      for (priority, status) in [(-7, 200), (-100, 200), (-6, 403), (0, 403)] {
        let answer = try await server.post(
          "/v1/completions", ["prompt": "Hello", "max_tokens": 1, "priority": .int(priority)],
          headers("low-0123456789abc"))
        #expect(answer.status == status, "\(priority): \(answer.text)")
      }
    }
  }

  @Test func endsWhatTakesTooLong() async throws {
    try await TestServer.run(configure: { $0.generationTime = .milliseconds(150) }) { server in
      let answer = try await server.post("/v1/completions", Self.body("Tell me everything:", tokens: 900))
      #expect(answer.status == 504 && answer.error("code") == "time_limit")
      let stream = try await server.post("/v1/completions", Self.body("Tell me everything:", tokens: 900, stream: true))
      #expect(stream.status == 200 && stream.text.contains("time_limit") && !stream.text.contains("[DONE]"))
      try await Self.settle(server)
    }
  }

  @Test func chargesEachKeyItsTokens() async throws {
    let keys = try APIKeys(
      json: #"{"keys": [{"name": "a", "key": "0123456789abcdef", "budget": {"tokens": 40, "seconds": 3600}}]}"#.utf8,
      path: "keys")
    try await TestServer.run(configure: { $0.keys = keys }) { server in
      let key = [("Authorization", "Bearer 0123456789abcdef")]
      let prompt = Self.body("Hello", tokens: 15)
      for expected in [200, 200, 429] {
        let answer = try await server.post("/v1/completions", prompt, key)
        #expect(answer.status == expected, "\(answer.text)")
        if expected == 429 { #expect(answer.error("code") == "insufficient_quota") }
      }
      let priority = try await server.post(
        "/v1/completions", ["prompt": "Hello", "max_tokens": 1, "priority": 3], key)
      #expect(priority.status == 403 && priority.error("param") == "priority")
    }
  }

  @Test func countsWhatItDoes() async throws {
    try await TestServer.run { server in
      _ = try await server.post("/v1/completions", Self.body("Hello", tokens: 5))
      let text = try await server.get("/metrics").text
      for line in [
        "martlet_generated_tokens_total 5", "martlet_time_to_first_token_seconds_count 1",
        "martlet_inter_token_seconds_count 4", "martlet_running_sequences 0", "martlet_waiting_sequences 0",
        "martlet_requests_total{route=\"/v1/completions\",status=\"200\"} 1", "martlet_preemptions_total 0",
        "martlet_cache_used_ratio 0", "martlet_queue_seconds_count 1", "martlet_generation_seconds_count 1",
      ] {
        #expect(text.contains(line + "\n"), "\(line) is not in\n\(text)")
      }
    }
  }
}
