package import Martlet
internal import MartletTemplate
internal import MartletText

/// What a request comes to on a loaded model: prompts as tokens, and the generations to run.
package struct GenerationPlan: Sendable {
  /// A prompt and what was asked of it.
  package struct Prompt: Sendable {
    package let tokens: [Int32]
    /// The text by which an answer with `echo` begins; empty without.
    package let echo: String
  }

  package let request: APIRequest
  package let prompts: [Prompt]
  /// `prompts.count * request.samples` generations; choice `i` answers prompt `i / request.samples`.
  package let generations: [Generation]

  /// The most tokens that the request can cost: every prompt once and every answer.
  package let tokenLimit: Int

  /// Whether answers have no token of their own: `max_tokens` 0, which only echoes.
  package var isEchoOnly: Bool { request.outputLimit == 0 }

  /// - Parameters:
  ///   - tenant: the name of the API key, or nil.
  ///   - timeLimit: how long an answer may take.
  /// - Throws: a 400 for what this model cannot honour.
  package init(_ request: APIRequest, model: Model, limits: RequestLimits, tenant: String?, timeLimit: Duration?) throws
  {
    self.request = request
    let inputs = try Self.tokens(of: request, model: model)
    let field = request.endpoint == .chat ? "messages" : "prompt"
    guard inputs.count * request.samples <= limits.samples else {
      throw APIError.field(
        "n", "times the number of prompts is \(inputs.count * request.samples); it must be at most \(limits.samples)")
    }
    let options = Self.options(of: request, model: model, tenant: tenant, timeLimit: timeLimit)
    var generations: [Generation] = []
    var total = 0
    for tokens in inputs {
      guard !tokens.isEmpty else { throw APIError.field(field, "has no tokens; it needs at least one") }
      let generation = model.generate(tokens, options: options)
      do { try generation.validate() } catch { throw Self.renamed(error, prompt: field) }
      let room = model.sequenceTokens - tokens.count
      if let limit = request.outputLimit, limit > room {
        throw APIError.field(
          request.maxCompletionTokens == nil ? "max_tokens" : "max_completion_tokens",
          "is \(limit), and \(field) has \(tokens.count) tokens: together \(limit + tokens.count), but a sequence holds at "
            + "most \(model.sequenceTokens); ask for at most \(room) or shorten the prompt",
          code: "context_length_exceeded")
      }
      total += tokens.count + (request.outputLimit ?? room) * request.samples
      generations += generation.samples(request.samples)
    }
    self.generations = generations
    tokenLimit = total
    prompts = try inputs.map { tokens in
      Prompt(tokens: tokens, echo: request.echoes ? try model.tokenizer?.decode(tokens, skipSpecial: false) ?? "" : "")
    }
  }

  private static func options(
    of request: APIRequest, model: Model, tenant: String?, timeLimit: Duration?
  ) -> GenerationOptions {
    var options = GenerationOptions()
    options.sampling = request.sampling
    options.sampling.logprobs = request.topLogprobs ?? (request.wantsLogprobs == true ? 0 : nil)
    // Without a token of their own, answers still need the step that computes the prompt.
    options.maxTokens = request.outputLimit.map { max($0, 1) }
    options.stop = request.stop
    options.promptLogprobs = request.promptLogprobs
    if request.echoes, let count = options.sampling.logprobs {
      options.promptLogprobs = max(count, request.promptLogprobs ?? 0)
    }
    options.priority = request.priority
    // A salt of a tenant's own: nobody can learn from the time of an answer what others have asked.
    options.cacheSalt = tenant.map { "\($0)\u{0}\(request.cacheSalt ?? "")" } ?? request.cacheSalt
    options.tenant = tenant
    options.timeLimit = timeLimit
    return options
  }

  private static func tokens(of request: APIRequest, model: Model) throws -> [[Int32]] {
    guard request.endpoint == .chat else {
      return try request.prompts.map { input in
        switch input {
        case .tokens(let tokens): return tokens
        case .text(let text):
          guard let tokenizer = model.tokenizer else {
            throw APIError.field("prompt", "is a text, but \(model.name) has no vocabulary; give token ids")
          }
          return tokenizer.encode(text, addSpecial: true)
        }
      }
    }
    return [try ConversationRenderer(model: model).render(request).tokens]
  }

  /// The engine's error with the name that the prompt has in this request.
  private static func renamed(_ error: RequestError, prompt field: String) -> APIError {
    var error = APIError(error)
    if error.field == "prompt" {
      error.field = field
      error.message = "\(field): \(error.message)"
    }
    return error
  }
}

/// Renders a request's conversation through the model's own template: a request cannot bring one.
struct ConversationRenderer {
  let model: Model

  func render(_ request: APIRequest) throws -> (text: String, tokens: [Int32]) {
    guard let text = model.text else {
      throw APIError.field("messages", "cannot be rendered: \(model.name) has no vocabulary; use /v1/completions")
    }
    var rendered = try text.render(
      .array(request.messages), tools: request.tools,
      addGenerationPrompt: request.addsGenerationPrompt ?? !request.continuesFinalMessage,
      extra: request.templateVariables)
    if request.continuesFinalMessage, case .string(let last)? = request.messages.last?["content"] {
      rendered = try Self.cut(rendered, after: last)
    }
    return (rendered, text.encodeRendered(rendered))
  }

  /// Cuts off what the template wrote after the last message, as transformers does: some templates trim messages, so the
  /// trimmed text is looked for, and white space at its end is kept where the template kept it.
  private static func cut(_ rendered: String, after message: String) throws(APIError) -> String {
    let trimmed = Array(message.utf8.drop { isSpace($0) })
    let core = trimmed[..<((trimmed.lastIndex { !isSpace($0) } ?? -1) + 1)]
    let bytes = Array(rendered.utf8)
    guard !core.isEmpty,
      let start = (0...max(0, bytes.count - core.count)).last(where: { bytes[$0...].starts(with: core) })
    else {
      throw .field("continue_final_message", "needs a last message whose text the chat template writes out as it is")
    }
    let isWhole = bytes[start...].starts(with: trimmed)
    return String(decoding: bytes[..<(start + (isWhole ? trimmed.count : core.count))], as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
