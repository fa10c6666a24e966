import Foundation
import MartletTestSupport
import Testing

/// The object that `--json` prints, checked field by field while it is read.
struct GenerationReport {
  let promptTokens: [Int]
  let tokens: [Int]
  let text: String
  let reason: String
  let logprobs: [(token: Int, logprob: Double, top: [(token: Int, logprob: Double)])]

  init(_ result: Martlet.Result, model: String) throws {
    let object = try result.object()
    #expect(
      Set(object.keys) == [
        "model", "device", "prompt_tokens", "tokens", "text", "finish_reason", "logprobs", "timing",
      ])
    #expect(object["model"] as? String == model)
    #expect(object["device"] as? String == "cpu")
    promptTokens = try #require(object["prompt_tokens"] as? [Int])
    tokens = try #require(object["tokens"] as? [Int])
    text = try #require(object["text"] as? String)
    reason = try #require(object["finish_reason"] as? String)
    func entry(_ object: [String: Any]) throws -> (token: Int, logprob: Double) {
      let logprob = try #require(object["logprob"] as? Double)
      #expect(logprob <= 0 && logprob.isFinite)
      return (try #require(object["token"] as? Int), logprob)
    }
    logprobs = try (try #require(object["logprobs"] as? [[String: Any]])).map { object in
      let (token, logprob) = try entry(object)
      return (token, logprob, try (try #require(object["top"] as? [[String: Any]])).map(entry))
    }
    #expect(["stop", "length"].contains(reason))
    let timing = try #require(object["timing"] as? [String: Any])
    #expect(Set(timing.keys) == ["load_s", "first_token_s", "prompt_tokens_per_s", "tokens_per_s"])
    #expect(try #require(timing["load_s"] as? Double) > 0)
    #expect(try #require(timing["first_token_s"] as? Double) > 0)
    #expect(try #require(timing["prompt_tokens_per_s"] as? Double) > 0)
    if tokens.count > 1 {
      #expect(try #require(timing["tokens_per_s"] as? Double) > 0)
    } else {
      // One token alone has no rate.
      #expect(timing["tokens_per_s"] is NSNull)
    }
  }

  /// Runs `complete` or `run` with `--json`.
  static func of(_ command: String, _ model: String, _ arguments: String..., input: String? = nil) throws -> Self {
    try Self(try Martlet.succeed([command, model, "--json"] + arguments, input: input), model: model)
  }
}

@Suite("command: run and complete, with a tiny model")
struct TinyGenerationTests {
  let model: TemporaryFile
  private let prompt = "Once upon a time"

  init() throws { model = try TinyModel.file() }

  private func complete(_ arguments: String...) throws -> GenerationReport {
    try GenerationReport(
      try Martlet.succeed(["complete", model.path, "--json", "--max-tokens", "12"] + arguments), model: model.path)
  }

  @Test("the prompt's ids, as many tokens as asked for, and why it ended")
  func tokens() throws {
    let report = try complete(prompt)
    #expect(report.promptTokens == prompt.utf8.map { Int($0) }.map(Self.id))
    #expect(report.tokens.count == 12 && report.reason == "length" && report.logprobs.isEmpty)
    #expect(!report.tokens.contains(TinyModel.endToken))
  }

  /// A byte's token: the tiny vocabulary has the bytes in their order.
  private static func id(_ byte: Int) -> Int { byte }

  @Test("ids, a file and standard input give what the text gives")
  func inputs() throws {
    let expected = try complete(prompt)
    let ids = prompt.utf8.map { String($0) }.joined(separator: ",")
    let file = try TemporaryFile(Array(prompt.utf8))
    #expect(try complete("--prompt-ids", ids).tokens == expected.tokens)
    #expect(try complete("--file", file.path).tokens == expected.tokens)
    let piped = try GenerationReport.of(
      "complete", model.path, "--max-tokens", "12", "--file", "-", input: prompt)
    #expect(piped.tokens == expected.tokens)
  }

  @Test("the deterministic mode gives what a processor gives anyway")
  func deterministic() throws {
    let (expected, found) = (
      try complete(prompt, "--logprobs", "3"), try complete(prompt, "--logprobs", "3", "--deterministic")
    )
    #expect(found.tokens == expected.tokens && found.logprobs.map(\.logprob) == expected.logprobs.map(\.logprob))
    let bench = try Martlet.succeed([
      "bench", model.path, "--deterministic", "--batch", "3", "--prompt-tokens", "0", "--generate-tokens", "2",
      "--repetitions", "1", "--json",
    ]).object()
    #expect(bench["deterministic"] as? Bool == true)
  }

  @Test("text on standard output is the text of the JSON")
  func textMode() throws {
    let expected = try complete(prompt)
    let result = try Martlet.succeed(["complete", model.path, prompt, "--max-tokens", "12"])
    #expect(result.output == expected.text + "\n")
    #expect(result.error.contains("running on cpu") && result.error.contains("12 tokens"))
  }

  @Test("samples of one prompt share its cache, and each has its seed's tokens")
  func samples() throws {
    let prompt = String(repeating: "Once upon a time there was a cat. ", count: 2)
    let sampling = ["--max-tokens", "12", "--temperature", "1.5"]
    let object = try Martlet.succeed(
      ["complete", model.path, prompt, "--json", "--samples", "4", "--seed", "7"] + sampling
    ).object()
    let samples = try #require(object["samples"] as? [[String: Any]]).map { $0["tokens"] as? [Int] }
    #expect(object["tokens"] as? [Int] == samples[0])
    #expect(samples.count == 4 && Set(samples).count == 4, "the samples choose alike")
    for (index, tokens) in samples.enumerated() {
      let alone = try GenerationReport(
        try Martlet.succeed(["complete", model.path, prompt, "--json", "--seed", "\(7 + index)"] + sampling),
        model: model.path)
      #expect(alone.tokens == tokens)
    }
    let text = try Martlet.succeed(["complete", model.path, prompt, "--samples", "2", "--seed", "7"] + sampling)
    #expect(text.error.contains("[sample 2 of 2]"))
    // All tokens but those after the prompt's last full block of 16 come from the first sample's cache.
    #expect(text.error.contains("(\((prompt.utf8.count - 1) / 16 * 16) from the cache)"))
  }

  @Test("penalties and biases change what is chosen")
  func penalties() throws {
    let plain = try complete(prompt)
    let first = try #require(plain.tokens.first)
    let forbidden = try complete(prompt, "--logit-bias", "\(first)=-inf")
    #expect(!forbidden.tokens.contains(first) && forbidden.tokens.count == 12)
    let forced = try complete(prompt, "--logit-bias", "65=1000", "--logit-bias", "\(first)=-5")
    #expect(forced.tokens == Array(repeating: 65, count: 12))
    // Penalties below zero reward what was generated.
    let rewarded = try complete(prompt, "--frequency-penalty", "-2")
    for flag in ["--frequency-penalty", "--presence-penalty"] {
      let varied = try complete(prompt, flag, "2")
      #expect(Set(varied.tokens).count > Set(rewarded.tokens).count)
    }
  }

  @Test("forbidding every token is the request's fault")
  func nothingLeft() throws {
    let flags = (0..<TinyModel.vocabularySize).flatMap { ["--logit-bias", "\($0)=-inf"] }
    try Martlet.fail(["complete", model.path, prompt, "--json"] + flags, 64, ["logit_bias"])
  }

  @Test("fields of generation_config.json that are not applied are named once, others not at all")
  func generationConfiguration() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let checkpoint = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "MartletTests/Goldens/checkpoints/llama-tied")
    try FileManager.default.copyItem(at: checkpoint, to: folder)
    let arguments = ["complete", folder.path, "--prompt-ids", "7,8", "--max-tokens", "2", "--json"]
    #expect(!(try Martlet.succeed(arguments).error.contains("generation_config.json")))
    let text = #"{"repetition_penalty": 1.3, "num_beams": 1, "suppress_tokens": [9], "top_k": 5}"#
    try Data(text.utf8).write(to: folder.appending(path: "generation_config.json"))
    let lines = try Martlet.succeed(arguments).error.split(separator: "\n").filter { $0.contains("generation_config") }
    #expect(lines.count == 1 && lines[0].contains("sets repetition_penalty, suppress_tokens, which"), "\(lines)")
  }

  @Test("a prompt goes through the template, with instructions if there are any")
  func template() throws {
    func ids(_ text: String) -> [Int] {
      // The two tokens around a turn are tokens; everything else is bytes.
      text.replacing("<|im_start|>", with: "\u{1}").replacing("<|im_end|>", with: "\u{2}").utf8
        .map { $0 == 1 ? 257 : $0 == 2 ? 258 : Int($0) }
    }
    let plain = try GenerationReport.of("run", model.path, "Hi", "--max-tokens", "3")
    #expect(plain.promptTokens == ids(TinyModel.rendered("Hi")))
    let system = try GenerationReport.of("run", model.path, "Hi", "--system", "- Be brief.", "--max-tokens", "3")
    #expect(system.promptTokens == ids(TinyModel.rendered("Hi", system: "- Be brief.")))
    let piped = try GenerationReport.of("run", model.path, "--max-tokens", "3", input: "Hi")
    #expect(piped.promptTokens == plain.promptTokens && piped.tokens == plain.tokens)
  }

  @Test("a model without a template or without a vocabulary says so")
  func withoutText() throws {
    let plain = try TemporaryFile(TinyModel.builder.setting("tokenizer.chat_template", nil).bytes)
    try Martlet.fail(["run", plain.path, "hi"], 65, ["chat template", "complete"])
    var builder = TinyModel.builder.setting("llama.vocab_size", .uint32(UInt32(TinyModel.vocabularySize)))
    builder.metadata.removeAll { $0.key.hasPrefix("tokenizer.") }
    let mute = try TemporaryFile(builder.bytes)
    try Martlet.fail(["complete", mute.path, "hi"], 65, [mute.path, "vocabulary", "--prompt-ids"])
    try Martlet.fail(["tokenize", mute.path, "hi"], 65, [mute.path, "vocabulary"])
    let report = try GenerationReport.of("complete", mute.path, "--prompt-ids", "1,2,3", "--max-tokens", "4")
    #expect(report.tokens.count == 4 && report.text.isEmpty)
  }

  @Test("ids beyond the vocabulary, which padded embeddings have, are no text")
  func paddedEmbedding() throws {
    let builder = TinyModel.builder.setting("llama.vocab_size", .uint32(600))
      .setting(tensor: "token_embd.weight", TinyModel.noise("token_embd.weight", 32, 600))
    let padded = try TemporaryFile(builder.bytes)
    let report = try GenerationReport.of("complete", padded.path, prompt, "--max-tokens", "30")
    #expect(report.tokens.count == 30 && report.tokens.contains { $0 >= 259 })
    _ = try Martlet.succeed(["complete", padded.path, prompt, "--max-tokens", "30"])
  }

  @Test("greedy is the default; random choices repeat with their seed and not without")
  func sampling() throws {
    let greedy = try complete(prompt)
    #expect(try complete(prompt, "--temperature", "0").tokens == greedy.tokens)
    #expect(try complete(prompt, "--temperature", "1.5", "--top-k", "1").tokens == greedy.tokens)
    #expect(try complete(prompt, "--temperature", "2", "--min-p", "1").tokens == greedy.tokens)
    #expect(try complete(prompt, "--temperature", "2", "--top-p", "0.000001").tokens == greedy.tokens)
    let wild = ["--temperature", "20", "--seed"]
    let first = try complete(prompt, wild[0], wild[1], wild[2], "18446744073709551615")
    #expect(try complete(prompt, wild[0], wild[1], wild[2], "18446744073709551615").tokens == first.tokens)
    #expect(try complete(prompt, wild[0], wild[1], wild[2], "7").tokens != first.tokens)
    #expect(try complete(prompt, wild[0], wild[1]).tokens != complete(prompt, wild[0], wild[1]).tokens)
    // A penalty this high forbids every token that has occurred.
    let fresh = try complete(prompt, "--repeat-penalty", "1000000")
    #expect(Set(fresh.tokens).count == 12 && Set(fresh.tokens).isDisjoint(with: fresh.promptTokens))
  }

  @Test("log-probabilities begin with the first token and come in the order asked for", arguments: [0, 1, 5, 100])
  func logprobs(count: Int) throws {
    let report = try complete(prompt, "--logprobs", String(count))
    #expect(report.logprobs.map(\.token) == report.tokens)
    for entry in report.logprobs {
      #expect(entry.top.count == count)
      #expect(zip(entry.top, entry.top.dropFirst()).allSatisfy { $0.logprob >= $1.logprob })
      // Greedy choices are the most probable ones.
      if let best = entry.top.first { #expect(best.token == entry.token && best.logprob == entry.logprob) }
      #expect(entry.top.reduce(0) { $0 + exp($1.logprob) } < 1.0001)
    }
  }

  @Test("a generation fills the context and no more")
  func contextIsFull() throws {
    let report = try GenerationReport.of("complete", model.path, prompt, "--context", "40")
    #expect(report.reason == "stop" || report.promptTokens.count + report.tokens.count == 40)
  }

  @Test(arguments: ["auto", "f32", "f16", "bf16"])
  func computeTypes(compute: String) throws {
    #expect(try complete(prompt, "--compute", compute).tokens.count == 12)
  }

  @Test func threads() throws {
    let one = try complete(prompt, "--threads", "1")
    #expect(try complete(prompt, "--threads", "3").tokens == one.tokens)
  }

  @Test("what cannot be written is an error", .enabled(if: FileManager.default.fileExists(atPath: "/dev/full")))
  func fullDisk() throws {
    let error = try TemporaryFile([])
    let child = try Child(
      Martlet.executable, ["tokenize", model.path, "hi"], input: "/dev/null", output: "/dev/full",
      error: error.path)
    #expect(try child.wait().status == 74)
    #expect(try String(contentsOfFile: error.path, encoding: .utf8).contains("No space left"))
  }
}

@Suite(
  "command: run and complete, with the default model", .serialized,
  .enabled(if: Resources.hasModel, "the default model is not in the cache: 'make model' brings it"))
struct DefaultModelTests {
  private let question = "What is 2+2?"

  private func report(_ command: String, _ arguments: String...) throws -> GenerationReport {
    try GenerationReport(try Martlet.succeed([command, "smollm2", "--json"] + arguments), model: "smollm2")
  }

  @Test("an answer ends by itself, without the token that ended it, and is found in text mode too")
  func answer() throws {
    let report = try report("run", question)
    #expect(report.text.contains("4"))
    #expect(report.reason == "stop" && !report.tokens.contains(0) && !report.tokens.contains(2))
    let text = try Martlet.succeed(["run", "smollm2", question])
    #expect(text.output == report.text + "\n")
    #expect(text.error.contains("\(report.promptTokens.count) prompt tokens"))
    let decoded = try Martlet.succeed(
      ["tokenize", "smollm2", "--decode", report.tokens.map { String($0) }.joined(separator: ",")])
    #expect(decoded.output == report.text + "\n")
  }

  @Test("stop texts end before themselves, within and across tokens")
  func stop() throws {
    let free = try report("complete", "The sky is", "--max-tokens", "12")
    let words = free.text.split(separator: " ")
    try #require(words.count > 5)
    for stop in [String(words[2]), String(words[2].suffix(2) + " " + words[3].prefix(2)), " \(words[4]) "] {
      let expected = try #require(free.text.range(of: stop).map { String(free.text[..<$0.lowerBound]) })
      let report = try report("complete", "The sky is", "--max-tokens", "12", "--stop", stop)
      #expect(report.text == expected && report.reason == "stop")
      let repeated = try self.report(
        "complete", "The sky is", "--max-tokens", "12", "--stop", "-never-", "--stop", stop)
      #expect(repeated.text == expected)
    }
    let absent = try report("complete", "The sky is", "--max-tokens", "12", "--stop", "-never-")
    #expect(absent.text == free.text && absent.reason == "length")
  }

  @Test("the file's types and whole numbers of them agree on what comes first", arguments: ["f32", "f16", "bf16"])
  func computeTypes(compute: String) throws {
    let report = try report("complete", "One, two, three,", "--max-tokens", "2", "--compute", compute)
    #expect(report.text.hasPrefix(" four"))
  }

  @Test("Chinese text is whole in both modes")
  func chinese() throws {
    let arguments = ["complete", "smollm2", "春天来了，花园里", "--max-tokens", "16"]
    let json = try GenerationReport(try Martlet.succeed(arguments + ["--json"]), model: "smollm2")
    #expect(try Martlet.succeed(arguments).output == json.text + "\n")
  }
}
