import MartletEngine
import MartletTemplate
import MartletText

/// Builds the tokenizer that `input` describes, encodes a text with it and decodes it again.
func fuzzTokenizer(_ input: UnsafeRawBufferPointer, _ refusals: inout Refusals) {
  let parts = sections(input, count: 5)
  func bytes(_ part: Int) -> [UInt8]? { parts[part].isEmpty ? nil : Array(parts[part]) }
  let files = TokenizerFiles(
    tokenizer: Array(parts[0]), configuration: bytes(2), specialTokens: bytes(3), generation: bytes(4))
  refusals.collect { refusals in
    let tokenizer = try Tokenizer(files)
    // Without a text of its own, the end of the file is one.
    exercise(tokenizer, text: parts[1].isEmpty ? parts[0].suffix(64) : parts[1][...], &refusals)
  }
}

/// Compiles the template that `input` begins with and renders the conversation after it.
func fuzzTemplate(_ input: UnsafeRawBufferPointer, _ refusals: inout Refusals) {
  let parts = sections(input, count: 2)
  var messages = Conversation.messages
  if !parts[1].isEmpty {
    messages = refusals.collect { _ in try TemplateValue(json: parts[1]) } ?? messages
  }
  refusals.collect { refusals in
    render(try ChatTemplate(source: String(decoding: parts[0], as: UTF8.self)), messages, &refusals)
  }
}

/// Uses the vocabulary and the template of a model.
func exercise(_ text: TextModel, _ refusals: inout Refusals) {
  "Hi 12! <s>é\u{301}日\u{1F600}</s>\n".utf8.withContiguousStorageIfAvailable { utf8 in
    exercise(text.tokenizer, text: UnsafeRawBufferPointer(utf8)[...], &refusals)
  }
  if let template = text.chatTemplate { render(template, Conversation.messages, &refusals) }
}

private func exercise(_ tokenizer: Tokenizer, text: Slice<UnsafeRawBufferPointer>, _ refusals: inout Refusals) {
  let size = tokenizer.vocabularySize
  UnsafeRawBufferPointer(rebasing: text).withMemoryRebound(to: UInt8.self) { utf8 in
    for isTrusted in [true, false] {
      let ids = tokenizer.encode(utf8, addSpecial: isTrusted, parseSpecial: isTrusted)
      for id in ids {
        precondition(id >= 0 && Int(id) < size, "a text became token \(id) of a vocabulary of \(size)")
        precondition(isTrusted || tokenizer.kind(of: id) != .control, "a user's text became the control token \(id)")
      }
      decode(ids, with: tokenizer, &refusals)
    }
    // What a model makes of it may be any tokens.
    decode(utf8.map { Int32($0) % Int32(size) }, with: tokenizer, &refusals)
  }
}

private func decode(_ ids: [Int32], with tokenizer: Tokenizer, _ refusals: inout Refusals) {
  for skipsSpecial in [true, false] {
    refusals.collect { _ in _ = try tokenizer.decode(ids, skipSpecial: skipsSpecial) }
  }
  var stream = StreamingDetokenizer(tokenizer)
  for id in ids { _ = stream.append(id) }
  _ = stream.finish()
}

private func render(_ template: ChatTemplate, _ messages: TemplateValue, _ refusals: inout Refusals) {
  // Less than the default, so that bombs end within milliseconds; what holds for these holds for larger ones.
  let limits = TemplateLimits(steps: 20_000, callDepth: 50, textBytes: 1 << 18, elements: 10_000)
  refusals.collect { _ in
    let text = try template.render(
      messages: messages, tools: Conversation.tools, addGenerationPrompt: true, beginToken: "<s>", endToken: "</s>",
      extra: Conversation.variables, limits: limits, now: { Conversation.now })
    precondition(text.utf8.count <= limits.textBytes, "a template wrote \(text.utf8.count) bytes")
  }
}

/// What templates are rendered with.
private enum Conversation {
  static let messages: TemplateValue = [
    ["role": "system", "content": "Be brief."],
    ["role": "user", "content": "Hi <b>you</b> & me"],
    [
      "role": "assistant", "content": "Héllo \u{1F600}", "reasoning_content": "hm",
      "tool_calls": [["name": "f", "arguments": ["x": 1, "y": [1.5, .null]], "function": ["name": "f"]]],
    ],
    ["role": "user", "content": " spaced \n"],
  ]
  static let tools: TemplateValue = [
    ["type": "function", "function": ["name": "f", "parameters": ["type": "object", "properties": [:]]]]
  ]
  /// The names that the seeds use beside those of a conversation.
  static let variables: [String: TemplateValue] = [
    "numbers": [3, 1, 2, 10, 7], "words": ["foo", "Bar", "baz", "bar"], "text": "The quick brown fox",
    "nested": ["b": ["c": [1, ["d": "deep"]]], "a": 2], "floats": [1.0, 0.1, 1e16, -0.0], "empty": [], "yes": true,
    "no": false, "one": 1, "nothing": .null, "blank": "", "lines": "first\nsecond\n\n  third\n",
    "users": [
      ["name": "bob", "age": 30, "address": ["city": "Rome"]], ["name": "Alice", "age": 25, "address": [:]],
    ], "unicode": "ß Straße ΑΣ ǆ ﬁ İ",
    "quotes": "it's \"q\" \\ \t\u{1}\u{A0}", "tree": [["v": 1, "kids": [["v": 2, "kids": []]]]],
  ]
  static let now = TemplateDate(iso8601: "2026-01-02T03:04:05") ?? TemplateDate.now()
}
