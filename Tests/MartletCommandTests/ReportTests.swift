import Foundation
import MartletTestSupport
import Testing

@Suite("command: info, devices, list")
struct ReportCommandTests {
  @Test("what a file holds, for people and for programs")
  func info() throws {
    let model = try TinyModel.file()
    let text = try Martlet.succeed(["info", model.path]).output
    for words in [model.path, "GGUF version 3", "11 tensors", "llama.block_count = 1", "f32"] {
      #expect(text.contains(words), "\(words)")
    }
    let object = try Martlet.succeed(["info", model.path, "--json"]).object()
    #expect(object["path"] as? String == model.path)
    #expect(object["format"] as? String == "gguf")
    #expect(object["version"] as? Int == 3)
    let parameters = TinyModel.builder.tensors.reduce(0) { $0 + $1.data.count / 4 }
    #expect(object["parameters"] as? Int == parameters)
    let metadata = try #require(object["metadata"] as? [String: Any])
    #expect(metadata["general.architecture"] as? String == "llama")
    #expect(metadata["llama.embedding_length"] as? Int == 32)
    #expect(metadata["tokenizer.chat_template"] as? String == TinyModel.template)
    let tensors = try #require(object["tensors"] as? [[String: Any]])
    #expect(tensors.map { $0["name"] as? String } == TinyModel.builder.tensors.map(\.name))
    #expect(tensors[0]["shape"] as? [Int] == [259, 32])
    #expect(tensors[0]["type"] as? String == "f32")
    #expect(tensors[0]["bytes"] as? Int == 259 * 32 * 4)
  }

  @Test("a file with every type of value")
  func everyValue() throws {
    let file = try TemporaryFile(GGUFBuilder.sample.bytes)
    let metadata = try #require(
      try Martlet.succeed(["info", file.path, "--json"]).object()["metadata"] as? [String: Any])
    #expect(metadata["u32"] as? UInt32 == 4_000_000_000)
    #expect(metadata["i64"] as? Int == -1 << 40)
    #expect(metadata["f64"] as? Double == 0.1)
    #expect(metadata["yes"] as? Bool == true)
    #expect(metadata["text"] as? String == "naïve 鳥")
    #expect(try Martlet.succeed(["info", file.path]).output.contains("text = naïve 鳥"))
  }

  /// JSON has neither infinity nor NaN, and a file may have keys of both.
  @Test("values that JSON lacks, and control characters that would steer a terminal")
  func awkwardValues() throws {
    var builder = TinyModel.builder
    builder.metadata += [
      ("infinite", .float32(.infinity)), ("nothing", .float64(.nan)), ("huge", .uint64(.max)),
      ("bell", .string("a\u{1B}[2Jb")), ("ke\u{1B}y", .uint8(1)),
    ]
    let file = try TemporaryFile(builder.bytes)
    #expect(!(try Martlet.succeed(["info", file.path]).bytes.contains(0x1B)))
    let object = try Martlet.succeed(["info", file.path, "--json"]).object()
    #expect((object["metadata"] as? [String: Any])?["bell"] as? String == "a\u{1B}[2Jb")
  }

  @Test("every kind of device, and why one is missing")
  func devices() throws {
    let text = try Martlet.succeed(["devices"]).output
    for kind in ["cpu", "cuda", "metax"] { #expect(text.contains(kind)) }
    let devices = try #require(try Martlet.succeed(["devices", "--json"]).json() as? [[String: Any]])
    #expect(devices.contains { $0["device"] as? String == "cpu" && $0["available"] as? Bool == true })
    for device in devices where device["available"] as? Bool == false {
      #expect((device["reason"] as? String)?.isEmpty == false)
    }
  }

  @Test func list() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-list-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder.appending(path: "models"), withIntermediateDirectories: true)
    let environment = ["MARTLET_CACHE": folder.path, "HF_HUB_CACHE": folder.path]
    #expect(try Martlet.succeed(["list"], environment: environment).output.contains("no models"))
    #expect(try (Martlet.succeed(["list", "--json"], environment: environment).json() as? [Any])?.isEmpty == true)
    let path = folder.appending(path: "models/mine.gguf").path
    try Data(TinyModel.builder.bytes).write(to: URL(filePath: path))
    #expect(try Martlet.succeed(["list"], environment: environment).output.contains(path))
    let listed = try #require(
      try Martlet.succeed(["list", "--json"], environment: environment).json() as? [[String: Any]])
    #expect(listed.count == 1 && listed[0]["path"] as? String == path)
    #expect(listed[0]["bytes"] as? Int == TinyModel.builder.bytes.count)
    let name = try #require(listed[0]["name"] as? String)
    #expect(try Martlet.succeed(["tokenize", name, "A"], environment: environment).output == "[65]\n")
  }
}

@Suite("command: perplexity")
struct PerplexityCommandTests {
  @Test("chunks, scored tokens and a number that fits noise")
  func tiny() throws {
    let model = try TinyModel.file()
    // 150 tokens and a line end that does not count: three chunks of 48, each scored on its positions 24 to 46.
    let text = try TemporaryFile(Array((String(repeating: "martlets ", count: 16) + "nested\n").utf8))
    let arguments = ["perplexity", model.path, "--file", text.path, "--context", "48"]
    let object = try Martlet.succeed(arguments + ["--json"]).object()
    #expect(Set(object.keys) == ["perplexity", "tokens", "chunks"])
    #expect(object["chunks"] as? Int == 3)
    #expect(object["tokens"] as? Int == 3 * 23)
    let perplexity = try #require(object["perplexity"] as? Double)
    #expect(perplexity > 1 && perplexity.isFinite)
    #expect(try Martlet.succeed(arguments).output.contains("69 tokens in 3 chunks"))
    #expect(try Martlet.succeed(arguments + ["--compute", "f16", "--threads", "1", "--json"]).object().count == 3)
  }

  @Test("what cannot be scored is told with both numbers")
  func refused() throws {
    let model = try TinyModel.file()
    let text = try TemporaryFile(Array(String(repeating: "x", count: 30).utf8))
    func fail(_ context: String, _ words: String...) throws {
      try Martlet.fail(["perplexity", model.path, "--file", text.path, "--context", context], 64, words)
    }
    try fail("31", "30 tokens", "31")
    try fail("97", "97", "96")
    try fail("3", "3", "4 to 96")
    try fail("-8", "-8")
    try Martlet.fail(["perplexity", model.path, "--file", text.path], 64, ["512", "96"])
  }

  @Test("the default model", .enabled(if: Resources.hasModel, "the default model is not in the cache"))
  func defaultModel() throws {
    let sentence = "The martlet is a bird without feet that is always on the wing. "
    let text = try TemporaryFile(Array(String(repeating: sentence, count: 12).utf8))
    let arguments = ["perplexity", "smollm2", "--file", text.path, "--context", "128", "--json"]
    let object = try Martlet.succeed(arguments).object()
    #expect(object["tokens"] as? Int == 63)
    // The second half repeats the first, which a model that reads its context predicts almost surely.
    #expect(try #require(object["perplexity"] as? Double) < 1.5)
  }
}
