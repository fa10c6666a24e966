internal import CMartletPage
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// The page at `/` and the files that it is made of.
enum PageRoutes {
  static var routes: [Route] { (0..<martlet_page_file_count()).map { route(martlet_page_file_at($0)) } }

  /// What the page may load and do: its own files and this server, nothing else. It is the same as the page's tests use.
  static let policy = [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
    "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].joined(separator: "; ")

  private static func route(_ file: martlet_page_file) -> Route {
    let body = ByteBuffer(bytes: UnsafeBufferPointer(start: file.bytes, count: file.count))
    let headers: HTTPFields = [
      .contentType: String(cString: file.type), .contentSecurityPolicy: policy,
      // A new version of the server brings a new page under the same names.
      .cacheControl: "no-cache",
    ]
    return Route(.get, "/" + String(cString: file.path), scope: nil) { _, _ in
      Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
  }
}
