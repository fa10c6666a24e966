package import HTTPTypes
internal import Hummingbird
internal import Synchronization

/// A route with the scope that it needs. All routes of the server are values of this type, in one list, so that none can
/// be without.
package struct Route: Sendable {
  package let method: HTTPRequest.Method
  /// As Hummingbird's router takes it: `{name}` stands for a part.
  package let path: String
  /// Nil for routes that need no key.
  package let scope: Scope?
  let handle: @Sendable (Request, ServerContext) async throws -> Response

  init(
    _ method: HTTPRequest.Method, _ path: String, scope: Scope?,
    _ handle: @escaping @Sendable (Request, ServerContext) async throws -> Response
  ) {
    self.method = method
    self.path = path
    self.scope = scope
    self.handle = handle
  }
}

/// What a route finds out about a request, told back to whoever logs and counts requests.
final class RequestNotes: Sendable {
  struct Values: Sendable {
    /// The path of the route that was found, for figures: of paths that clients make up there would be no end.
    var route = "none"
    /// The name of the client's key.
    var keyName: String?
  }

  private let state = Mutex(Values())

  var values: Values { state.withLock { $0 } }

  func update(_ change: (inout Values) -> Void) { state.withLock { change(&$0) } }
}
