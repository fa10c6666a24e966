internal import HTTPTypes
internal import Hummingbird
internal import Martlet
internal import MartletTemplate
internal import NIOCore
internal import NIOHTTP1

extension Request {
  /// The bytes of a body of JSON. Only with the content type that says so: a form of a foreign page cannot send that.
  func jsonBytes(maximum: Int) async throws -> ByteBuffer {
    let type = headers[.contentType]?.split(separator: ";").first.map { $0.trimmed } ?? ""
    guard type.lowercased() == "application/json" else {
      throw APIError(
        .unsupportedMediaType, "the content type is \"\(type)\"; it must be application/json", code: "content_type")
    }
    if let length = headers[.contentLength].flatMap(Int.init), length > maximum { throw Self.tooLarge(maximum) }
    do {
      return try await body.collect(upTo: maximum)
    } catch is NIOTooManyBytesError {
      throw Self.tooLarge(maximum)
    } catch let error as HTTPParserError {
      throw APIError(.badRequest, "the body is not what HTTP/1.1 allows: \(error)", code: "invalid_http")
    }
  }

  private static func tooLarge(_ maximum: Int) -> APIError {
    APIError(.contentTooLarge, "the body is larger than the \(maximum) bytes allowed", code: "body_too_large")
  }
}

extension APIRequest {
  /// Reads the bytes of a body.
  /// - Throws: a 400 that says what is wrong with them.
  init(json bytes: ByteBuffer, endpoint: Endpoint, fields: [RequestField]) throws(APIError) {
    let value: TemplateValue
    do {
      value = try TemplateValue(strict: bytes.readableBytesView)
    } catch {
      switch error {
      case .invalid(let error): throw APIError(.badRequest, "the body is not JSON: \(error)", code: "invalid_json")
      case .repeated(let member): throw .field(member, "is given twice; give it once", code: "repeated_field")
      }
    }
    try self.init(value, endpoint: endpoint, fields: fields)
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
