internal import HTTPTypes
internal import Hummingbird

/// Finds out who sends a request, and whether they may.
enum Authorization {
  /// The entry of the key that a request presents; nil where the route needs none or the server has no keys.
  /// - Throws: 401 without a known key, 403 if the key has not the route's scope.
  static func check(_ request: Request, for scope: Scope?, keys: APIKeys?) throws(APIError) -> APIKeys.Entry? {
    guard let scope, let keys else { return nil }
    let prefix = "bearer "
    guard let header = request.headers[.authorization], header.lowercased().hasPrefix(prefix),
      let entry = keys.entry(presenting: String(header.dropFirst(prefix.count)))
    else {
      throw APIError(
        .unauthorized, "the request has no API key that is known here; send it as 'Authorization: Bearer KEY'",
        type: "authentication_error", code: "invalid_api_key")
    }
    guard entry.scopes.contains(scope) else {
      throw APIError(
        .forbidden, "the API key \"\(entry.name)\" has not the scope \"\(scope.rawValue)\" that this route needs",
        type: "permission_error", code: "missing_scope")
    }
    return entry
  }
}
