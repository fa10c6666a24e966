internal import HTTPTypes
internal import Hummingbird
internal import MartletPage
internal import NIOCore

/// The page at `/` and the files that it is made of. They hold no secrets, so they need no key.
enum PageRoutes {
  static var routes: [Route] { WebPage.files.map(route) }

  private static func route(_ file: WebPage.File) -> Route {
    var headers: HTTPFields = [.contentType: file.contentType, .eTag: file.entityTag]
    for (name, value) in WebPage.headers {
      if let name = HTTPField.Name(name) { headers[name] = value }
    }
    let body = ByteBuffer(bytes: file.bytes)
    return Route(.get, "/" + file.path, scope: nil) { [headers] request, _ in
      // A browser that has this version need not get it again.
      guard request.headers[.ifNoneMatch] != file.entityTag else {
        return Response(status: .notModified, headers: headers)
      }
      return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
  }
}
