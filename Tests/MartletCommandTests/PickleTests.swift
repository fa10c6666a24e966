import Foundation
import MartletTestSupport
import Testing

/// Files that run code when Python reads them: Martlet never does, whatever they are called, and says what to do.
@Suite("command: pickles are refused with a hint")
struct PickleTests {
  /// What PyTorch writes: zip files, and before those plain pickles.
  static let contents: [[UInt8]] = [
    Array("PK\u{3}\u{4}".utf8) + [UInt8](repeating: 0, count: 60),
    [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19, 0x2E],
    [0x80, 0x04, 0x95] + [UInt8](repeating: 0, count: 40),
  ]
  static let hints = ["pickle", "convert", "safetensors"]

  private static func folder(_ files: [String: [UInt8]]) throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for (name, bytes) in files { try Data(bytes).write(to: folder.appending(path: name)) }
    return folder
  }

  @Test(arguments: contents, ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "model.ckpt"])
  func given(_ bytes: [UInt8], name: String) throws {
    let folder = try Self.folder([name: bytes])
    defer { try? FileManager.default.removeItem(at: folder) }
    for command in [["run"], ["complete"], ["info"]] {
      let path = folder.appending(path: name).path
      try Martlet.fail(command + [path] + (command == ["info"] ? [] : ["hi"]), 65, ["pickle", "safetensors", path])
    }
  }

  @Test("in a folder without other weights", arguments: ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin"])
  func folder(name: String) throws {
    let folder = try Self.folder(["config.json": Array("{}".utf8), name: Self.contents[0]])
    defer { try? FileManager.default.removeItem(at: folder) }
    try Martlet.fail(["run", folder.path, "hi"], 65, ["pickle", "convert", "safetensors", folder.path])
  }

  @Test(arguments: contents)
  func calledGGUF(_ bytes: [UInt8]) throws {
    let file = try TemporaryFile(bytes)
    try Martlet.fail(["run", file.path, "hi"], 65, Self.hints + ["not a GGUF file"])
  }

  @Test(arguments: contents)
  func calledSafetensors(_ bytes: [UInt8]) throws {
    let folder = try Self.folder(["config.json": Array("{}".utf8), "model.safetensors": bytes])
    defer { try? FileManager.default.removeItem(at: folder) }
    try Martlet.fail(["run", folder.path, "hi"], 65, Self.hints + ["model.safetensors"])
  }
}
