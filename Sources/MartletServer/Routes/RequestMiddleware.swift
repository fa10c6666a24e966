internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Martlet

/// What happens to every request, whatever its route: an id, the checks of its origin, errors in one form, headers of every
/// answer, a line in the log, figures.
struct RequestMiddleware: RouterMiddleware {
  typealias Context = ServerContext

  let server: ServerState

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let begin = ContinuousClock.now
    var context = context
    context.requestID = Self.identifier(request)
    context.logger[metadataKey: "hb.request.id"] = nil
    context.logger[metadataKey: "request_id"] = .string(context.requestID)
    var response: Response
    do {
      try checkOrigin(request)
      response = try await next(request, context)
    } catch {
      response = .error(Self.told(error, request, context))
    }
    response.headers[.requestID] = context.requestID
    response.headers[.xContentTypeOptions] = "nosniff"
    response.headers[.referrerPolicy] = "no-referrer"
    if response.headers[.contentSecurityPolicy] == nil {
      response.headers[.contentSecurityPolicy] = "default-src 'none'"
    }
    // A connection that lives on would bring the next request to a server that is going away.
    if server.isDraining { response.headers[.connection] = "close" }
    return told(response, to: request, context, since: begin)
  }

  /// A client's own id, if it is one that cannot harm a log, or a new one.
  private static func identifier(_ request: Request) -> String {
    if let given = request.headers[.requestID], (1...64).contains(given.utf8.count),
      given.utf8.allSatisfy({ ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || (0x30...0x39).contains($0) || $0 == 0x2D })
    {
      return given
    }
    let digits = String(UInt64.random(in: .min ... .max), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  private func checkOrigin(_ request: Request) throws(APIError) {
    let host = request.head.authority ?? ""
    guard server.hosts.allows(host) else {
      throw APIError(
        .forbidden, "the request is for the host \"\(host)\", which this server is not; name it by --host-name",
        type: "permission_error", code: "host_not_allowed")
    }
    if let origin = request.headers[.origin], !server.hosts.allows(origin: origin, host: host) {
      throw APIError(
        .forbidden, "the page \(origin) may not use this server; only the server's own page may",
        type: "permission_error", code: "origin_not_allowed")
    }
  }

  private static func told(_ error: any Error, _ request: Request, _ context: ServerContext) -> APIError {
    if let error = error as? HTTPError {
      guard error.status == .notFound else {
        return APIError(error.status, error.body ?? error.status.reasonPhrase, code: "http_error")
      }
      return APIError(
        .notFound, "there is no \(request.method) \(request.uri.path); the API is described in docs/server.md",
        code: "not_found")
    }
    let told = APIError(error)
    if told.status.code >= 500 {
      context.logger.error("request failed", metadata: ["error": .string("\(error)")])
    }
    return told
  }

  /// Writes the log's line and counts the request, when the answer's last byte is on its way.
  private func told(
    _ response: Response, to request: Request, _ context: ServerContext, since begin: ContinuousClock.Instant
  ) -> Response {
    let (method, path, status) = (request.method.rawValue, request.uri.path, Int(response.status.code))
    let finish = { @Sendable (isWhole: Bool) in
      let time = begin.duration(to: .now)
      let notes = context.notes.values
      server.metrics.answered(route: notes.route, status: status, time: time)
      var metadata: Logger.Metadata = [
        "method": .string(method), "path": .string(path), "status": .stringConvertible(status),
        "seconds": .stringConvertible(time.seconds),
      ]
      if let key = notes.keyName { metadata["key"] = .string(key) }
      if !isWhole { metadata["cut_short"] = "true" }
      context.logger.info("request", metadata: metadata)
    }
    guard response.body.contentLength == nil else {
      finish(true)
      return response
    }
    var streaming = response
    streaming.body = ResponseBody { [body = response.body] writer in
      do { try await body.write(writer) } catch {
        finish(false)
        throw error
      }
      finish(true)
    }
    return streaming
  }
}

extension HTTPField.Name {
  static let requestID = Self("X-Request-ID")!
  static let referrerPolicy = Self("Referrer-Policy")!
}
