import MartletTestSupport
import Testing

/// What is wrong with a command line, and the words that the complaint must have. `MODEL` stands for a good model.
struct BadUsage: Sendable, CustomTestStringConvertible {
  let arguments: [String]
  let words: [String]
  var testDescription: String { arguments.joined(separator: " ") }

  init(_ arguments: String..., words: [String]) {
    self.arguments = arguments
    self.words = words
  }

  static let commandLines: [BadUsage] = [
    BadUsage("jump", words: ["jump"]),
    BadUsage("run", words: ["model"]),
    BadUsage("run", "MODEL", "hi", "there", words: ["there"]),
    BadUsage("run", "MODEL", "hi", "--jump", words: ["--jump", "martlet run --help"]),
    BadUsage("run", "MODEL", "hi", "--max-tokens", words: ["--max-tokens"]),
    BadUsage("run", "", "hi", words: ["name of the model"]),
    BadUsage("complete", "MODEL", words: ["TEXT", "--file", "--prompt-ids"]),
    BadUsage("complete", "MODEL", "hi", "--prompt-ids", "1", words: ["--prompt-ids"]),
    BadUsage("complete", "MODEL", "hi", "--file", "/dev/null", words: ["--file"]),
    BadUsage("complete", "MODEL", "--prompt-ids", "1,x", words: ["--prompt-ids", "'x'"]),
    BadUsage("complete", "MODEL", "--prompt-ids", "1,,2", words: ["--prompt-ids"]),
    BadUsage("complete", "MODEL", "--prompt-ids", "-1", words: ["--prompt-ids", "'-1'"]),
    BadUsage("complete", "MODEL", "--prompt-ids", "99999999999", words: ["--prompt-ids", "'99999999999'"]),
    BadUsage("tokenize", "MODEL", words: ["TEXT", "--file", "--decode"]),
    BadUsage("tokenize", "MODEL", "hi", "--decode", "1", words: ["--decode"]),
    BadUsage("tokenize", "MODEL", "--decode", "7,259", words: ["259", "258"]),
    BadUsage("render", "MODEL", words: ["--messages"]),
    BadUsage("render", "--messages", "/dev/null", words: ["MODEL", "--template"]),
    BadUsage("perplexity", "MODEL", words: ["--file"]),
    BadUsage("info", words: ["model"]),
    BadUsage("devices", "extra", words: ["extra"]),
    BadUsage("list", "--yaml", words: ["--yaml"]),
  ]

  /// Values of the flags that `run` and `complete` share.
  static let values: [(flag: String, value: String, words: [String])] = [
    ("--max-tokens", "0", ["0", "1"]), ("--max-tokens", "-3", ["-3"]), ("--max-tokens", "many", ["many"]),
    ("--max-tokens", "9223372036854775808", ["9223372036854775808"]),
    ("--temperature", "-1", ["-1"]), ("--temperature", "nan", ["nan"]), ("--temperature", "inf", ["inf"]),
    ("--top-k", "-1", ["-1"]), ("--top-p", "2", ["2.0", "1"]), ("--top-p", "0", ["0"]), ("--top-p", "-0.5", ["-0.5"]),
    ("--presence-penalty", "2.5", ["2.5"]), ("--frequency-penalty", "nan", ["nan"]), ("--samples", "0", ["0"]),
    ("--logit-bias", "5", ["'5'"]), ("--logit-bias", "-1=2", ["-1=2"]), ("--logit-bias", "5=inf", ["inf"]),
    ("--min-p", "1.5", ["1.5"]), ("--min-p", "-1", ["-1"]), ("--repeat-penalty", "0", ["0"]),
    ("--seed", "-1", ["-1"]), ("--seed", "x", ["x"]), ("--stop", "", ["empty"]),
    ("--logprobs", "-1", ["-1"]), ("--logprobs", "101", ["101", "100"]), ("--logprobs", "2", ["--json"]),
    ("--threads", "0", ["0", "1024"]), ("--threads", "-2", ["-2"]), ("--threads", "1000000", ["1000000"]),
    ("--context", "0", ["0"]), ("--context", "1", ["1"]), ("--context", "-5", ["-5"]),
    ("--compute", "f8", ["f8", "f32", "f16", "bf16", "auto"]),
  ]
}

@Suite("command: wrong usage ends with 64")
struct UsageTests {
  @Test(arguments: BadUsage.commandLines)
  func commandLine(_ usage: BadUsage) throws {
    let file = try TinyModel.file()
    try Martlet.fail(usage.arguments.map { $0 == "MODEL" ? file.path : $0 }, 64, usage.words)
  }

  /// The values are looked at before the model: the file here is not there.
  @Test(arguments: BadUsage.values.indices)
  func value(index: Int) throws {
    let (flag, value, words) = BadUsage.values[index]
    let json = flag == "--logprobs" && value != "2" ? ["--json"] : []
    for command in ["run", "complete"] {
      try Martlet.fail([command, "/missing.gguf", "hi", flag, value] + json, 64, words + [flag])
    }
  }

  @Test func unknownTokenIds() throws {
    let file = try TinyModel.file()
    try Martlet.fail(["complete", file.path, "--prompt-ids", "1,259"], 64, ["259", "258"])
    try Martlet.fail(["complete", file.path, "--prompt-ids", "2147483647"], 64, ["2147483647", "258"])
  }

  @Test("a context beyond the model's is named with both numbers", arguments: ["run", "complete"])
  func contextBeyondTheModel(command: String) throws {
    let file = try TinyModel.file()
    try Martlet.fail([command, file.path, "hi", "--context", "97"], 64, ["97", "96"])
    try Martlet.fail(
      [command, file.path, "hi", "--context", "9223372036854775807"], 64, ["9223372036854775807", "96"])
  }

  @Test("a prompt that does not fit the context is named with both numbers")
  func promptBeyondTheContext() throws {
    let file = try TinyModel.file()
    let text = String(repeating: "x", count: 150)
    try Martlet.fail(["complete", file.path, text], 64, ["150", "96"])
    try Martlet.fail(["complete", file.path, "--context", "20", String(repeating: "x", count: 20)], 64, ["20 tokens"])
    let rendered = TinyModel.rendered(text).utf8.count
    #expect(rendered > 150)
    try Martlet.fail(["run", file.path, text], 64, ["96"])
    // One token less than the context is the longest prompt.
    let longest = try Martlet.succeed(
      ["complete", file.path, "--context", "20", "--json", String(repeating: "x", count: 19)])
    #expect(try (longest.object()["tokens"] as? [Int])?.count ?? 2 <= 1)
  }

  @Test func emptyPrompt() throws {
    let file = try TinyModel.file()
    try Martlet.fail(["complete", file.path, ""], 64, ["prompt", "empty"])
  }

  @Test("version and help go to standard output")
  func versionAndHelp() throws {
    #expect(try Martlet.succeed(["--version"]).output.first?.isNumber == true)
    #expect(try Martlet.succeed(["--help"]).output.contains("complete"))
    #expect(try Martlet.succeed(["run", "--help"]).output.contains("--max-tokens"))
  }
}

@Suite("command: a device that is not there ends with 69")
struct DemandedDeviceTests {
  @Test(arguments: ["cuda", "cuda:0", "metax", "metax:1", "cpu:3", "tpu", "cpu:99999999999999999999"])
  func device(name: String) throws {
    let file = try TinyModel.file()
    // Where there is a GPU, it is not to be found.
    let environment = [
      "MARTLET_CUDA_DRIVER": "/nowhere/libcuda.so.1", "MARTLET_MACA_RUNTIME": "/nowhere/libmcruntime.so",
    ]
    for command in ["run", "complete"] {
      try Martlet.fail(
        [command, file.path, "hi", "--device", name], 69, [name, "not available"], environment: environment)
    }
    try Martlet.fail(
      ["perplexity", file.path, "--file", "/dev/null", "--device", name], 69, [name], environment: environment)
  }

  @Test("a device that is there is taken without a word", arguments: ["cpu", "cpu:0"])
  func processor(name: String) throws {
    let file = try TinyModel.file()
    let result = try Martlet.succeed(["complete", file.path, "hi", "--device", name, "--max-tokens", "2", "--json"])
    #expect(try result.object()["device"] as? String == "cpu")
    #expect(result.error.isEmpty)
  }
}
