internal import HTTPTypes
internal import Hummingbird
internal import Martlet
internal import MartletTemplate
internal import NIOCore

extension Response {
  static func json(_ value: TemplateValue, status: HTTPResponse.Status = .ok) -> Response {
    bytes(Self.text(of: value), type: "application/json", status: status)
  }

  static func text(_ text: String, type: String = "text/plain; charset=utf-8") -> Response {
    bytes(text, type: type, status: .ok)
  }

  private static func bytes(_ text: String, type: String, status: HTTPResponse.Status) -> Response {
    Response(
      status: status, headers: [.contentType: type, .cacheControl: "no-store"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
  }

  /// The JSON text of a value that the server has made: it holds JSON's kinds only.
  static func text(of value: TemplateValue) -> String {
    do { return try value.jsonText() } catch { preconditionFailure("an answer has no JSON form: \(error)") }
  }

  /// An error in OpenAI's form.
  static func error(_ error: APIError) -> Response {
    var response = json(error.body, status: error.status)
    if let seconds = error.retryAfter { response.headers[.retryAfter] = String(seconds) }
    if error.status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
    return response
  }
}
