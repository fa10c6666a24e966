internal import AsyncHTTPClient
internal import Glibc
internal import Martlet
internal import MartletJSON
internal import MartletTemplate
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// Sends requests to a server and takes the time.
struct LoadClient: Sendable {
  /// Answers that are not streamed, and errors.
  private static let longestBody = 1 << 26
  /// How often a request is sent again whose connection was lost before an answer began.
  private static let mostResent = 2

  private let settings: LoadSettings
  private let model: String
  private let client: HTTPClient
  private let clock = ContinuousClock()

  private init(_ settings: LoadSettings, model: String, _ client: HTTPClient) {
    self.settings = settings
    self.model = model
    self.client = client
  }

  /// Runs `body` with a client for the model that is asked for.
  /// - Throws: ``MartletError`` of code `deviceUnavailable` if the server does not list its models, and what `body` throws.
  static func with<Result: Sendable>(
    _ settings: LoadSettings, _ body: (LoadClient, _ model: String) async throws -> Result
  ) async throws -> Result {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    configuration.timeout.connect = .seconds(10)
    // The pool's own limit would let requests wait in this program.
    configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = settings.concurrency ?? settings.requests
    configuration.connectionPool.retryConnectionEstablishment = false
    let http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    do {
      let model = if let model = settings.model { model } else { try await firstModel(settings, http) }
      let result = try await body(LoadClient(settings, model: model, http), model)
      try await http.shutdown()
      return result
    } catch {
      try? await http.shutdown()
      throw error
    }
  }

  private static func firstModel(_ settings: LoadSettings, _ http: HTTPClient) async throws -> String {
    var failure: RequestFailure
    do {
      let nobody = LoadClient(settings, model: "", http)
      let value = try await nobody.json(nobody.request("/models", body: nil))
      if let name = value["data"]?.array?.first?["id"]?.string { return name }
      failure = .malformed("no model in the list")
    } catch let error as RequestFailure {
      failure = error
    }
    throw MartletError(
      .deviceUnavailable,
      "\(settings.root)/models: \(failure.kind): \(failure.message); is a server there, and its key right? --model names a model where none can be listed"
    )
  }

  /// How many tokens a word is for this server.
  func scale() async throws -> WordScale {
    func tokens(_ words: Int) async throws -> Int? {
      let prompt = WordPrompt.text(words: words, seed: settings.seed ^ UInt64(words))
      return try await json(request(settings.endpoint.path, body: body(prompt, generateTokens: 1, isStreamed: false)))[
        "usage"]?["prompt_tokens"]?.integer
    }
    let (few, many) = (try await tokens(WordScale.probes.few), try await tokens(WordScale.probes.many))
    guard let few, let many else { return .guess }
    return WordScale(few: few, many: many) ?? .guess
  }

  /// Sends a request and reads its answer to the end.
  /// - Parameter arrival: when the request came into being; times count from there.
  func answer(
    _ planned: PlannedRequest, _ scale: WordScale, arrival: ContinuousClock.Instant
  ) async throws(CancellationError) -> Result<Answer, RequestFailure> {
    let prompt = WordPrompt.text(words: scale.words(for: planned.promptTokens), seed: planned.seed)
    let isStreamed = settings.isStreamed
    let timeout = settings.timeout
    do {
      let request = try request(
        settings.endpoint.path, body: body(prompt, generateTokens: planned.generateTokens, isStreamed: isStreamed))
      return try await withThrowingTaskGroup(of: Answer?.self) { group in
        group.addTask {
          isStreamed
            ? try await self.streamed(request, since: arrival) : try await self.whole(request, since: arrival)
        }
        group.addTask {
          try await Task.sleep(until: arrival + timeout, clock: .continuous)
          return nil
        }
        defer { group.cancelAll() }
        guard let answer = try await group.next() ?? nil else { return .failure(.timeout) }
        return .success(answer)
      }
    } catch let failure as RequestFailure {
      return .failure(failure)
    } catch {
      if Task.isCancelled { throw CancellationError() }
      return .failure(Self.failure(of: error))
    }
  }

  private func streamed(_ request: HTTPClientRequest, since arrival: ContinuousClock.Instant) async throws -> Answer {
    let (response, isResent) = try await respond(request)
    var answer = Answer(isResent: isResent)
    var stream = EventStream()
    var last: ContinuousClock.Instant?
    var parts = 0
    var isDone = false
    do {
      for try await buffer in response.body where !isDone {
        let now = clock.now
        for event in try stream.events(buffer.readableBytesView) {
          if event.elementsEqual("[DONE]".utf8) {
            answer.end = (now - arrival).inSeconds
            // The body is read to its end all the same, or the connection could not be used again.
            isDone = true
            break
          }
          let value = try Self.parsed(event)
          if let error = value["error"], error.object != nil { throw RequestFailure.inStream(Self.message(error)) }
          Self.readUsage(value, into: &answer)
          guard Self.hasText(value) else { continue }
          parts += 1
          if let last {
            answer.gaps.append((now - last).inSeconds)
          } else {
            answer.firstText = (now - arrival).inSeconds
          }
          last = now
        }
      }
    } catch  where isDone {
      // The answer is whole, however its connection ends.
    }
    guard isDone else { throw RequestFailure.incomplete }
    if !answer.isCounted { answer.generatedTokens = parts }
    return answer
  }

  private func whole(_ request: HTTPClientRequest, since arrival: ContinuousClock.Instant) async throws -> Answer {
    let value = try await json(request)
    guard value["choices"]?.array?.isEmpty == false else { throw RequestFailure.malformed("an answer without choices") }
    var answer = Answer()
    answer.end = (clock.now - arrival).inSeconds
    Self.readUsage(value, into: &answer)
    return answer
  }

  /// Whether a part of a stream brings text: of the answer, or of the thinking before it.
  private static func hasText(_ part: JSONValue) -> Bool {
    guard let choice = part["choices"]?.array?.first else { return false }
    let texts = [choice["delta"]?["content"], choice["delta"]?["reasoning_content"], choice["text"]]
    return texts.contains { $0?.string?.isEmpty == false }
  }

  private static func readUsage(_ value: JSONValue, into answer: inout Answer) {
    guard let usage = value["usage"], let generated = usage["completion_tokens"]?.integer else { return }
    answer.generatedTokens = generated
    answer.isCounted = true
    answer.promptTokens = usage["prompt_tokens"]?.integer
    answer.cachedTokens = usage["prompt_tokens_details"]?["cached_tokens"]?.integer
  }

  // MARK: HTTP

  private func body(_ prompt: String, generateTokens: Int, isStreamed: Bool) throws(RequestFailure) -> String {
    var object = TemplateObject([("model", .string(model)), ("max_tokens", .int(generateTokens))])
    switch settings.endpoint {
    case .completions: object["prompt"] = .string(prompt)
    case .chat:
      let message = TemplateObject([("role", TemplateValue.string("user")), ("content", .string(prompt))])
      object["messages"] = .array([.object(message)])
    }
    if isStreamed {
      object["stream"] = .bool(true)
      object["stream_options"] = .object(TemplateObject([("include_usage", TemplateValue.bool(true))]))
    }
    for (key, value) in settings.fields { object[key] = value }
    do {
      return try TemplateValue.object(object).jsonText()
    } catch {
      throw .malformed("the request cannot be written as JSON: \(error)")
    }
  }

  private func request(_ path: String, body: String?) -> HTTPClientRequest {
    var request = HTTPClientRequest(url: settings.root + path)
    request.headers.add(name: "user-agent", value: "martlet/\(MartletVersion.current)")
    if let key = settings.apiKey { request.headers.add(name: "authorization", value: "Bearer \(key)") }
    if let body {
      request.method = .POST
      request.headers.add(name: "content-type", value: "application/json")
      request.body = .bytes(ByteBuffer(string: body))
    }
    return request
  }

  /// The head of an answer of status 200, and whether the request was sent again for it: a server may close connections
  /// that it kept in the moment in which the next requests set out on them.
  private func respond(_ request: HTTPClientRequest) async throws -> (HTTPClientResponse, isResent: Bool) {
    let (response, isResent) = try await send(request)
    guard response.status != .ok else { return (response, isResent) }
    let body = try? await response.body.collect(upTo: 1 << 16)
    let value = body.flatMap { try? JSONValue(parsing: $0.readableBytesView) }
    let message = value.flatMap { $0["error"] }.map(Self.message) ?? response.status.reasonPhrase
    throw RequestFailure.status(Int(response.status.code), message)
  }

  private func send(_ request: HTTPClientRequest) async throws -> (HTTPClientResponse, isResent: Bool) {
    let timeout = TimeAmount.nanoseconds(Int64(settings.timeout / .nanoseconds(1)))
    for attempt in 0..<Self.mostResent {
      do {
        return (try await client.execute(request, timeout: timeout), attempt > 0)
      } catch  where Self.isLostConnection(error) {}
    }
    return (try await client.execute(request, timeout: timeout), true)
  }

  private func json(_ request: HTTPClientRequest) async throws -> JSONValue {
    do {
      let (response, _) = try await respond(request)
      return try Self.parsed(try await response.body.collect(upTo: Self.longestBody).readableBytesView)
    } catch  where !(error is RequestFailure) && !(error is CancellationError) {
      throw Self.failure(of: error)
    }
  }

  private static func parsed(_ bytes: some Sequence<UInt8>) throws(RequestFailure) -> JSONValue {
    do {
      return try JSONValue(parsing: bytes, roundsWideIntegers: true)
    } catch {
      throw .malformed("\(error)")
    }
  }

  /// What an error object says; some servers give a text instead.
  private static func message(_ error: JSONValue) -> String {
    error["message"]?.string ?? error.string ?? error.summary
  }

  private static func isLostConnection(_ error: any Error) -> Bool {
    switch error {
    case let error as HTTPClientError: error == .remoteConnectionClosed
    case let error as ChannelError: error == .ioOnClosedChannel
    case let error as IOError: [ECONNRESET, EPIPE].contains(error.errnoCode)
    default: false
    }
  }

  private static func failure(of error: any Error) -> RequestFailure {
    switch error {
    case let error as RequestFailure: error
    case let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout: .timeout
    case let error as HTTPClientError: .connection(error.shortDescription)
    case let error as IOError: .connection(String(cString: strerror(error.errnoCode)))
    case let error as NIOConnectionError:
      // Of several addresses of a name the first tells enough.
      error.connectionErrors.first.map { failure(of: $0.error) }
        ?? .connection("the address of \(error.host) cannot be found")
    default: .connection("\(error)")
    }
  }
}

extension Duration {
  var inSeconds: Double { self / .seconds(1) }
}
