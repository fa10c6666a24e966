internal import HTTPTypes
package import Martlet
package import MartletTemplate

/// The routes whose requests have fields.
package enum Endpoint: String, Sendable, CaseIterable {
  case chat = "/v1/chat/completions"
  case completions = "/v1/completions"
  case tokenize = "/tokenize"
  case detokenize = "/detokenize"
  case render = "/render"
}

/// What a request asks for, field by field. Every field's range has been checked; whether the model can honour all of them
/// together is the business of whoever uses them.
package struct APIRequest: Sendable, Equatable {
  package let endpoint: Endpoint
  package var model: String?
  package var messages: [TemplateValue] = []
  package var tools: TemplateValue?
  package var prompts: [PromptInput] = []
  package var tokens: [Int32] = []
  /// OpenAI's temperature is 1 where none is given.
  package var sampling = SamplingParameters(temperature: 1)
  package var maxTokens: Int?
  package var maxCompletionTokens: Int?
  package var samples = 1
  package var stop: [String] = []
  package var isStreaming = false
  /// What `stream_options` says; nil without it.
  package var includesUsage: Bool?
  /// What a chat's `logprobs` says.
  package var wantsLogprobs: Bool?
  package var topLogprobs: Int?
  package var promptLogprobs: Int?
  package var echoes = false
  package var returnsTokenIDs = false
  /// What the request says; nil leaves it to its key.
  package var priority: Int?
  package var cacheSalt: String?
  package var user: String?
  package var templateVariables: [String: TemplateValue] = [:]
  package var continuesFinalMessage = false
  package var addsGenerationPrompt: Bool?
  package var addsSpecialTokens = true
  package var parsesSpecialTokens = false

  package init(endpoint: Endpoint) { self.endpoint = endpoint }

  /// The most tokens to generate; nil until the model ends.
  package var outputLimit: Int? { maxCompletionTokens ?? maxTokens }
}

extension APIRequest {
  /// Reads a request's body.
  /// - Throws: a 400 that names the field that is unknown, missing, of a wrong type or out of range, or that contradicts
  ///   another.
  package init(_ body: TemplateValue, endpoint: Endpoint, fields: [RequestField]) throws(APIError) {
    self.init(endpoint: endpoint)
    guard case .object(let object) = body else {
      throw APIError(
        .badRequest, "the body is \(FieldValue.summary(body)); it must be a JSON object", code: "invalid_type")
    }
    let known = fields.filter { $0.endpoints.contains(endpoint) }
    for key in object.keys where !known.contains(where: { $0.name == key }) {
      throw .field(
        key,
        "is not a field of \(endpoint.rawValue); remove it. Known are: \(known.map(\.name).joined(separator: ", "))",
        code: "unknown_field")
    }
    for field in known {
      // As with OpenAI, null is the same as nothing.
      if let value = object[field.name], value != .null {
        try field.read(FieldValue(name: field.name, value: value, kind: field.kind), &self)
      } else if field.isRequired {
        throw .field(field.name, "is missing; it must be \(field.kind.expectation)", code: "missing_field")
      }
    }
    try checkCombinations()
  }

  /// What no single field can say.
  private func checkCombinations() throws(APIError) {
    if maxTokens != nil, maxCompletionTokens != nil {
      throw .field("max_tokens", "and max_completion_tokens say the same; give one of them")
    }
    if endpoint == .chat, topLogprobs != nil, wantsLogprobs != true {
      throw .field("top_logprobs", "needs logprobs to be true")
    }
    if includesUsage != nil, !isStreaming { throw .field("stream_options", "needs stream to be true") }
    if outputLimit == 0, !echoes { throw .field("max_tokens", "is 0; without echo it must be 1 or more") }
    if continuesFinalMessage {
      if addsGenerationPrompt == true {
        throw .field("continue_final_message", "and add_generation_prompt exclude each other")
      }
      guard let last = messages.last, last["role"] == "assistant", last["tool_calls"] == nil else {
        throw .field("continue_final_message", "needs a last message of role assistant with a text")
      }
    }
  }
}
