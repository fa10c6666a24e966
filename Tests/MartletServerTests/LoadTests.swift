import AsyncHTTPClient
import Martlet
import MartletEngine
import MartletTemplate
import NIOCore
import NIOHTTP1
import Testing

@testable import MartletServer

/// Many clients, full queues, clients that go away, limits of time, and the end of the server.
@Suite(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage), .serialized, .timeLimit(.minutes(5)))
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

  @Test(arguments: [true, false]) func aClientThatGoesAwayFreesItsPlace(isStreaming: Bool) async throws {
    try await TestServer.run { server in
      let request = try server.request(
        .POST, "/v1/completions",
        body: Self.body("Tell me everything:", tokens: 900, stream: isStreaming).jsonText())
      let client = Task {
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        for try await _ in response.body {}
      }
      while try await Self.engine(server).runningCount == 0 { try await Task.sleep(for: .milliseconds(5)) }
      let before = try await Self.engine(server).stepCount
      client.cancel()
      _ = await client.result
      try await Self.settle(server)
      let steps = try await Self.engine(server).stepCount - before
      #expect(steps < 300, "the answer went on for \(steps) steps")
      let metrics = try await server.get("/metrics").text
      #expect(metrics.contains("martlet_generated_tokens_total"))
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
        "martlet_cache_used_ratio 0",
      ] {
        #expect(text.contains(line + "\n"), "\(line) is not in\n\(text)")
      }
    }
  }
}
