package import HTTPTypes
internal import Martlet
package import MartletTemplate

/// What went wrong, as a client is told: a status and the body of OpenAI's errors.
package struct APIError: Error, Sendable {
  package var status: HTTPResponse.Status
  /// What was found, what was expected and what to do.
  package var message: String
  /// OpenAI's kind of error.
  package var type: String
  /// The field of the request that is to blame.
  package var field: String?
  /// A stable word for programs.
  package var code: String?
  /// Seconds after which the client may try again.
  package var retryAfter: Int?
  /// More members of the body.
  package var details: [(key: String, value: TemplateValue)] = []

  package init(
    _ status: HTTPResponse.Status, _ message: String, type: String = "invalid_request_error", field: String? = nil,
    code: String? = nil
  ) {
    self.status = status
    self.message = message
    self.type = type
    self.field = field
    self.code = code
  }

  /// A 400 that names the field.
  package static func field(_ name: String, _ message: String, code: String = "invalid_value") -> APIError {
    APIError(.badRequest, "\(name) \(message)", field: name, code: code)
  }

  /// `{"error": {"message": …, "type": …, "param": …, "code": …}}`
  package var body: TemplateValue {
    var error = TemplateObject()
    error["message"] = .string(message)
    error["type"] = .string(type)
    error["param"] = field.map { .string($0) } ?? .null
    error["code"] = code.map { .string($0) } ?? .null
    for (key, value) in details { error[key] = value }
    return ["error": .object(error)]
  }
}

extension APIError {
  /// Gives an error of the engine or the library its status. Whatever is not the client's doing is a 500.
  package init(_ error: any Error) {
    switch error {
    case let error as APIError: self = error
    case let error as RequestError: self.init(error)
    case EngineError.timedOut(_, let count):
      self.init(.gatewayTimeout, "\(error)", type: "timeout_error", code: "time_limit")
      details = [("generated_tokens", .int(count))]
    case let error as EngineError:
      self.init(.internalServerError, "\(error)", type: "server_error", code: "step_failed")
    case is CancellationError:
      self.init(
        .serviceUnavailable, "the server is shutting down; send the request to another one or try again later",
        type: "server_error", code: "shutting_down")
    case SamplingError.nothingLeft, SamplingError.overflow:
      self.init(.badRequest, "\(error)", field: "logit_bias", code: "invalid_value")
    case let error as TemplateError where error.kind == .raised:
      self.init(.badRequest, "the model's chat template: \(error)", field: "messages", code: "refused_by_template")
    case let error as TemplateError:
      self.init(
        .badRequest, "the model's chat template cannot render these messages: \(error)", field: "messages",
        code: "template_failed")
    case let error as MissingChatTemplate:
      self.init(.badRequest, "\(error)", field: "messages", code: "no_chat_template")
    case let error as MartletError where error.code == .invalidRequest:
      self.init(.badRequest, "\(error)", code: "invalid_request")
    default:
      self.init(.internalServerError, "\(error)", type: "server_error", code: "internal_error")
    }
  }

  private init(_ error: RequestError) {
    switch error {
    case .outOfRange(let field, _, _), .empty(let field), .unknownToken(let field, _, _):
      self.init(.badRequest, "\(error)", field: field, code: "invalid_value")
    case .unknownAdapter:
      self.init(.notFound, "\(error)", field: "model", code: "model_not_found")
    case .exceedsContext, .exceedsCache:
      self.init(.badRequest, "\(error)", field: "prompt", code: "context_length_exceeded")
    case .queueFull(let position, let wait):
      self.init("\(error)", code: "queue_full", ("position", .int(position)), wait)
    case .queueShareUsed(let held, let wait):
      self.init("\(error)", code: "queue_share_used", ("waiting_requests", .int(held)), wait)
    case .shutDown:
      self.init(CancellationError())
    }
  }

  /// A 429 with how long it takes until there is room.
  private init(_ message: String, code: String, _ detail: (String, TemplateValue), _ wait: Duration?) {
    self.init(.tooManyRequests, message, type: "rate_limit_error", code: code)
    retryAfter = wait.map { max(1, Int(min($0.seconds, 3600).rounded(.up))) } ?? 1
    details = [detail, ("estimated_wait_seconds", wait.map { .double($0.seconds) } ?? .null)]
  }
}
