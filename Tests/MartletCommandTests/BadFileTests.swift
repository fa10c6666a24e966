import Foundation
import MartletModels
import MartletTestSupport
import Testing

/// A model file with something wrong, and the words that the complaint must have.
struct SpoiledModel: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let words: [String]

  init(_ what: String, _ bytes: [UInt8], _ words: String...) {
    testDescription = what
    self.bytes = bytes
    self.words = words
  }

  private typealias Builder = GGUFBuilder
  private static let good = TinyModel.builder
  private static let ids = "tokenizer.ggml."

  static let all: [SpoiledModel] = formats + architectures + weights + vocabularies + claims

  private static let formats: [SpoiledModel] = [
    SpoiledModel("empty", [], "empty"),
    SpoiledModel("text", Array("Once upon a time there was a model.\n".utf8), "not a GGUF file"),
    SpoiledModel("wrong magic", Array("GGUX".utf8) + good.bytes.dropFirst(4), "not a GGUF file"),
    SpoiledModel("a Git LFS pointer", Array("version https://git-lfs.github.com/spec/v1\n".utf8), "git lfs pull"),
    SpoiledModel("version 9", Array("GGUF".utf8) + [9, 0, 0, 0] + good.bytes.dropFirst(8), "version 9"),
  ]

  private static let architectures: [SpoiledModel] = [
    SpoiledModel(
      "architecture", good.setting("general.architecture", .string("mamba")).bytes, "general.architecture", "mamba"),
    SpoiledModel("no architecture", good.setting("general.architecture", nil).bytes, "general.architecture"),
    SpoiledModel("no layers", good.setting("llama.block_count", nil).bytes, "llama.block_count"),
    SpoiledModel("a word for layers", good.setting("llama.block_count", .string("1")).bytes, "llama.block_count"),
    SpoiledModel("zero layers", good.setting("llama.block_count", .uint32(0)).bytes, "llama.block_count", "0"),
    SpoiledModel("zero heads", good.setting("llama.attention.head_count", .uint32(0)).bytes, "head_count", "0"),
    SpoiledModel("odd heads", good.setting("llama.attention.head_count_kv", .uint32(3)).bytes, "head_count", "3"),
    SpoiledModel("no context", good.setting("llama.context_length", .uint32(0)).bytes, "context", "0"),
    SpoiledModel("experts", good.setting("llama.expert_count", .uint32(8)).bytes, "expert_count", "8"),
    SpoiledModel(
      "rope scaling", good.setting("llama.rope.scaling.type", .string("yarn")).bytes, "rope.scaling.type", "yarn"),
    SpoiledModel(
      "another rope scaling", good.setting("llama.rope.scaling.type", .string("longrope")).bytes, "rope.scaling.type",
      "longrope"),
    SpoiledModel(
      "a rope factor below zero", good.setting("llama.rope.scaling.factor", .float32(-2)).bytes, "scaling.factor", "-2"),
    SpoiledModel(
      "a ramp of its own",
      good.setting("llama.rope.scaling.type", .string("yarn")).setting("llama.rope.scaling.factor", .float32(4))
        .setting("llama.rope.scaling.yarn_beta_fast", .float32(8)).bytes, "yarn_beta_fast", "8"),
    SpoiledModel(
      "attention to tokens that follow", good.setting("llama.attention.causal", .bool(false)).bytes, "attention.causal"),
    SpoiledModel(
      "a part of a model", good.setting("split.count", .uint16(2)).bytes, "split.count", "llama-gguf-split --merge"),
    SpoiledModel(
      "a part without an architecture",
      good.setting("split.count", .uint16(2)).setting("general.architecture", nil).bytes, "split.count"),
    SpoiledModel("epsilon", good.setting("llama.attention.layer_norm_rms_epsilon", .float32(.nan)).bytes, "epsilon"),
  ]

  /// Divisors of rotary speeds, all of them `value`.
  private static func factors(_ value: Float) -> [UInt8] {
    var tensor = Builder.Tensor("rope_freqs.weight", [8])
    tensor.data = (0..<8).flatMap { _ in littleEndian(value.bitPattern) }
    return good.setting(tensor: tensor.name, tensor).bytes
  }

  private static let weights: [SpoiledModel] =
    good.tensors.map { tensor in
      SpoiledModel("without \(tensor.name)", good.setting(tensor: tensor.name, nil).bytes, "weight", "is missing")
    } + [
      SpoiledModel("rotary factors of zero", factors(0), "rope_freqs.weight", "0.0"),
      SpoiledModel("rotary factors that are NaN", factors(.nan), "rope_freqs.weight", "nan"),
      SpoiledModel(
        "one weight too many",
        good.setting(tensor: "blk.1.attn_q.weight", TinyModel.noise("blk.1.attn_q.weight", 32)).bytes,
        "blk.1.attn_q.weight"),
      SpoiledModel(
        "a wide query",
        good.setting(tensor: "blk.0.attn_q.weight", TinyModel.noise("blk.0.attn_q.weight", 32, 64)).bytes,
        "blk.0.attn_q.weight", "64", "32"),
      SpoiledModel(
        "a flat query", good.setting(tensor: "blk.0.attn_q.weight", TinyModel.noise("blk.0.attn_q.weight", 1024)).bytes,
        "blk.0.attn_q.weight"),
      SpoiledModel(
        "a query without dimensions",
        good.setting(tensor: "blk.0.attn_q.weight", TinyModel.noise("blk.0.attn_q.weight")).bytes, "blk.0.attn_q.weight"
      ),
      SpoiledModel(
        "a small table", good.setting(tensor: "token_embd.weight", TinyModel.noise("token_embd.weight", 32, 258)).bytes,
        "token_embd.weight", "258", "259"),
      SpoiledModel(
        "a table of integers",
        good.setting(tensor: "token_embd.weight", .init("token_embd.weight", [32, 259], type: 26, bytes: 32 * 259 * 4))
          .bytes, "i32"),
      SpoiledModel(
        "a projection of integers",
        good.setting(
          tensor: "blk.0.ffn_up.weight", .init("blk.0.ffn_up.weight", [32, 64], type: 26, bytes: 32 * 64 * 4)
        )
        .bytes, "i32"),
    ]

  private static let vocabularies: [SpoiledModel] = [
    SpoiledModel("no kind of vocabulary", good.setting(ids + "model", nil).bytes, ids + "model"),
    SpoiledModel("an unknown vocabulary", good.setting(ids + "model", .string("bert")).bytes, "bert"),
    SpoiledModel("an unknown pattern", good.setting(ids + "pre", .string("zigzag")).bytes, "zigzag"),
    SpoiledModel(
      "kinds for half the tokens",
      good.setting(ids + "token_type", .array(.int32, (0..<130).map { _ in .int32(1) })).bytes, "130", "259"),
    SpoiledModel(
      "an unknown kind", good.setting(ids + "token_type", .array(.int32, (0..<259).map { _ in .int32(77) })).bytes, "77"
    ),
    SpoiledModel(
      "scores for half the tokens",
      good.setting(ids + "scores", .array(.float32, (0..<130).map { _ in .float32(1) })).bytes, "130", "259"),
    SpoiledModel(
      "tokens that are numbers", good.setting(ids + "tokens", .array(.int32, [.int32(1)])).bytes, ids + "tokens"),
    SpoiledModel("an end beyond the tokens", good.setting(ids + "eos_token_id", .uint32(259)).bytes, "259", "258"),
    SpoiledModel(
      "more tokens than rows", good.setting("llama.vocab_size", .uint32(200)).bytes, "259", "200"),
    SpoiledModel(
      "a merge of unknown tokens", good.setting(ids + "merges", .array(.string, [.string("ab cd")])).bytes, "ab cd"),
    SpoiledModel(
      "a broken template", good.setting("tokenizer.chat_template", .string("{% if %}")).bytes, "chat template", "line 1"
    ),
  ]

  private static let claims: [SpoiledModel] = [
    SpoiledModel("2^63 tensors", spoiled { $0.tensorCount = 1 << 63 }, "tensors"),
    SpoiledModel("2^63 keys", spoiled { $0.keyCount = 1 << 63 }, "keys"),
    SpoiledModel(
      "an array of 2^62", good.setting("long", .raw(type: 9, [4, 0, 0, 0] + littleEndian(UInt64(1) << 62))).bytes,
      "long"),
    SpoiledModel("an unknown type", spoiled { $0.tensors[0].type = 999 }, "999"),
    SpoiledModel("overlapping tensors", spoiled { $0.tensors[1].offset = 0 }, "output_norm.weight"),
    SpoiledModel("a tensor out of range", spoiled { $0.tensors[1].offset = 1 << 40 }, "output_norm.weight"),
  ]

  private static func spoiled(_ change: (inout GGUFBuilder) -> Void) -> [UInt8] {
    var builder = good
    change(&builder)
    return builder.bytes
  }
}

@Suite("command: bad files end with 65")
struct BadFileTests {
  @Test("the model that the tests spoil is good")
  func unspoiled() throws {
    let file = try TinyModel.file()
    _ = try Martlet.succeed(["run", file.path, "hi", "--max-tokens", "1"])
  }

  @Test(arguments: SpoiledModel.all)
  func spoiled(_ model: SpoiledModel) throws {
    let file = try TemporaryFile(model.bytes)
    try Martlet.fail(["run", file.path, "hi", "--max-tokens", "1"], 65, model.words + [file.path])
  }

  @Test("files cut off anywhere")
  func truncated() throws {
    let builder = TinyModel.builder
    let (bytes, header) = (builder.bytes, builder.header.count)
    let lengths = Array(stride(from: 1, to: header, by: header / 40)) + [header, header + 1, bytes.count - 64]
    for length in lengths {
      let file = try TemporaryFile(Array(bytes.prefix(length)))
      try Martlet.fail(["complete", file.path, "--prompt-ids", "1"], 65, [file.path])
      if length < header { try Martlet.fail(["info", file.path], 65, [file.path]) }
    }
  }

  /// Other tests run at the same time, so what counts is the processor's time, and the least of some runs.
  @Test("hostile files cost next to nothing")
  func cost() throws {
    func least(_ arguments: [String]) throws -> (seconds: Double, bytes: Int) {
      let runs = try (0..<5).map { _ in try Martlet.run(arguments).end }
      return (runs.map(\.processorSeconds).min() ?? 0, runs.map(\.peakBytes).min() ?? 0)
    }
    let idle = try least(["--version"])
    let bytes = TinyModel.builder.bytes
    let hostile = SpoiledModel.all.filter {
      ["2^63", "2^62", "overlapping"].contains(where: $0.testDescription.contains)
    }
    #expect(hostile.count >= 4)
    for content in hostile.map(\.bytes) + [Array(bytes.prefix(200)), Array(bytes.prefix(bytes.count - 200))] {
      let file = try TemporaryFile(content)
      let used = try least(["complete", file.path, "--prompt-ids", "1"])
      #expect(used.seconds - idle.seconds < 0.02)
      #expect(used.bytes - idle.bytes < 10_000_000)
    }
  }

  @Test(
    "vocabulary-only files name the first weight that is missing",
    .enabled(if: Resources.hasVocabularies, "shared/data/vocab is not beside the repository"))
  func vocabularyOnly() throws {
    let folder = Resources.vocabularies
    let llama = folder.appending(path: "ggml-vocab-llama-bpe.gguf").path
    let qwen = folder.appending(path: "ggml-vocab-qwen2.gguf").path
    for arguments in [
      ["run", llama, "hi"], ["complete", llama, "--prompt-ids", "1"], ["run", qwen, "hi"],
      ["quantize", llama, "/dev/null", "--type", "q8_0"],
    ] {
      let result = try Martlet.fail(arguments, 65, [arguments[1], "is missing"])
      #expect(result.error.contains("token_embd.weight") || result.error.contains("embed_tokens.weight"))
    }
    try Martlet.fail(
      ["run", folder.appending(path: "ggml-vocab-gpt-2.gguf").path, "hi"], 65, ["general.architecture", "gpt2"])
  }

  @Test("files that are no models", arguments: ["run", "tokenize", "info"])
  func otherFiles(command: String) throws {
    let text = command == "info" ? [] : ["hi"]
    try Martlet.fail([command, "/dev/null"] + text, 65, ["/dev/null"])
    try Martlet.fail([command, #filePath] + text, 65, [#filePath, "GGUF"])
  }

  @Test("text that is not UTF-8 is refused")
  func notText() throws {
    let model = try TinyModel.file()
    let text = try TemporaryFile([0x61, 0xFF, 0x62])
    for arguments in [["tokenize", model.path], ["complete", model.path], ["perplexity", model.path]] {
      try Martlet.fail(arguments + ["--file", text.path], 65, [text.path, "UTF-8"])
    }
  }
}

@Suite("command: missing files end with 66")
struct MissingFileTests {
  @Test func model() throws {
    for command in ["run", "complete", "tokenize"] {
      try Martlet.fail([command, "/no/such/model.gguf", "hi"], 66, ["/no/such/model.gguf"])
      try Martlet.fail([command, "no-such-model", "hi"], 66, ["no-such-model"])
      try Martlet.fail([command, "nobody/no-such-model", "hi"], 66, ["nobody/no-such-model"])
    }
    try Martlet.fail(["info", "no-such-model"], 66, ["no-such-model"])
    try Martlet.fail(["run", "smolm2", "hi"], 66, ["smolm2", "Did you mean 'smollm2'?"])
  }

  @Test("the default model where nobody fetched it")
  func defaultModel() throws {
    let environment = ["MARTLET_CACHE": "/no/such/cache"]
    try Martlet.fail(["run", "smollm2", "hi"], 66, ["/no/such/cache", "make model"], environment: environment)
  }

  @Test func otherFiles() throws {
    let model = try TinyModel.file()
    let missing = "/no/such/file"
    try Martlet.fail(["complete", model.path, "--file", missing], 66, [missing])
    try Martlet.fail(["tokenize", model.path, "--file", missing], 66, [missing])
    try Martlet.fail(["tokenize", model.path, "--file", model.path + "/file"], 66, [model.path])
    try Martlet.fail(["perplexity", model.path, "--file", missing], 66, [missing])
    try Martlet.fail(["render", model.path, "--messages", missing], 66, [missing])
    try Martlet.fail(["render", "--template", missing, "--messages", "/dev/null"], 66, [missing])
    let messages = try TemporaryFile(Array("[]".utf8))
    try Martlet.fail(["render", model.path, "--messages", messages.path, "--tools", missing], 66, [missing])
  }
}
