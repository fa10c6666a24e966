import AsyncHTTPClient
import Hummingbird
import Logging
import Martlet
import MartletHub
import MartletTemplate
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

@testable import MartletServer

/// The default model, if this machine has it, loaded once for all tests.
enum DefaultModel {
  static let path: String? = {
    guard case .gguf(let path)? = try? ModelLocator.locate("smollm2") else { return nil }
    return path
  }()

  static let isMissing = path == nil
  static let skipMessage: Comment = "the default model is not in the cache; 'make model' brings it"
}

/// A server on a free port of this machine, and a client of it.
struct TestServer: Sendable {
  /// An answer, read to its end.
  struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let text: String

    var json: TemplateValue { (try? TemplateValue(json: text.utf8)) ?? .null }
    /// The error's member of that name.
    func error(_ name: String) -> TemplateValue? { json["error"]?[name] }

    /// What the events of a stream hold; the last one must be `[DONE]`.
    var events: [TemplateValue] {
      var lines = text.split(separator: "\n").map { $0.dropFirst("data: ".count) }
      #expect(lines.popLast() == "[DONE]")
      return lines.compactMap { try? TemplateValue(json: $0.utf8) }
    }
  }

  let port: Int
  let server: APIServer
  let models: ModelService

  /// Runs `body` beside a server.
  /// - Parameter isLoaded: whether to load the default model; without, the server stays at loading it.
  static func run(
    isLoaded: Bool = true, options change: (inout ModelOptions) -> Void = { _ in },
    configure: (inout ServerConfiguration) -> Void = { _ in }, _ body: (TestServer) async throws -> Void
  ) async throws {
    var configuration = ServerConfiguration()
    configuration.port = 0
    configuration.modelName = "smollm2"
    configuration.drainTime = .seconds(5)
    configure(&configuration)
    var options = ModelOptions()
    options.device = try Device(parsing: "cpu")
    options.contextLength = 1024
    options.cacheTokens = 8192
    change(&options)
    let models = ModelService(DefaultModel.path ?? "none", options: options)
    let server = try APIServer(
      configuration, models: models, registry: PrometheusRegistry(),
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await server.application { port.yield($0) }.run() }
      if isLoaded { group.addTask { try await models.run() } }
      var iterator = ports.makeAsyncIterator()
      let number = try #require(await iterator.next())
      if isLoaded { _ = try await models.model }
      try await body(TestServer(port: number, server: server, models: models))
      group.cancelAll()
      // A cancelled service ends with an error; the test is over.
      while await group.nextResult() != nil {}
    }
  }

  func request(_ method: HTTPMethod, _ path: String, _ headers: [(String, String)] = [], body: String? = nil) throws
    -> HTTPClientRequest
  {
    var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
    request.method = method
    request.headers = HTTPHeaders(headers)
    if let body {
      request.body = .bytes(ByteBuffer(string: body))
      if !request.headers.contains(name: "content-type") {
        request.headers.add(name: "content-type", value: "application/json")
      }
    }
    return request
  }

  func send(_ method: HTTPMethod, _ path: String, _ headers: [(String, String)] = [], body: String? = nil) async throws
    -> Answer
  {
    let response = try await HTTPClient.shared.execute(
      request(method, path, headers, body: body), timeout: .seconds(120))
    let bytes = try await response.body.collect(upTo: 16 << 20)
    return Answer(status: Int(response.status.code), headers: response.headers, text: String(buffer: bytes))
  }

  func get(_ path: String, _ headers: [(String, String)] = []) async throws -> Answer {
    try await send(.GET, path, headers)
  }

  func post(_ path: String, _ body: TemplateValue, _ headers: [(String, String)] = []) async throws -> Answer {
    try await send(.POST, path, headers, body: try body.jsonText())
  }
}
