internal import Martlet
internal import MartletTemplate
internal import MartletText

/// Writes answers in OpenAI's forms: whole ones and the pieces of a stream.
struct AnswerFormat: Sendable {
  let plan: GenerationPlan
  /// `chatcmpl-…` or `cmpl-…`.
  let id: String
  /// Seconds since 1970.
  let created: Int
  let modelName: String
  let tokenizer: Tokenizer?

  private var request: APIRequest { plan.request }
  private var isChat: Bool { request.endpoint == .chat }

  /// The whole answer.
  func answer(_ choices: [Choice], usage: Usage) -> TemplateValue {
    var object = envelope(isChat ? "chat.completion" : "text_completion")
    object["choices"] = .array(choices.map { choice($0, isWhole: true) })
    object["usage"] = usage.value
    addPromptFields(to: &object, choices.first?.promptTokens)
    return .object(object)
  }

  /// An event of a stream with a piece of one choice.
  func piece(_ choice: Choice) -> TemplateValue {
    var object = envelope(isChat ? "chat.completion.chunk" : "text_completion")
    object["choices"] = .array([self.choice(choice, isWhole: false)])
    if request.includesUsage == true { object["usage"] = .null }
    if choice.isFirst, choice.index == 0 { addPromptFields(to: &object, choice.promptTokens) }
    return .object(object)
  }

  /// The event that tells the tokens used, after the last piece.
  func usage(_ usage: Usage) -> TemplateValue {
    var object = envelope(isChat ? "chat.completion.chunk" : "text_completion")
    object["choices"] = []
    object["usage"] = usage.value
    return .object(object)
  }

  private func envelope(_ kind: String) -> TemplateObject {
    TemplateObject([
      ("id", .string(id)), ("object", .string(kind)), ("created", .int(created)), ("model", .string(modelName)),
    ])
  }

  /// What vLLM's API gives beside the choices of a conversation. Completions have it in their choices, since they can
  /// have several prompts.
  private func addPromptFields(to object: inout TemplateObject, _ scored: [PromptToken]?) {
    guard isChat else { return }
    object["prompt_token_ids"] = request.returnsTokenIDs ? ids(plan.prompts[0].tokens) : nil
    object["prompt_logprobs"] = promptLogprobs(scored)
  }

  // MARK: - Choices

  private func choice(_ choice: Choice, isWhole: Bool) -> TemplateValue {
    var object = TemplateObject()
    object["index"] = .int(choice.index)
    if !isChat {
      object["text"] = .string(text(of: choice))
    } else if isWhole {
      object["message"] = ["role": "assistant", "content": .string(choice.text), "refusal": nil]
    } else {
      var delta = TemplateObject()
      if choice.isFirst { delta["role"] = "assistant" }
      if choice.isFirst || !choice.text.isEmpty { delta["content"] = .string(choice.text) }
      object["delta"] = .object(delta)
    }
    object["logprobs"] = logprobs(choice)
    object["finish_reason"] = choice.summary.map { .string(finishReason($0)) } ?? .null
    if request.returnsTokenIDs { object["token_ids"] = ids(plan.isEchoOnly ? [] : choice.tokens.map(\.token)) }
    if !isChat, choice.isFirst {
      if request.returnsTokenIDs { object["prompt_token_ids"] = ids(prompt(of: choice).tokens) }
      object["prompt_logprobs"] = promptLogprobs(choice.promptTokens)
    }
    return .object(object)
  }

  private func prompt(of choice: Choice) -> GenerationPlan.Prompt { plan.prompts[choice.index / request.samples] }

  private func finishReason(_ summary: GenerationSummary) -> String {
    plan.isEchoOnly ? "length" : summary.reason.rawValue
  }

  /// A completion's text, with the prompt before it if it is to be echoed.
  private func text(of choice: Choice) -> String {
    (choice.isFirst ? prompt(of: choice).echo : "") + (plan.isEchoOnly ? "" : choice.text)
  }

  private func ids(_ tokens: [Int32]) -> TemplateValue { .array(tokens.map { .int(Int($0)) }) }

  // MARK: - Log-probabilities

  private func logprobs(_ choice: Choice) -> TemplateValue {
    guard request.wantsLogprobs == true || !isChat && request.topLogprobs != nil else { return .null }
    return isChat ? chatLogprobs(choice) : completionLogprobs(choice)
  }

  private func chatLogprobs(_ choice: Choice) -> TemplateValue {
    let content = choice.tokens.map { token -> TemplateValue in
      var entry = chatEntry(token.token, token.logprob ?? 0)
      entry["top_logprobs"] = .array(token.top.map { .object(chatEntry($0.token, $0.logprob)) })
      return .object(entry)
    }
    return ["content": .array(content), "refusal": nil]
  }

  private func chatEntry(_ token: Int32, _ logprob: Float) -> TemplateObject {
    TemplateObject([
      ("token", .string(text(of: token))), ("logprob", number(logprob)),
      ("bytes", .array(bytes(of: token).map { .int(Int($0)) })),
    ])
  }

  private func completionLogprobs(_ choice: Choice) -> TemplateValue {
    var tokens: [TemplateValue] = []
    var values: [TemplateValue] = []
    var tops: [TemplateValue] = []
    var offsets: [TemplateValue] = []
    func add(_ token: Int32, _ logprob: Float?, _ top: [TokenLogprob], _ offset: Int) {
      tokens.append(.string(text(of: token)))
      values.append(logprob.map(number) ?? .null)
      // Of several tokens with one text the most probable one counts, which comes first.
      let pairs = top.prefix(request.topLogprobs ?? 0).reversed().map {
        (key: text(of: $0.token), value: number($0.logprob))
      }
      tops.append(logprob == nil ? .null : .object(TemplateObject(pairs)))
      offsets.append(.int(offset))
    }
    let prompt = prompt(of: choice)
    if choice.isFirst, request.echoes, let first = prompt.tokens.first {
      var offset = 0
      add(first, nil, [], 0)
      offset += text(of: first).unicodeScalars.count
      for scored in choice.promptTokens ?? [] {
        add(scored.token, scored.logprob, scored.top, offset)
        offset += text(of: scored.token).unicodeScalars.count
      }
    }
    let start = prompt.echo.unicodeScalars.count
    for (token, offset) in zip(plan.isEchoOnly ? [] : choice.tokens, choice.offsets) {
      add(token.token, token.logprob, token.top, start + offset)
    }
    return [
      "tokens": .array(tokens), "token_logprobs": .array(values), "top_logprobs": .array(tops),
      "text_offset": .array(offsets),
    ]
  }

  /// vLLM's form: for each token of the prompt, null for the first, an object of ids with log-probability, rank and text.
  private func promptLogprobs(_ scored: [PromptToken]?) -> TemplateValue? {
    guard let count = request.promptLogprobs else { return nil }
    let entries = (scored ?? []).map { scored -> TemplateValue in
      var object = TemplateObject()
      for (rank, top) in scored.top.prefix(count).enumerated() {
        object[String(top.token)] = promptEntry(top.token, top.logprob, rank + 1)
      }
      object[String(scored.token)] = promptEntry(scored.token, scored.logprob, scored.rank)
      return .object(object)
    }
    return .array([.null] + entries)
  }

  private func promptEntry(_ token: Int32, _ logprob: Float, _ rank: Int) -> TemplateValue {
    ["logprob": number(logprob), "rank": .int(rank), "decoded_token": .string(text(of: token))]
  }

  /// JSON has no infinity; -9999 stands for it in OpenAI's API.
  private func number(_ logprob: Float) -> TemplateValue { .double(logprob.isFinite ? Double(logprob) : -9999) }

  private func bytes(of token: Int32) -> [UInt8] { tokenizer?.bytes(of: token) ?? [] }

  private func text(of token: Int32) -> String { String(decoding: bytes(of: token), as: UTF8.self) }
}

/// The tokens that a request has used.
struct Usage: Sendable {
  var promptTokens = 0
  var cachedTokens = 0
  var completionTokens = 0

  var value: TemplateValue {
    [
      "prompt_tokens": .int(promptTokens), "completion_tokens": .int(completionTokens),
      "total_tokens": .int(promptTokens + completionTokens),
      "prompt_tokens_details": ["cached_tokens": .int(cachedTokens)],
    ]
  }
}
