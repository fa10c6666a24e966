internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// A failure of the network that may be gone at the next attempt.
struct TransientFailure: Error, Sendable {
  let reason: String
  /// Whether not even a connection came about.
  var isUnreachable = false
  /// How long the server asks to wait.
  var retryAfter: Duration?
}

/// Sends requests to the hub and follows its redirects.
///
/// The token goes to the hub's own scheme, host and port. Where the hub sends us for a large file is another server,
/// whose addresses are signed and which must not learn it.
struct HTTPTransport: Sendable {
  private let direct: HTTPClient
  private let proxied: [ProxySettings.Proxy: HTTPClient]
  private let access: HubAccess

  static let redirectLimit = 10

  /// Opens a transport for the time of `body`.
  static func with<Result: Sendable>(
    _ access: HubAccess, _ body: (HTTPTransport) async throws -> Result
  ) async throws -> Result {
    let transport = HTTPTransport(access)
    do {
      let result = try await body(transport)
      try await transport.close()
      return result
    } catch {
      // What failed matters more than how the connections end.
      try? await transport.close()
      throw error
    }
  }

  private init(_ access: HubAccess) {
    self.access = access
    direct = Self.client(access, proxy: nil)
    var proxied: [ProxySettings.Proxy: HTTPClient] = [:]
    for proxy in access.proxies.all where proxied[proxy] == nil { proxied[proxy] = Self.client(access, proxy: proxy) }
    self.proxied = proxied
  }

  private func close() async throws {
    for client in [direct] + proxied.values { try await client.shutdown() }
  }

  private static func client(_ access: HubAccess, proxy: ProxySettings.Proxy?) -> HTTPClient {
    var configuration = HTTPClient.Configuration()
    configuration.redirectConfiguration = .disallow
    configuration.httpVersion = .http1Only
    if let file = access.certificateFile {
      configuration.tlsConfiguration = .makeClientConfiguration()
      configuration.tlsConfiguration?.trustRoots = .file(file)
    }
    configuration.timeout.connect = .seconds(15)
    configuration.timeout.read = .nanoseconds(Int64(access.silenceLimit / .nanoseconds(1)))
    // Whether to try again is decided in one place, and not here.
    configuration.connectionPool.retryConnectionEstablishment = false
    configuration.proxy = proxy.map { proxy in
      guard !proxy.isSOCKS else { return .socksServer(host: proxy.host, port: proxy.port) }
      let authorization = proxy.user.map {
        HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "")
      }
      return .server(host: proxy.host, port: proxy.port, authorization: authorization)
    }
    return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
  }

  enum Redirects {
    /// To wherever they lead.
    case all
    /// While they stay at the hub; the answer that leads elsewhere is the result.
    case sameOrigin
  }

  /// An answer, and where it came from.
  struct Answer: Sendable {
    let response: HTTPClientResponse
    let address: WebAddress
    /// Whether the hub itself gave it.
    let isFromHub: Bool

    var status: Int { Int(response.status.code) }
    func header(_ name: String) -> String? { response.headers.first(name: name) }
  }

  /// The answer to a request, behind all redirects.
  /// - Throws: ``TransientFailure`` if the network fails, `HubError` if a redirect leads nowhere, `CancellationError`.
  func send(
    _ method: HTTPMethod, _ address: WebAddress, headers: HTTPHeaders = [:], redirects: Redirects = .all
  ) async throws -> Answer {
    let home = WebAddress(access.endpoint)?.origin
    var address = address
    for _ in 0...Self.redirectLimit {
      var request = HTTPClientRequest(url: address.description)
      request.method = method
      request.headers = headers
      request.headers.add(name: "user-agent", value: "martlet")
      // Sizes and hashes are those of the file itself.
      request.headers.add(name: "accept-encoding", value: "identity")
      if let token = access.token, address.origin == home {
        request.headers.add(name: "authorization", value: "Bearer \(token)")
      }
      let response = try await respond(request, address.origin)
      guard [301, 302, 303, 307, 308].contains(response.status.code),
        let location = response.headers.first(name: "location")
      else { return Answer(response: response, address: address, isFromHub: address.origin == home) }
      guard let next = address.following(location) else {
        throw HubError(
          code: .unavailable,
          message: "\(address.origin.host) redirects to '\(location.prefix(200))', which is no address to follow")
      }
      if redirects == .sameOrigin, next.origin != address.origin {
        return Answer(response: response, address: address, isFromHub: address.origin == home)
      }
      address = next
    }
    throw HubError(
      code: .unavailable,
      message: "\(access.endpoint) redirects more than \(Self.redirectLimit) times; is HF_ENDPOINT right?")
  }

  private func respond(_ request: HTTPClientRequest, _ origin: WebAddress.Origin) async throws -> HTTPClientResponse {
    let proxy = access.proxies.proxy(for: origin)
    let client = proxy.flatMap { proxied[$0] } ?? direct
    do {
      return try await client.execute(request, timeout: .nanoseconds(Int64(access.silenceLimit / .nanoseconds(1))))
    } catch {
      throw try Self.failure(error, host: proxy.map { "\(origin.host) through \($0.host)" } ?? origin.host)
    }
  }

  /// What an error of the network means to us.
  /// - Throws: what trying again cannot help against.
  static func failure(_ error: any Error, host: String) throws -> TransientFailure {
    if error is CancellationError || Task.isCancelled { throw CancellationError() }
    switch error {
    case let error as HTTPClientError where error == .cancelled: throw CancellationError()
    case let error as HTTPClientError where error == .connectTimeout:
      return TransientFailure(reason: "\(host) does not answer", isUnreachable: true)
    case let error as HTTPClientError where error == .deadlineExceeded:
      return TransientFailure(reason: "\(host) does not answer")
    case let error as HTTPClientError where error == .readTimeout:
      return TransientFailure(reason: "\(host) has fallen silent")
    case let error as HTTPClientError where error == .remoteConnectionClosed:
      return TransientFailure(reason: "\(host) has closed the connection")
    case let error as HTTPClientError: return TransientFailure(reason: "\(host): \(error.shortDescription)")
    // A connection that ends within an answer is such an error too.
    case HTTPParserError.invalidEOFState: return TransientFailure(reason: "\(host) has closed the connection")
    case let error as HTTPParserError:
      throw HubError(code: .unavailable, message: "\(host) gives an answer that breaks the rules of HTTP: \(error)")
    case NIOSSLError.handshakeFailed(let error):
      // The library has the reason in its text only.
      guard "\(error)".contains("CERTIFICATE_VERIFY_FAILED") else {
        return TransientFailure(reason: "no secure connection to \(host): \(error)")
      }
      throw HubError(
        code: .unavailable,
        message:
          "the certificate of \(host) is not accepted; if it is signed by an authority that this system does not "
          + "know, SSL_CERT_FILE names the file with that authority's own")
    case let error as NIOConnectionError:
      guard let first = error.connectionErrors.first?.error else {
        return TransientFailure(reason: "the address of \(host) cannot be found", isUnreachable: true)
      }
      let reason = (first as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(first)"
      return TransientFailure(reason: "no connection to \(host): \(reason)", isUnreachable: true)
    case let error as IOError:
      // An address that is written in numbers is connected to without a search, and fails by itself.
      let isUnreachable = [ECONNREFUSED, EHOSTUNREACH, ENETUNREACH].contains(error.errnoCode)
      let reason = "no connection to \(host): \(String(cString: strerror(error.errnoCode)))"
      return TransientFailure(reason: reason, isUnreachable: isUnreachable)
    default: return TransientFailure(reason: "\(host): \(error)")
    }
  }
}
