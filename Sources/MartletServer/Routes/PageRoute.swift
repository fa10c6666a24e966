internal import HTTPTypes
internal import Hummingbird

/// The page at `/`. Its bytes belong here once there is a page; until then the route says where the API is.
struct PageRoute: Sendable {
  /// What the page may load and do: nothing but itself and this server.
  static let policy = [
    "default-src 'none'", "script-src 'self' 'unsafe-inline'", "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data:",
    "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
  ].joined(separator: "; ")

  var route: Route {
    Route(.get, "/", scope: nil) { _, _ in
      Response.text("Martlet: the API is at /v1/chat/completions, its description in docs/server.md.\n")
    }
  }
}
