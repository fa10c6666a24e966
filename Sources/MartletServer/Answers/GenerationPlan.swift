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

  /// Whether the prompt of a choice comes with log-probabilities; a prompt of one token has none.
  func hasScores(choice: Int) -> Bool {
    Self.scoreCount(of: request) != nil && prompts[choice / request.samples].tokens.count > 1
  }

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
    prompts = inputs.enumerated().map { index, tokens in
      Prompt(tokens: tokens, echo: request.echoes ? Self.echo(request, index, tokens, model) : "")
    }
  }

  /// A prompt as it came, or the text of its ids; ids that have none, which some models' tables leave room for, add nothing.
  private static func echo(_ request: APIRequest, _ index: Int, _ tokens: [Int32], _ model: Model) -> String {
    if request.endpoint != .chat, case .text(let text) = request.prompts[index] { return text }
    return String(decoding: tokens.flatMap { model.tokenizer?.bytes(of: $0) ?? [] }, as: UTF8.self)
  }

  private static func options(
    of request: APIRequest, model: Model, tenant: String?, timeLimit: Duration?
  ) -> GenerationOptions {
    var options = GenerationOptions()
    options.sampling = request.sampling
    options.sampling.logprobs = logprobCount(of: request)
    // Without a token of their own, answers still need the step that computes the prompt.
    options.maxTokens = request.outputLimit.map { max($0, 1) }
    options.stop = request.stop
    options.promptLogprobs = scoreCount(of: request)
    options.priority = request.priority ?? 0
    // A salt of a tenant's own: nobody can learn from the time of an answer what others have asked.
    options.cacheSalt = tenant.map { "\($0)\u{0}\(request.cacheSalt ?? "")" } ?? request.cacheSalt
    options.tenant = tenant
    options.timeLimit = timeLimit
    return options
  }

  /// How many log-probabilities each token of an answer comes with beside its own; nil for none at all.
  private static func logprobCount(of request: APIRequest) -> Int? {
    request.topLogprobs ?? (request.wantsLogprobs == true ? 0 : nil)
  }

  /// The same for the tokens of prompts.
  private static func scoreCount(of request: APIRequest) -> Int? {
    guard request.echoes, let count = logprobCount(of: request) else { return request.promptLogprobs }
    return max(count, request.promptLogprobs ?? 0)
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
    func rendered(_ messages: [TemplateValue]) throws -> String {
      try text.render(
        .array(messages), tools: request.tools,
        addGenerationPrompt: request.addsGenerationPrompt ?? !request.continuesFinalMessage,
        extra: request.templateVariables)
    }
    let whole = try rendered(request.messages)
    guard request.continuesFinalMessage, case .object(var last)? = request.messages.last,
      case .string(let content)? = last["content"]
    else { return (whole, text.encodeRendered(whole)) }
    last["content"] = .string(content + Self.marker)
    let cut = try Self.cut(rendered(request.messages.dropLast() + [.object(last)]), of: whole)
    return (cut, text.encodeRendered(cut))
  }

  /// Stands for the end of the last message: two characters that Unicode leaves to private use, so that neither templates nor
  /// ordinary texts have them.
  private static let marker = "\u{E000}\u{F8FF}"

  /// Cuts off what the template wrote after the last message, which ends with the marker. Some templates trim messages: white
  /// space at the end is kept where the template keeps it, as it shows without the marker.
  private static func cut(_ marked: String, of whole: String) throws(APIError) -> String {
    let (bytes, marker) = (Array(marked.utf8), Array(marker.utf8))
    guard bytes.count >= marker.count,
      let end = (0...bytes.count - marker.count).last(where: { bytes[$0...].starts(with: marker) })
    else {
      throw .field("continue_final_message", "needs a last message whose text the chat template writes out as it is")
    }
    var cut = bytes[..<end]
    if !whole.utf8.starts(with: cut) {
      while let last = cut.last, isSpace(last) { cut.removeLast() }
    }
    return String(decoding: cut, as: UTF8.self)
  }

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
}
