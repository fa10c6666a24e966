import AsyncHTTPClient
import Martlet
import MartletEngine
import MartletTemplate
import NIOCore
import NIOHTTP1
import Testing

@testable import MartletServer

/// The default model behind the API, compared with what the library says of the same model.
@Suite(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage), .serialized, .timeLimit(.minutes(15)))
struct GenerationTests {
  static let chat = "/v1/chat/completions"
  static let completions = "/v1/completions"
  static let question: TemplateValue = [["role": "user", "content": "Name three colours."]]

  static func body(_ members: KeyValuePairs<String, TemplateValue>) -> TemplateValue {
    .object(TemplateObject(members.map { (key: $0.key, value: $0.value) }))
  }

  static func text(_ answer: TestServer.Answer, _ index: Int = 0) -> String? {
    guard case .array(let choices)? = answer.json["choices"], choices.indices.contains(index) else { return nil }
    guard case .string(let text)? = choices[index]["text"] ?? choices[index]["message"]?["content"] else { return nil }
    return text
  }

  /// The pieces of a stream put together.
  static func text(_ events: [TemplateValue], _ index: Int = 0) -> String {
    events.reduce(into: "") { text, event in
      guard case .array(let choices)? = event["choices"], let choice = choices.first, choice["index"] == .int(index),
        case .string(let piece)? = choice["text"] ?? choice["delta"]?["content"]
      else { return }
      text += piece
    }
  }

  @Test func answersWhatTheLibraryAnswers() async throws {
    try await TestServer.run { server in
      let model = try await server.models.model
      let expected = try await model.respond(
        to: "Name three colours.", options: GenerationOptions(maxTokens: 24)
      ).text.reduce("", +)
      let whole = try await server.post(
        Self.chat, Self.body(["messages": Self.question, "temperature": 0, "max_tokens": 24, "model": "smollm2"]))
      #expect(whole.status == 200 && Self.text(whole) == expected)
      #expect(whole.json["choices"]?.first?["finish_reason"] == "length")
      #expect(whole.json["usage"]?["completion_tokens"] == 24)
      let stream = try await server.post(
        Self.chat,
        Self.body([
          "messages": Self.question, "temperature": 0, "max_completion_tokens": 24, "stream": true,
          "stream_options": ["include_usage": true],
        ]))
      let events = stream.events
      #expect(stream.headers["content-type"].first?.hasPrefix("text/event-stream") == true)
      #expect(Self.text(events) == expected)
      #expect(events.first?["choices"]?.first?["delta"]?["role"] == "assistant")
      #expect(events.first?["usage"] == .null && events.first?["object"] == "chat.completion.chunk")
      let usage = events.last?["usage"]
      #expect(usage?["completion_tokens"] == 24 && usage?["prompt_tokens"] == whole.json["usage"]?["prompt_tokens"])
      guard case .int(let cached)? = usage?["prompt_tokens_details"]?["cached_tokens"] else {
        Issue.record("no cached tokens in \(String(describing: usage))")
        return
      }
      #expect(cached > 0, "the second request found nothing of the first one's prompt")
      let salted = try await server.post(
        Self.chat,
        Self.body(["messages": Self.question, "temperature": 0, "max_tokens": 2, "cache_salt": "other"]))
      #expect(salted.json["usage"]?["prompt_tokens_details"]?["cached_tokens"] == 0)
    }
  }

  @Test func givesLogprobsAsTheModelDoes() async throws {
    try await TestServer.run { server in
      let model = try await server.models.model
      let tokenizer = try #require(model.tokenizer)
      let prompt = tokenizer.encode("The capital of France is Paris.", addSpecial: true)
      let expected = try model.logProbabilities(of: prompt)
      let answer = try await server.post(
        Self.completions,
        Self.body([
          "prompt": .array(prompt.map { .int(Int($0)) }), "max_tokens": 0, "echo": true, "logprobs": 1,
          "prompt_logprobs": 0, "return_token_ids": true,
        ]))
      #expect(answer.status == 200 && Self.text(answer) == "The capital of France is Paris.")
      let choice = try #require(answer.json["choices"]?.first)
      guard case .array(let logprobs)? = choice["logprobs"]?["token_logprobs"] else {
        Issue.record("no log-probabilities in \(answer.text)")
        return
      }
      #expect(logprobs.count == prompt.count && logprobs[0] == .null)
      for (value, expected) in zip(logprobs, expected).dropFirst() {
        guard case .double(let value) = value else { continue }
        #expect(abs(value - Double(expected)) < 0.05, "\(value) is not \(expected)")
      }
      guard case .array(let scored)? = choice["prompt_logprobs"] else { return }
      #expect(scored.count == prompt.count && scored[1][String(prompt[1])] != nil)
      #expect(choice["token_ids"] == [] && choice["prompt_token_ids"] == .array(prompt.map { .int(Int($0)) }))
      #expect(answer.json["usage"]?["completion_tokens"] == 0)

      let chat = try await server.post(
        Self.chat,
        Self.body([
          "messages": Self.question, "temperature": 0, "max_tokens": 3, "logprobs": true, "top_logprobs": 2,
          "return_token_ids": true, "prompt_logprobs": 1,
        ]))
      guard case .array(let content)? = chat.json["choices"]?.first?["logprobs"]?["content"] else {
        Issue.record("no log-probabilities in \(chat.text)")
        return
      }
      #expect(content.count == 3)
      for entry in content {
        // Greedy: the chosen token is the most probable one.
        #expect(entry["top_logprobs"]?.first?["token"] == entry["token"])
        #expect(entry["top_logprobs"]?.first?["logprob"] == entry["logprob"])
      }
      guard case .array(let ids)? = chat.json["prompt_token_ids"],
        case .array(let scores)? = chat.json["prompt_logprobs"]
      else {
        Issue.record("no prompt in \(chat.text)")
        return
      }
      #expect(ids.count == scores.count && !ids.isEmpty)
    }
  }

  /// A prompt is scored once for all its answers, and told of each.
  @Test(arguments: [false, true]) func scoresThePromptOfSeveralAnswersOnce(isStreaming: Bool) async throws {
    try await TestServer.run { server in
      let text = String(repeating: "The capital of France is Paris. ", count: 40)
      let model = try await server.models.model
      let count = try #require(model.tokenizer?.encode(text, addSpecial: true).count)
      let before = model.generationEngine.status.stepCount
      let answer = try await server.post(
        Self.completions,
        Self.body([
          "prompt": .string(text), "n": 4, "prompt_logprobs": 0, "max_tokens": 2, "seed": 3,
          "stream": .bool(isStreaming),
        ]))
      let steps = model.generationEngine.status.stepCount - before
      // 128 tokens are scored in a step; then the others' last tokens, and two of each answer.
      #expect(steps <= (count + 127) / 128 + 4, "\(steps) steps for \(count) tokens")
      var scores: [TemplateValue] = []
      for index in 0..<4 {
        let pieces = isStreaming ? answer.events : [answer.json]
        for case .array(let choices)? in pieces.map({ $0["choices"] }) {
          for choice in choices where choice["index"] == .int(index) {
            if case .array(let values)? = choice["prompt_logprobs"], values.count > 1 { scores.append(.array(values)) }
          }
        }
      }
      #expect(scores.count == 4 && scores.allSatisfy { $0 == scores[0] })
      guard case .array(let values)? = scores.first else { return }
      #expect(values.count == count)
    }
  }

  @Test func honoursWhatChangesTheChoice() async throws {
    try await TestServer.run { server in
      func complete(_ members: KeyValuePairs<String, TemplateValue>) async throws -> TestServer.Answer {
        guard case .object(var body) = Self.body(["prompt": "Once upon a time", "max_tokens": 12]) else {
          fatalError("an object is no object")
        }
        for (key, value) in members { body[key] = value }
        return try await server.post(Self.completions, .object(body))
      }
      let greedy = try #require(Self.text(try await complete(["temperature": 0])))
      // Each of these leaves but one token, so that they equal the greedy choice at any temperature.
      for (name, value) in ["top_k": 1, "top_p": 0.000_001, "min_p": 1] as KeyValuePairs<String, TemplateValue> {
        #expect(Self.text(try await complete(["temperature": 2, "seed": 5, name: value])) == greedy, "\(name)")
      }
      let seeded = Self.text(try await complete(["temperature": 1.5, "seed": 11]))
      #expect(Self.text(try await complete(["temperature": 1.5, "seed": 11])) == seeded)
      #expect(Self.text(try await complete(["temperature": 1.5, "seed": 12])) != seeded)
      for (name, value) in ["frequency_penalty": 2, "repetition_penalty": 5, "presence_penalty": 2]
        as KeyValuePairs<String, TemplateValue>
      {
        let punished = Self.text(try await complete(["temperature": 0, "max_tokens": 60, name: value]))
        #expect(punished?.hasPrefix(greedy) != true || punished != greedy, "\(name) changes nothing")
      }
      let model = try await server.models.model
      let first = try #require(model.tokenizer?.encode(greedy, addSpecial: false).first)
      let biased = try await complete([
        "temperature": 0, "logit_bias": .object(TemplateObject([(key: String(first), value: TemplateValue.int(-100))])),
      ])
      #expect(Self.text(biased) != greedy)
      let stop = String(greedy.split(separator: " ")[3])
      let stopped = try await complete(["temperature": 0, "stop": [.string(stop)]])
      #expect(Self.text(stopped) == String(greedy[..<(try #require(greedy.firstRange(of: stop))).lowerBound]))
      #expect(stopped.json["choices"]?.first?["finish_reason"] == "stop")
      let several = try await complete(["temperature": 1.5, "seed": 11, "n": 3])
      #expect(Self.text(several, 0) == seeded && Self.text(several, 1) != seeded && Self.text(several, 2) != nil)
      let echo = try await complete(["temperature": 0, "echo": true, "n": 2, "stream": true])
      #expect(Self.text(echo.events, 1) == "Once upon a time" + greedy)
      let two = try await complete(["temperature": 0, "prompt": ["Once upon a time", "Hello"]])
      #expect(Self.text(two, 0) == greedy && Self.text(two, 1) != nil)
    }
  }

  @Test func continuesTheFinalMessage() async throws {
    try await TestServer.run { server in
      let messages: TemplateValue = [
        ["role": "user", "content": "Say yes."], ["role": "assistant", "content": "  Yes, "],
      ]
      let rendered = try await server.post("/render", ["messages": messages, "continue_final_message": true])
      guard case .string(let text)? = rendered.json["prompt"] else {
        Issue.record("\(rendered.text)")
        return
      }
      #expect(text.hasSuffix("assistant\n  Yes, ") || text.hasSuffix("assistant\nYes, "))
      let answer = try await server.post(
        Self.chat,
        Self.body([
          "messages": messages, "continue_final_message": true, "max_tokens": 4, "temperature": 0,
          "return_token_ids": true,
        ]))
      #expect(answer.json["prompt_token_ids"] == rendered.json["tokens"])
      // What a template writes after the message has these letters too.
      for short in ["i", "m", "end", "|", ">"] {
        let begun: TemplateValue = [
          ["role": "user", "content": "Say yes."], ["role": "assistant", "content": .string(short)],
        ]
        let cut = try await server.post("/render", ["messages": begun, "continue_final_message": true])
        guard case .string(let text)? = cut.json["prompt"] else {
          Issue.record("\(cut.text)")
          return
        }
        #expect(text.hasSuffix("assistant\n\(short)"))
      }
      let variables = try await server.post(
        "/render", ["messages": Self.question, "chat_template_kwargs": ["enable_thinking": true]])
      #expect(variables.status == 200)
    }
  }

  @Test func turnsTextIntoTokensAndBack() async throws {
    try await TestServer.run { server in
      let model = try await server.models.model
      let text = "Grüße, 世界! <|im_end|>"
      for (parse, ids) in [true, false].map({ ($0, model.tokenizer?.encode(text, addSpecial: true, parseSpecial: $0)) })
      {
        let answer = try await server.post(
          "/tokenize", ["prompt": .string(text), "parse_special_tokens": .bool(parse)])
        #expect(answer.json["tokens"] == .array((ids ?? []).map { .int(Int($0)) }))
        let back = try await server.post("/detokenize", ["tokens": try #require(answer.json["tokens"])])
        #expect(back.json["prompt"] == .string(text))
      }
      #expect(try await server.post("/detokenize", ["tokens": [99_999_999]]).error("param") == "tokens")
      let models = try await server.get("/v1/models")
      #expect(models.json["data"]?.first?["id"] == "smollm2")
      #expect(try await server.get("/v1/models/smollm2").json["max_model_len"] == 1024)
      #expect(try await server.get("/v1/models/other").error("code") == "model_not_found")
      #expect(try await server.get("/health").json == ["status": "ok"])
    }
  }

  @Test func refusesWhatDoesNotFitWithBothNumbers() async throws {
    try await TestServer.run { server in
      let long = String(repeating: "word ", count: 1500)
      let chat = try await server.post(Self.chat, ["messages": [["role": "user", "content": .string(long)]]])
      #expect(
        chat.status == 400 && chat.error("code") == "context_length_exceeded" && chat.error("param") == "messages")
      guard case .string(let message)? = chat.error("message") else { return }
      #expect(message.contains("1024"), "\(message)")
      let sum = try await server.post(Self.completions, ["prompt": "Hello", "max_tokens": 1024])
      #expect(sum.status == 400 && sum.error("param") == "max_tokens" && sum.error("code") == "context_length_exceeded")
      let unknown = try await server.post(Self.completions, ["prompt": [1_000_000]])
      #expect(unknown.status == 400 && unknown.error("param") == "prompt")
      let other = try await server.post(Self.completions, ["prompt": "x", "model": "gpt-4"])
      #expect(other.status == 404 && other.error("code") == "model_not_found")
      let many = try await server.post(Self.completions, ["prompt": ["a", "b", "c"], "n": 6])
      #expect(many.status == 400 && many.error("param") == "n")
    }
  }
}

extension TemplateValue {
  /// The first element of a list.
  var first: TemplateValue? {
    guard case .array(let items) = self else { return nil }
    return items.first
  }
}
