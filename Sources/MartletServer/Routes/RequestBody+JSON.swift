internal import HTTPTypes
internal import Hummingbird
internal import Martlet
internal import MartletTemplate
internal import NIOCore
internal import NIOHTTP1

extension Request {
  /// Reads the body as JSON. Only with the content type that says so: a form of a foreign page cannot send that.
  func json(maximum: Int) async throws -> TemplateValue {
    let type = headers[.contentType]?.split(separator: ";").first.map { $0.trimmed } ?? ""
    guard type.lowercased() == "application/json" else {
      throw APIError(
        .unsupportedMediaType, "the content type is \"\(type)\"; it must be application/json", code: "content_type")
    }
    if let length = headers[.contentLength].flatMap(Int.init), length > maximum { throw Self.tooLarge(maximum) }
    let buffer: ByteBuffer
    do {
      buffer = try await body.collect(upTo: maximum)
    } catch is NIOTooManyBytesError {
      throw Self.tooLarge(maximum)
    } catch let error as HTTPParserError {
      throw APIError(.badRequest, "the body is not what HTTP/1.1 allows: \(error)", code: "invalid_http")
    }
    do {
      return try TemplateValue(json: buffer.readableBytesView)
    } catch {
      throw APIError(.badRequest, "the body is not JSON: \(error)", code: "invalid_json")
    }
  }

  private static func tooLarge(_ maximum: Int) -> APIError {
    APIError(.contentTooLarge, "the body is larger than the \(maximum) bytes allowed", code: "body_too_large")
  }
}

extension Substring {
  /// Without blanks at its ends.
  fileprivate var trimmed: String {
    var part = self
    while part.first == " " || part.first == "\t" { part.removeFirst() }
    while part.last == " " || part.last == "\t" { part.removeLast() }
    return String(part)
  }
}
