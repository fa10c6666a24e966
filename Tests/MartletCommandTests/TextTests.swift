import Foundation
import MartletTemplate
import MartletTestSupport
import Testing

@Suite("command: tokenize")
struct TokenizeCommandTests {
  private func ids(_ arguments: String..., input: String? = nil) throws -> [Int] {
    try #require(try Martlet.succeed(["tokenize"] + arguments, input: input).json() as? [Int])
  }

  @Test("a JSON array of ids, from an argument, a file or standard input")
  func inputs() throws {
    let model = try TinyModel.file()
    let file = try TemporaryFile(Array("Hi\n".utf8))
    #expect(try Martlet.succeed(["tokenize", model.path, "Hi"]).output == "[72, 105]\n")
    #expect(try ids(model.path, "--file", file.path) == [72, 105, 10])
    #expect(try ids(model.path, "--file", "-", input: "Hi\n") == [72, 105, 10])
    #expect(try ids(model.path, "") == [])
    #expect(try ids(model.path, "--file", "/dev/null") == [])
  }

  @Test("tokens at the beginning and end are added on demand where the model wants them")
  func special() throws {
    let builder = TinyModel.builder.setting("tokenizer.ggml.bos_token_id", .uint32(257))
      .setting("tokenizer.ggml.add_bos_token", .bool(true)).setting("tokenizer.ggml.add_eos_token", .bool(true))
    let model = try TemporaryFile(builder.bytes)
    #expect(try ids(model.path, "A") == [65])
    #expect(try ids(model.path, "A", "--add-special") == [257, 65, 256])
    #expect(try ids(model.path, "<|im_end|>", "--parse-special") == [258])
    #expect(try ids(model.path, "<|im_end|>").count == 10)
  }

  @Test("decoding gives the text back", arguments: ["Hello, world", " leading and  double", "鳥 naïve 🦜", "a\nb\t"])
  func decode(text: String) throws {
    let model = try TinyModel.file()
    let list = try ids(model.path, text).map { String($0) }.joined(separator: ",")
    #expect(try Martlet.succeed(["tokenize", model.path, "--decode", list]).output == text + "\n")
  }

  @Test("the default model", .enabled(if: Resources.hasModel, "the default model is not in the cache"))
  func defaultModel() throws {
    // transformers' ids.
    #expect(try ids("smollm2", "The sky is") == [504, 6376, 314])
  }

  @Test(
    "vocabulary-only files give llama.cpp's ids",
    .enabled(if: Resources.hasVocabularies, "shared/data/vocab is not beside the repository"),
    arguments: ["gpt-2", "llama-bpe", "llama-spm", "qwen2"])
  func vocabularyOnly(name: String) throws {
    let path = Resources.vocabularies.appending(path: "ggml-vocab-\(name).gguf").path
    var cases = try String(contentsOfFile: path + ".inp", encoding: .utf8)
      .components(separatedBy: "\n__ggml_vocab_test__\n")
    if cases.last?.isEmpty == true { cases.removeLast() }
    let expected = try String(contentsOfFile: path + ".out", encoding: .utf8).components(separatedBy: "\n")
      .map { $0.split(separator: " ").compactMap { Int($0) } }
    try #require(cases.count > 40)
    for index in [0, 17, cases.count - 1] {
      #expect(try ids(path, "--file", "-", input: cases[index]) == expected[index], "\(cases[index])")
    }
  }
}

@Suite("command: render")
struct RenderCommandTests {
  private let messages: TemporaryFile
  private let model: TemporaryFile

  init() throws {
    messages = try TemporaryFile(Array(#"[{"role": "user", "content": "Hi"}]"#.utf8))
    model = try TinyModel.file()
  }

  @Test("the model's template")
  func ownTemplate() throws {
    let arguments = ["render", model.path, "--messages", messages.path]
    #expect(try Martlet.succeed(arguments).output == TinyModel.rendered("Hi"))
    #expect(
      try Martlet.succeed(arguments + ["--no-generation-prompt"]).output == "<|im_start|>user\nHi<|im_end|>\n")
  }

  @Test("what the template sees of the model and of the flags")
  func variables() throws {
    let template = try TemporaryFile(
      Array("{{ bos_token }}|{{ eos_token }}|{{ strftime_now('%Y-%m-%d %H:%M:%S') }}|{{ tools[0].name }}".utf8))
    let tools = try TemporaryFile(Array(#"[{"name": "look"}]"#.utf8))
    let arguments = [
      "render", "--template", template.path, "--messages", messages.path, "--tools", tools.path, "--now",
      "2026-01-02T03:04:05",
    ]
    #expect(try Martlet.succeed(arguments).output == "||2026-01-02 03:04:05|look")
    #expect(
      try Martlet.succeed(arguments + ["--bos", "<s>", "--eos", "-"]).output == "<s>|-|2026-01-02 03:04:05|look")
    #expect(
      try Martlet.succeed(arguments + [model.path]).output == "|<|endoftext|>|2026-01-02 03:04:05|look")
  }

  @Test("with tools the template for tools, and the texts of the tokens with a role")
  func templatesByName() throws {
    let tools = try TemporaryFile(Array(#"[{"name": "look"}]"#.utf8))
    let builder = TinyModel.builder.setting(
      "tokenizer.chat_template.tool_use", .string("{{ tools[0].name }}{{ pad_token }}")
    )
    .setting("tokenizer.ggml.padding_token_id", .uint32(258))
    let file = try TemporaryFile(builder.bytes)
    let arguments = ["render", file.path, "--messages", messages.path]
    #expect(try Martlet.succeed(arguments).output == TinyModel.rendered("Hi"))
    #expect(try Martlet.succeed(arguments + ["--tools", tools.path]).output == "look<|im_end|>")
    let other = try TemporaryFile(builder.setting("tokenizer.chat_template", nil).bytes)
    try Martlet.fail(["render", other.path, "--messages", messages.path], 65, ["'default'", "'tool_use'"])
    try Martlet.fail(["run", other.path, "Hi"], 65, ["'default'", "'tool_use'"])
  }

  @Test func badInput() throws {
    func fail(_ json: String, _ words: String...) throws {
      let file = try TemporaryFile(Array(json.utf8))
      try Martlet.fail(["render", model.path, "--messages", file.path], 65, words + [file.path])
    }
    try fail("[}", "JSON")
    try fail("", "JSON")
    try fail(#"{"role": "user"}"#, "array")
    try fail(#"[{"role": "user", "content": "Hi"}, 3]"#, "element 1", "object")
    let template = try TemporaryFile(Array("{% for m in %}".utf8))
    try Martlet.fail(
      ["render", "--template", template.path, "--messages", messages.path], 65, [template.path, "line 1"])
    for now in ["yesterday", "2026-13-02T03:04:05", ""] {
      try Martlet.fail(
        ["render", model.path, "--messages", messages.path, "--now", now], 64, ["--now", "'\(now)'"])
    }
  }

  @Test(
    "public templates", .enabled(if: Resources.hasTemplates, "shared/data/templates is not beside the repository"),
    arguments: [10, 13, 27, 44, 75, 92, 98, 110, 122, 158])
  func publicTemplates(index: Int) throws {
    let data = try Data(contentsOf: Resources.templates.appending(path: "expected.json"))
    // Foundation would shuffle the keys, which templates print.
    guard case .array(let rows) = try TemplateValue(json: data) else {
      Issue.record("expected.json is not an array")
      return
    }
    let row = rows[index]
    func text(_ key: String) -> String? {
      if case .string(let text) = row[key] { text } else { nil }
    }
    func file(_ key: String) throws -> TemporaryFile? {
      guard let value = row[key], value != .null else { return nil }
      return try TemporaryFile(Array(try value.jsonText().utf8))
    }
    let messages = try #require(try file("messages"))
    let tools = try file("tools")
    var arguments = [
      "render", "--template", Resources.templates.appending(path: try #require(text("template"))).path,
      "--messages", messages.path, "--bos", try #require(text("bos_token")),
      "--eos", try #require(text("eos_token")), "--now", try #require(text("now")),
    ]
    if let tools { arguments += ["--tools", tools.path] }
    if row["add_generation_prompt"] == false { arguments.append("--no-generation-prompt") }
    // A conversation that its template refuses has an error for a rendering.
    if let error = text("error") {
      try Martlet.fail(arguments, 65, [error.replacing("TemplateError: ", with: "")])
    } else {
      #expect(try Martlet.succeed(arguments).output == text("expected"))
    }
  }
}
