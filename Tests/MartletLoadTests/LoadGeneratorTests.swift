import Foundation
import Martlet
import MartletLoadTestSupport
import Testing

@testable import MartletLoad

/// The generator against a server that answers as it is told to.
@Suite struct LoadGeneratorTests {
  let server: CompletionServer
  var settings = LoadSettings()

  init() async throws {
    server = try await CompletionServer.start()
    settings.address = server.address
    settings.requests = 12
    settings.concurrency = 4
  }

  @Test(arguments: LoadSettings.Endpoint.allCases, [true, false])
  func aRunCountsEverything(endpoint: LoadSettings.Endpoint, isStreamed: Bool) async throws {
    var settings = settings
    settings.endpoint = endpoint
    settings.isStreamed = isStreamed
    settings.apiKey = "secret"
    settings.fields = [("temperature", .int(0)), ("ignore_eos", .bool(true))]
    let report = try await LoadGenerator.run(settings)
    #expect(report.model == "the-model")
    #expect((report.completed, report.failed) == (12, 0))
    #expect(report.promptTokens == 12 * 200)
    #expect(report.generatedTokens == 12 * 4)
    #expect(report.cachedTokens == 12 * 5)
    #expect(report.isCounted)
    #expect((report.firstText != nil) == isStreamed)
    #expect((report.gap != nil) == isStreamed)
    #expect(report.whole != nil)
    #expect(server.requests.count == 12)
    var prompts: Set<String> = []
    for request in server.requests {
      #expect(request.path == (endpoint == .chat ? "/v1/chat/completions" : "/v1/completions"))
      #expect(request.authorization == "Bearer secret")
      let body = try request.json()
      let form = endpoint == .chat ? "messages" : "prompt"
      let streaming = isStreamed ? ["stream", "stream_options"] : []
      #expect(Set(body.keys) == Set(["model", "max_tokens", form, "temperature", "ignore_eos"] + streaming))
      #expect(body["max_tokens"] as? Int == 128)
      #expect(body["ignore_eos"] as? Bool == true)
      let prompt = body["prompt"] as? String ?? ((body["messages"] as? [[String: Any]])?[0]["content"] as? String)
      prompts.insert(try #require(prompt))
    }
    #expect(prompts.count == 12)
    #expect(prompts.allSatisfy { $0.split(separator: " ").count == 180 })
  }

  @Test func concurrencyIsReachedAndKept() async throws {
    server.reply(.answer(parts: 3, pause: .milliseconds(20)))
    _ = try await LoadGenerator.run(settings)
    #expect(server.peak == 4)
  }

  /// More connections than the client's pool opens by itself.
  @Test func concurrencyCanBeHigh() async throws {
    var settings = settings
    settings.requests = 64
    settings.concurrency = 64
    server.reply(.answer(parts: 1, pause: .seconds(1)))
    _ = try await LoadGenerator.run(settings)
    #expect(server.peak == 64)
  }

  @Test func timesAreThoseOfTheServer() async throws {
    var settings = settings
    settings.concurrency = 1
    settings.requests = 4
    server.reply(.answer(parts: 5, pause: .milliseconds(60)))
    let report = try await LoadGenerator.run(settings)
    // A pause before each of five parts; a busy machine makes them longer, and the last is never read sooner. What is read
    // late is nearer to what follows it, so only sums say something about the pauses between.
    let first = try #require(report.firstText)
    let gap = try #require(report.gap)
    let perToken = try #require(report.perToken)
    let whole = try #require(report.whole)
    #expect(first.p50 >= 0.06)
    #expect(first.mean + 4 * gap.mean >= 0.3)
    #expect(first.mean + 4 * gap.mean <= whole.mean + 1e-9)
    // To the end mark, which follows the last part.
    #expect(perToken.mean >= gap.mean - 1e-9)
    #expect(whole.p50 >= 0.3)
    #expect(report.duration >= 1.2)
    #expect(abs(report.generatedPerSecond - 20 / report.duration) < 1e-9)
  }

  /// Requests that arrive while the server is busy have waited since they arrived.
  @Test func waitingForRoomIsPartOfTheTime() async throws {
    var settings = settings
    settings.requests = 5
    settings.concurrency = 1
    settings.rate = 10_000
    server.reply(.answer(parts: 1, pause: .milliseconds(100)))
    let report = try await LoadGenerator.run(settings)
    #expect(server.peak == 1)
    #expect(try #require(report.whole).max >= 0.5)
    #expect(try #require(report.firstText).max >= 0.5)
  }

  @Test func aRateSpreadsRequestsWithoutWaitingForAnswers() async throws {
    var settings = settings
    settings.requests = 20
    settings.concurrency = nil
    settings.rate = 40
    server.reply(.answer(parts: 1, pause: .seconds(2)))
    let report = try await LoadGenerator.run(settings)
    #expect(report.completed == 20)
    // However slowly a busy machine sends them, a generator that waits for answers has one under way.
    #expect(server.peak > 2)
    let times = server.requests.map(\.time)
    #expect(try #require(times.last) - times[0] > .milliseconds(150))
  }

  @Test func failuresAreCountedByKind() async throws {
    var settings = settings
    settings.requests = 9
    settings.concurrency = 1
    server.reply(
      .answer(parts: 2),
      after: [
        .status(429, "the queue is full"), .status(429, "again"), .status(429, "again"), .status(500, "a fault"),
        .hangUp, .hangUp, .hangUp,
        .answer(parts: 2, ending: .cut), .answer(parts: 2, ending: .failure("out of memory")), .body("data: {\n\n"),
      ])
    let report = try await LoadGenerator.run(settings)
    #expect((report.completed, report.failed) == (1, 8))
    var kinds = Dictionary(uniqueKeysWithValues: report.failures.map { ($0.kind, $0) })
    // The most frequent comes first, with what the first of its kind said.
    #expect(report.failures.first?.kind == "status 429")
    #expect(kinds["status 429"]?.count == 3)
    #expect(kinds.removeValue(forKey: "status 429")?.message == "the queue is full")
    #expect(kinds.removeValue(forKey: "status 500")?.message == "a fault")
    // A connection that ends too early is a broken one, in or before the answer.
    #expect(kinds.removeValue(forKey: "connection")?.count == 2)
    #expect(kinds.removeValue(forKey: "error in the stream")?.message == "out of memory")
    #expect(kinds.removeValue(forKey: "malformed")?.count == 1)
    #expect(kinds.isEmpty, "\(kinds)")
  }

  @Test func aRequestIsSentAgainWhereItsConnectionIsLost() async throws {
    var settings = settings
    settings.requests = 3
    settings.concurrency = 1
    server.reply(.answer(parts: 2), after: [.answer(parts: 2), .hangUp, .hangUp, .answer(parts: 2)])
    let report = try await LoadGenerator.run(settings)
    #expect((report.completed, report.failed, report.resent) == (3, 0, 1))
    #expect(report.text.contains("sent 1 requests again"))
    #expect(server.requests.count == 5)
  }

  @Test func timeIsLimited() async throws {
    // Nothing comes after the first part, so only the limit ends it, however busy the machine is.
    server.reply(.answer(parts: 1, ending: .silence))
    var settings = settings
    settings.model = "the-model"
    _ = try await LoadClient.with(settings) { client, _ in try await client.scale() }
    settings.timeout = .milliseconds(500)
    let planned = PlannedRequest(arrival: nil, promptTokens: 5, generateTokens: 5, seed: 1)
    let result = try await LoadClient.with(settings) { client, _ in
      try await client.answer(planned, .guess, arrival: .now)
    }
    #expect(result == .failure(.timeout))
  }

  @Test func aServerThatDoesNotCountIsReportedSo() async throws {
    let server = try await CompletionServer.start(counts: nil)
    var settings = settings
    settings.address = server.address
    server.reply(.answer(parts: 6))
    let report = try await LoadGenerator.run(settings)
    #expect(report.generatedTokens == 12 * 6)
    #expect(!report.isCounted && report.promptTokens == nil)
    #expect(report.text.contains("the server does not count"))
  }

  @Test func whatNeverWorksIsAnError() async throws {
    server.reply(.status(401, "no such key"))
    var error = await #expect(throws: MartletError.self) { try await LoadGenerator.run(settings) }
    #expect(error?.code == .deviceUnavailable)
    #expect(error?.message.contains("12 times status 401: no such key") == true)

    var unreachable = LoadSettings()
    unreachable.address = "http://127.0.0.1:1"
    let nowhere = unreachable
    error = await #expect(throws: MartletError.self) { try await LoadGenerator.run(nowhere) }
    #expect(error?.code == .deviceUnavailable)
    #expect(error?.message.contains("http://127.0.0.1:1/v1/models: connection: Connection refused") == true)
  }

  @Test func aRunCanBeCancelled() async throws {
    server.reply(.answer(parts: 1, pause: .seconds(60)))
    let task = Task { [settings] in try await LoadGenerator.run(settings) }
    while server.requests.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
  }
}
