import HTTPTypes
import Martlet
import MartletTemplate
import NIOHTTP1
import Testing

@testable import MartletServer

@Suite(.timeLimit(.minutes(15))) struct AccessTests {
  static let keys = """
    {"keys": [
      {"name": "all", "key": "all-0123456789abcdef"},
      {"name": "generate", "key": "generate-0123456789abcdef", "scopes": ["generate"]},
      {"name": "text", "key": "text-0123456789abcdef", "scopes": ["text"]},
      {"name": "models", "key": "models-0123456789abcdef", "scopes": ["models"]},
      {"name": "metrics", "key": "metrics-0123456789abcdef", "scopes": ["metrics"]},
      {"name": "none", "key": "none-0123456789abcdef", "scopes": []}
    ]}
    """

  /// A path that the route matches.
  static func path(_ route: Route) -> String { route.path.replacing("**", with: "smollm2") }

  static func call(_ route: Route, _ server: TestServer, key: String?) async throws -> TestServer.Answer {
    try await server.send(
      HTTPMethod(rawValue: route.method.rawValue), path(route), key.map { [("Authorization", "Bearer \($0)")] } ?? [],
      body: route.method == .post ? "{}" : nil)
  }

  /// Every route, without a key, with an unknown one, and with one of each scope.
  @Test func everyRouteAsksForItsScope() async throws {
    let keys = try APIKeys(json: Self.keys.utf8, path: "keys")
    try await TestServer.run(isLoaded: false, configure: { $0.keys = keys }) { server in
      let routes = server.server.routes
      #expect(routes.count > 8)
      for route in routes {
        for key in [nil, "wrong-0123456789abcdef", "", "none-0123456789abcde"] {
          let answer = try await Self.call(route, server, key: key)
          #expect(
            (answer.status == 401) == (route.scope != nil), "\(route.method) \(route.path) gives \(answer.status)")
        }
        for scope in Scope.allCases {
          let answer = try await Self.call(route, server, key: "\(scope.rawValue)-0123456789abcdef")
          let isAllowed = route.scope == nil || route.scope == scope
          #expect((answer.status == 403) == !isAllowed, "\(route.path) with \(scope) gives \(answer.status)")
        }
        #expect(try await Self.call(route, server, key: "all-0123456789abcdef").status != 401)
      }
      // The page, its files and the health are for everybody; nothing else is.
      let open = Set(routes.filter { $0.scope == nil }.map(\.path))
      #expect(open.allSatisfy { $0 == "/" || $0 == "/health" || $0.hasPrefix("/page/") })
      let wrong = try await server.get("/v1/models")
      #expect(wrong.error("code") == "invalid_api_key" && wrong.headers["www-authenticate"] == ["Bearer"])
      #expect(try await server.get("/nothing").status == 404)
    }
  }

  @Test func refusesAPublicAddressWithoutKeys() throws {
    for host in ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.evil.org", "127.0.0", ""] {
      var configuration = ServerConfiguration()
      configuration.host = host
      #expect(throws: MartletError.self, "\(host)") { try configuration.validate() }
      configuration.keys = try APIKeys(json: Self.keys.utf8, path: "keys")
      try configuration.validate()
    }
    for host in ["127.0.0.1", "127.1.2.3", "localhost", "::1"] {
      var configuration = ServerConfiguration()
      configuration.host = host
      try configuration.validate()
    }
  }

  @Test(
    arguments: [
      ("{}", "keys"), ("[]", "keys"), (#"{"keys": []}"#, "at least one"), (#"{"keys": [1]}"#, "keys[0]"),
      (#"{"keys": [{"name": "a"}]}"#, "sha256"), (#"{"keys": [{"name": "a", "key": "short"}]}"#, "16"),
      (#"{"keys": [{"name": "a b", "key": "0123456789abcdef"}]}"#, "name"),
      (#"{"keys": [{"name": "a", "key": "0123456789abcdef", "scope": []}]}"#, "scope"),
      (#"{"keys": [{"name": "a", "key": "0123456789abcdef", "scopes": ["admin"]}]}"#, "admin"),
      (#"{"keys": [{"name": "a", "key": "0123456789abcdef", "budget": {"tokens": 0, "seconds": 1}}]}"#, "budget"),
      (#"{"keys": [{"name": "a", "key": "0123456789abcdef"}, {"name": "a", "key": "0123456789abcdeg"}]}"#, "name"),
      (#"{"keys": [{"name": "a", "key": "0123456789abcdef"}, {"name": "b", "key": "0123456789abcdef"}]}"#, "key"),
      (#"{"keys": [{"name": "a", "sha256": "00"}]}"#, "64"),
      (#"{"keys": [{"name": "a", "key": "0123456789abcdef", "name": "b"}]}"#, "keys[0].name is given twice"),
    ])
  func refusesWrongKeyFiles(text: String, word: String) {
    let error = #expect(throws: MartletError.self) { try APIKeys(json: text.utf8, path: "the file") }
    #expect(error?.message.contains(word) == true && error?.message.hasPrefix("the file: ") == true)
    #expect(error?.message.contains("0123456789abcde") == false, "an error shows a key")
  }

  @Test func findsKeysByTheirHash() throws {
    // `printf 0123456789abcdef | sha256sum`
    let hash = "9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"
    let keys = try APIKeys(json: #"{"keys": [{"name": "a", "sha256": "\#(hash)"}]}"#.utf8, path: "keys")
    #expect(keys.entry(presenting: "0123456789abcdef") != nil)
    #expect(keys.entry(presenting: "0123456789abcdeF") == nil)
  }

  @Test(
    arguments: [
      ("localhost:8080", true), ("127.0.0.1:8080", true), ("[::1]:8080", true), ("10.0.0.7", true),
      ("model.example", true), ("MODEL.example:80", true), ("evil.example", false), ("", false),
      ("127.0.0.1.evil.example", false), ("localhost.evil.example", false), ("[::1].evil.example", false),
    ])
  func checksTheHost(host: String, isAllowed: Bool) {
    #expect(HostCheck(names: ["model.example"]).allows(host) == isAllowed)
  }

  @Test func keepsForeignPagesOut() async throws {
    try await TestServer.run(isLoaded: false) { server in
      let own = "http://127.0.0.1:\(server.port)"
      #expect(try await server.get("/health", [("Host", "evil.example")]).status == 403)
      #expect(try await server.get("/health", [("Origin", "http://evil.example")]).status == 403)
      #expect(try await server.get("/health", [("Origin", "null")]).status == 403)
      #expect(try await server.get("/health", [("Origin", own)]).status == 503)
      let options = try await server.send(.OPTIONS, "/v1/chat/completions", [("Origin", "http://evil.example")])
      #expect(options.status == 403 && options.headers["access-control-allow-origin"].isEmpty)
      let page = try await server.get("/")
      #expect(
        page.status == 200 && page.headers["content-security-policy"].first?.contains("default-src 'none'") == true)
      #expect(page.headers["x-content-type-options"] == ["nosniff"])
    }
  }

  @Test func refusesWhatIsNotJSONOrTooLarge() async throws {
    try await TestServer.run(isLoaded: false, configure: { $0.bodyBytes = 2000 }) { server in
      let path = "/v1/completions"
      let form = try await server.send(.POST, path, [("Content-Type", "text/plain")], body: "{}")
      #expect(form.status == 415 && form.error("code") == "content_type")
      let broken = try await server.send(.POST, path, body: "{\"prompt\": ")
      #expect(broken.status == 400 && broken.error("code") == "invalid_json")
      let large = try await server.send(.POST, path, body: "\"" + String(repeating: "x", count: 3000) + "\"")
      #expect(large.status == 413 && large.error("code") == "body_too_large")
      let deep = try await server.send(.POST, path, body: String(repeating: "[", count: 1000))
      #expect(deep.status == 400)
      let head = try? await server.get("/health", [("X-Long", String(repeating: "x", count: 40_000))])
      #expect(head.map { $0.status == 400 || $0.status == 431 } ?? true)
      // The server still answers.
      let health = try await server.get("/health", [("X-Request-ID", "mine-1")])
      #expect(
        health.status == 503 && health.json["status"] == "loading" && health.headers["x-request-id"] == ["mine-1"])
      let strange = try await server.get("/health", [("X-Request-ID", "a \"b\"")])
      #expect(strange.headers["x-request-id"].first?.count == 16)
      let early = try await server.post(path, ["prompt": "x"])
      #expect(early.status == 503 && early.error("code") == "loading" && early.headers["retry-after"] == ["1"])
    }
  }

  @Test func countsTokensOfEachKey() async throws {
    let key = try #require(
      try APIKeys(
        json: #"{"keys": [{"name": "a", "key": "0123456789abcdef", "budget": {"tokens": 100, "seconds": 3600}}]}"#.utf8,
        path: "keys"
      ).entries.first)
    let budget = TokenBudget()
    let hopeless = #expect(throws: APIError.self) { try budget.reserve(101, for: key) }
    #expect(hopeless?.field == "max_tokens" && hopeless?.retryAfter == nil)
    let first = try #require(try budget.reserve(60, for: key))
    let error = #expect(throws: APIError.self) { try budget.reserve(60, for: key) }
    #expect(error?.status == .tooManyRequests && error?.code == "insufficient_quota" && error?.retryAfter ?? 0 > 3000)
    budget.settle(first, used: 10)
    #expect(try budget.reserve(90, for: key) != nil)
    #expect(throws: APIError.self) { try budget.reserve(1, for: key) }
  }
}
