import Foundation
import MartletModels
import MartletTestSupport
import Testing

/// `martlet quantize` as a program.
@Suite struct QuantizeTests {
  private final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }
    func path(_ name: String) -> String { url.appending(path: name).path }
    var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [] }
  }

  @Test func writesAFileAndSaysWhat() throws {
    let (model, folder) = (try TinyModel.file(), try Folder())
    let output = folder.path("tiny.gguf")
    let result = try Martlet.succeed(["quantize", model.path, output, "--type", "q8_0", "--json"])
    let object = try result.object()
    #expect(result.error.isEmpty)
    #expect(object["type"] as? String == "q8_0" && object["output"] as? String == output)
    #expect(object["requantized"] as? Int == 0 && object["fallbacks"] as? Int == 0)
    let written = try FileManager.default.attributesOfItem(atPath: output)[.size] as? Int
    #expect(object["bytes_written"] as? Int == written)
    let types = try #require(object["types"] as? [[String: Any]])
    #expect(types.map { $0["type"] as? String } == ["q8_0", "f32"])
    #expect(types.map { $0["tensors"] as? Int } == [8, 3])
    // The same text, nearly the same numbers: and it answers.
    let text = "Hello, wörld"
    let tokens = try [model.path, output].map { try Martlet.succeed(["tokenize", $0, text]).output }
    #expect(tokens[0] == tokens[1])
    _ = try Martlet.succeed(["run", output, "hi", "--max-tokens", "4"])

    let again = try Martlet.succeed(["quantize", output, folder.path("smaller.gguf"), "--type", "q4_0"])
    // The embedding, which is the head too, stays in 8 bits.
    #expect(again.error.hasPrefix("martlet: 7 weights of \(output) are quantised already"))
    #expect(again.output.contains("q4_0: 7 tensors") && again.output.contains("bits a weight"))
  }

  @Test func refusals() throws {
    let (model, folder) = (try TinyModel.file(), try Folder())
    let output = folder.path("tiny.gguf")
    try Martlet.fail(["quantize", model.path, output], 64, ["--type"])
    try Martlet.fail(["quantize", model.path, "--type", "q8_0"], 64, ["output"])
    try Martlet.fail(["quantize", model.path, output, "--type", "q3_k"], 64, ["q3_k", "q4_k"])
    try Martlet.fail(["quantize", model.path, output, "--type", "q8_0", "--threads", "0"], 64, ["--threads"])
    try Martlet.fail(["quantize", folder.path("none.gguf"), output, "--type", "q8_0"], 66, ["none.gguf"])
    try Martlet.fail(["quantize", model.path, folder.path("no/out.gguf"), "--type", "q8_0"], 74, ["no/out.gguf"])
    let other = try TemporaryFile(TinyModel.builder.setting("general.architecture", .string("mamba")).bytes)
    try Martlet.fail(["quantize", other.path, output, "--type", "q8_0"], 65, ["mamba"])
    #expect(folder.contents.isEmpty)

    _ = try Martlet.succeed(["quantize", model.path, output, "--type", "f16"])
    let before = try Data(contentsOf: URL(filePath: output))
    try Martlet.fail(["quantize", model.path, output, "--type", "q8_0"], 64, ["already there", "--force"])
    #expect(try Data(contentsOf: URL(filePath: output)) == before)
    _ = try Martlet.succeed(["quantize", model.path, output, "--type", "q8_0", "--force"])
    #expect(folder.contents == ["tiny.gguf"])
  }

  /// A limit on the size of files stands in for a full disk: writing fails, with another number.
  @Test func aFullDiskLeavesNothing() throws {
    let (model, folder) = (try TinyModel.file(), try Folder())
    let error = try TemporaryFile([])
    let child = try Child(
      "/bin/sh",
      [
        "-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" quantize \"$1\" \"$2\" --type f16", Martlet.executable,
        model.path,
        folder.path("tiny.gguf"),
      ], input: "/dev/null", output: "/dev/null", error: error.path, environment: [:])
    #expect(try child.wait().status == 74)
    let message = try String(contentsOfFile: error.path, encoding: .utf8)
    #expect(message.hasPrefix("martlet: ") && message.contains("tiny.gguf"), "\(message)")
    #expect(folder.contents.isEmpty)
  }
}
