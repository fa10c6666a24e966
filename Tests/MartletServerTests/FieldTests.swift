import HTTPTypes
import Martlet
import MartletTemplate
import NIOCore
import Testing

@testable import MartletServer

/// A field of one endpoint.
struct FieldCase: Sendable, CustomStringConvertible {
  let endpoint: Endpoint
  let field: RequestField

  var description: String { "\(endpoint.rawValue) \(field.name)" }

  static let all = Endpoint.allCases.flatMap { endpoint in
    RequestField.table().filter { $0.endpoints.contains(endpoint) }.map { FieldCase(endpoint: endpoint, field: $0) }
  }
}

/// Tests made from the table that validates requests: what is in it is read, what is not is refused.
@Suite struct FieldTests {
  static let fields = RequestField.table()

  /// What the endpoint needs, and what the field needs beside it.
  static func base(_ test: FieldCase) -> TemplateObject {
    var body = TemplateObject()
    switch test.endpoint {
    case .chat, .render:
      body["messages"] = [["role": "user", "content": "Hi"], ["role": "assistant", "content": "Yes"]]
    case .completions, .tokenize: body["prompt"] = "Hi"
    case .detokenize: body["tokens"] = [1]
    }
    if test.field.name == "top_logprobs" { body["logprobs"] = true }
    if test.field.name == "stream_options" { body["stream"] = true }
    return body
  }

  static func read(_ body: TemplateObject, _ endpoint: Endpoint) throws(APIError) -> APIRequest {
    try APIRequest(.object(body), endpoint: endpoint, fields: fields)
  }

  /// Values that the kind takes, other than what it is without the field.
  static func goodValues(_ kind: FieldKind) -> [TemplateValue] {
    switch kind {
    case .integer(let range): [.int(range.lowerBound), .int(range.upperBound)]
    case .number(let range, let isAbove):
      [.double(isAbove ? (range.lowerBound + range.upperBound) / 3 : range.lowerBound), .double(range.upperBound)]
    case .boolean: [true, false]
    case .text(let maximum): ["x", .string(String(repeating: "x", count: min(maximum, 300)))]
    case .texts: ["x", ["x", "y"]]
    case .flags(let names): [.object(TemplateObject([(key: names[0], value: TemplateValue.bool(true))]))]
    case .biases: [["7": 1.5, "8": -100]]
    case .variables: [["enable_thinking": true]]
    case .messages: [[["role": "user", "content": [["type": "text", "text": "a"], ["type": "text", "text": "b"]]]]]
    case .tools: [[["type": "function"]]]
    case .prompts: ["x", [1, 2], ["x", "y"], [[1, 2], [3]]]
    case .tokens: [[1, 2, 3], []]
    }
  }

  /// Values of other types, and beyond the range.
  static func badValues(_ kind: FieldKind) -> [TemplateValue] {
    switch kind {
    case .integer(let range):
      [.string("1"), 1.5, true, [1], [:]] + (range.lowerBound > .min ? [.int(range.lowerBound - 1)] : [])
        + (range.upperBound < .max ? [.int(range.upperBound + 1)] : [.double(1e300)])
    case .number(let range, let isAbove):
      [.string("1"), true, [1.0], .double(range.upperBound + 0.5), .double(range.lowerBound - 0.5), .double(.nan)]
        + (isAbove ? [.double(range.lowerBound)] : [])
    case .boolean: ["true", 1, 0, []]
    case .text(let maximum): [1, true, ["x"], .string(String(repeating: "x", count: maximum + 1))]
    case .texts(let count, let maximum):
      [
        1, [1], "", [""], .array((0...count).map { .string("\($0)") }),
        .string(String(repeating: "x", count: maximum + 1)),
      ]
    case .flags(let names):
      [true, .object(TemplateObject([(key: names[0], value: TemplateValue.int(1))])), ["unknown": true]]
    case .biases: [[7], ["x": 1], ["-1": 1], ["7": "1"], ["7": 101], ["99999999999": 1]]
    case .variables(let reserved):
      [true, []] + reserved.map { .object(TemplateObject([(key: $0, value: TemplateValue.string("x"))])) }
    case .messages:
      [
        "x", [], [1], [["role": "owner", "content": "x"]], [["role": "user"]], [["content": "x"]],
        [["role": "user", "content": 1]], [["role": "user", "content": "x", "colour": "red"]],
        [["role": "user", "content": [["type": "image_url", "image_url": "http://x"]]]],
        [["role": "user", "content": "x", "tool_calls": []]],
        [["role": "assistant", "tool_calls": [["function": ["name": "f", "arguments": "[]"]]]]],
        [["role": "assistant", "tool_calls": [["function": ["name": "f", "arguments": "{\"a\": 1, \"a\": 2}"]]]]],
      ]
    case .tools: [true, ["x"]]
    case .prompts(let count):
      [1, [], [[]], [1.5], [-1], [[1], "x", [true]], .array((0...count).map { .string("\($0)") }), ["x": 1]]
    case .tokens(let count):
      ["x", ["x"], [1.5], [-1], 1, .array(Array(repeating: 1, count: count + 1))]
    }
  }

  @Test(arguments: FieldCase.all) func takesWhatIsInRangeAndDoesSomethingWithIt(test: FieldCase) throws {
    let plain = try Self.read(Self.base(test), test.endpoint)
    var changes = 0
    for value in Self.goodValues(test.field.kind) where !Self.contradicts(test, value) {
      var body = Self.base(test)
      body[test.field.name] = value
      let request = try Self.read(body, test.endpoint)
      changes += request == plain ? 0 : 1
    }
    #expect(changes > 0, "no value of \(test) changes the request")
  }

  /// Values in range that another field's absence forbids.
  static func contradicts(_ test: FieldCase, _ value: TemplateValue) -> Bool {
    test.field.name == "max_tokens" && value == 0
  }

  @Test(arguments: FieldCase.all) func refusesWhatIsNotByName(test: FieldCase) {
    for value in Self.badValues(test.field.kind) {
      var body = Self.base(test)
      body[test.field.name] = value
      let error = #expect(throws: APIError.self, "\(test) takes \(value)") { try Self.read(body, test.endpoint) }
      #expect(error?.status == .badRequest)
      #expect(error?.field?.hasPrefix(test.field.name) == true, "\(error?.message ?? "")")
      #expect(error?.message.hasPrefix(test.field.name) == true)
    }
  }

  @Test(arguments: FieldCase.all) func takesNullForNothing(test: FieldCase) throws {
    var body = Self.base(test)
    let plain = try Self.read(body, test.endpoint)
    body[test.field.name] = .null
    if test.field.isRequired {
      let error = #expect(throws: APIError.self) { try Self.read(body, test.endpoint) }
      #expect(error?.field == test.field.name && error?.code == "missing_field")
    } else {
      #expect(try Self.read(body, test.endpoint) == plain || test.field.name == "logprobs")
    }
  }

  /// Fields of OpenAI's, vLLM's and llama.cpp's APIs that Martlet has not, and misspelled ones.
  @Test(
    arguments: [
      "temperatur", "functions", "function_call", "response_format", "tool_choice", "best_of", "suffix", "audio",
      "modalities", "store", "metadata", "guided_json", "grammar", "chat_template", "use_beam_search", "typical_p",
      "mirostat", "logit_processors", "service_tier", "parallel_tool_calls", "prediction", "reasoning_effort", "",
    ], Endpoint.allCases)
  func refusesUnknownFields(name: String, endpoint: Endpoint) throws {
    let field = try #require(
      Self.fields.first { $0.endpoints.contains(endpoint) && !["top_logprobs"].contains($0.name) })
    var body = Self.base(FieldCase(endpoint: endpoint, field: field))
    body[name] = 1
    let error = #expect(throws: APIError.self) { try Self.read(body, endpoint) }
    #expect(error?.status == .badRequest && error?.field == name && error?.code == "unknown_field")
  }

  /// Every field of another endpoint only is unknown here.
  @Test(arguments: Endpoint.allCases) func refusesFieldsOfOtherEndpoints(endpoint: Endpoint) {
    let known = Set(Self.fields.filter { $0.endpoints.contains(endpoint) }.map(\.name))
    for field in Self.fields where !known.contains(field.name) {
      let first = FieldCase.all.first { $0.endpoint == endpoint }
      var body = first.map(Self.base) ?? TemplateObject()
      body[field.name] = Self.goodValues(field.kind)[0]
      let error = #expect(throws: APIError.self) { try Self.read(body, endpoint) }
      #expect(error?.field == field.name)
    }
  }

  @Test func namesAreUniqueInEachEndpoint() {
    for endpoint in Endpoint.allCases {
      let names = Self.fields.filter { $0.endpoints.contains(endpoint) }.map(\.name)
      #expect(Set(names).count == names.count)
    }
  }

  /// The fields that the API promises.
  @Test func hasEveryPromisedField() {
    let promised = [
      "messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "seed", "n", "stop",
      "logprobs", "top_logprobs", "logit_bias", "frequency_penalty", "presence_penalty", "repetition_penalty",
      "prompt_logprobs", "echo", "user", "priority", "cache_salt", "return_token_ids", "chat_template_kwargs",
      "continue_final_message", "stream", "stream_options", "model",
    ]
    #expect(Set(promised).subtracting(Self.fields.map(\.name)).isEmpty)
  }

  @Test(
    arguments: [
      ("max_tokens", ["max_tokens": 1, "max_completion_tokens": 1]), ("top_logprobs", ["top_logprobs": 1]),
      ("stream_options", ["stream_options": ["include_usage": true]]),
      ("continue_final_message", ["continue_final_message": true]),
    ] as [(String, TemplateValue)])
  func refusesContradictions(field: String, more: TemplateValue) throws {
    var body = TemplateObject()
    body["messages"] = [["role": "user", "content": "Hi"]]
    guard case .object(let more) = more else { return }
    for key in more.keys { body[key] = more[key] }
    let error = #expect(throws: APIError.self) { try Self.read(body, .chat) }
    #expect(error?.field == field)
  }

  /// One of two values would be ignored.
  @Test(
    arguments: [
      (#"{"prompt": "a", "max_tokens": 1, "prompt": "b"}"#, "prompt"),
      (#"{"prompt": "a", "logit_bias": {"7": 1, "8": 1, "7": 2}}"#, "logit_bias.7"),
      (
        #"{"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "a", "role": "tool"}]}"#,
        "messages[1].role"
      ),
      (#"{"a": [[{"b": {"c": 1, "c": 1}}]]}"#, "a[0][0].b.c"), (#"{"a": 1, "\u0061": 2}"#, "a"),
    ])
  func refusesRepeatedFields(body: String, field: String) {
    let error = #expect(throws: APIError.self) {
      try APIRequest(json: ByteBuffer(string: body), endpoint: .completions, fields: Self.fields)
    }
    #expect(error?.status == .badRequest && error?.field == field && error?.code == "repeated_field")
  }

  @Test func readsToolMessagesAsTemplatesWantThem() throws {
    var body = TemplateObject()
    body["messages"] = [
      ["role": "user", "content": "What is the weather?"],
      [
        "role": "assistant", "content": nil, "refusal": nil,
        "tool_calls": [
          ["id": "1", "type": "function", "function": ["name": "weather", "arguments": "{\"city\": \"Paris\"}"]]
        ],
      ],
      ["role": "tool", "tool_call_id": "1", "content": "sunny"],
    ]
    let request = try Self.read(body, .chat)
    let calls: TemplateValue = [
      ["id": "1", "type": "function", "function": ["name": "weather", "arguments": ["city": "Paris"]]]
    ]
    #expect(request.messages[1]["tool_calls"] == calls)
    #expect(request.messages[1]["content"] == "")
    #expect(request.messages[2]["tool_call_id"] == "1")
  }
}
