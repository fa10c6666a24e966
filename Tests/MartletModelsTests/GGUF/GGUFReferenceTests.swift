import Foundation
import MartletModels
import MartletTensor
import MartletTestSupport
import Testing

/// Files that Martlet did not write, read by the Python package `gguf` (scripts/goldens/gguf_files.py).
@Suite("GGUF: against the gguf package")
struct GGUFReferenceTests {
  @Test("a file of its writer holds what was put into it")
  func reference() throws {
    let golden = try Golden.load("reference.json")
    let file = try TemporaryFile(Array(try #require(Data(base64Encoded: golden["file"].string))))
    let opened = try GGUFFile(path: file.path)
    #expect(opened.alignment == 64)

    let metadata = golden["metadata"]
    #expect(opened.metadata.entries.count == metadata.keys.count)
    for key in metadata.keys {
      let value = try #require(opened.metadata[key])
      guard case .array(let array) = value else {
        expect(value, equals: metadata[key], key)
        continue
      }
      let elements = metadata[key].elements
      #expect(array.count == elements.count)
      for (found, expected) in zip(array, elements) { expect(found, equals: expected, key) }
    }

    let tensors = golden["tensors"].elements.map(\.elements)
    #expect(opened.tensors.count == tensors.count)
    for (tensor, row) in zip(opened.tensors, tensors) {
      expect(tensor, equals: row)
      #expect(opened.bytes(of: tensor).reduce(0) { $0 + Int($1) } == row[5].integer)
    }
  }

  @Test(
    "real files are read alike and in little time",
    .enabled(if: !RealFile.all.isEmpty, "neither the default model nor ../shared/data/vocab is there"),
    arguments: RealFile.all)
  func real(_ real: RealFile) throws {
    let golden = try Golden.load("models.json")[real.name]
    let opened = try GGUFFile(path: real.path)
    #expect(opened.version == golden["version"].integer)

    let metadata = golden["metadata"].elements.map(\.elements)
    #expect(opened.metadata.entries.map(\.key) == metadata.map { $0[0].string })
    for (entry, row) in zip(opened.metadata.entries, metadata) {
      #expect(entry.value.type.name.uppercased() == row[1].string)
      guard case .array(let array) = entry.value else {
        expect(entry.value, equals: row[2], entry.key)
        continue
      }
      #expect(array.elementType.name.uppercased() == row[2].string)
      #expect(array.count == row[3].integer)
      for sample in row[4].elements.map(\.elements) {
        expect(array[sample[0].integer], equals: sample[1], entry.key)
      }
    }
    let tensors = golden["tensors"].elements.map(\.elements)
    #expect(opened.tensors.count == tensors.count)
    for (tensor, row) in zip(opened.tensors, tensors) { expect(tensor, equals: row) }

    let best = (0..<5).map { _ in ContinuousClock().measure { _ = try? GGUFFile(path: real.path) } }.min()
    #if DEBUG
      let limit = Duration.milliseconds(250)
    #else
      let limit = Duration.milliseconds(10)
    #endif
    #expect(try #require(best) < limit)
  }

  private func expect(_ value: GGUFValue, equals golden: Golden, _ key: String) {
    switch value {
    case .string(let string): #expect(string.text == golden.string, "\(key)")
    case .bool(let flag): #expect(flag == golden.bool, "\(key)")
    case .float32(let number): #expect(number == Float(golden.double), "\(key)")
    case .float64(let number): #expect(number == golden.double, "\(key)")
    default: #expect(value.integer == golden.integer, "\(key)")
    }
  }

  private func expect(_ tensor: GGUFTensorInfo, equals row: [Golden]) {
    #expect(tensor.name == row[0].string)
    #expect(tensor.shape == row[1].elements.map(\.integer))
    #expect(tensor.type.name.uppercased() == row[2].string)
    #expect(tensor.byteRange == row[3].integer..<row[3].integer + row[4].integer)
  }
}

/// A file that may be on this machine.
struct RealFile: Sendable, CustomTestStringConvertible {
  let path: String
  var name: String { URL(fileURLWithPath: path).lastPathComponent }
  var testDescription: String { name }

  static let all: [RealFile] = {
    let vocabularies = repository.deletingLastPathComponent().appendingPathComponent("shared/data/vocab").path
    let names = ["gpt-2", "llama-bpe", "llama-spm", "qwen2"].map { "\(vocabularies)/ggml-vocab-\($0).gguf" }
    return (names + [defaultModel]).filter { FileManager.default.fileExists(atPath: $0) }.map(RealFile.init)
  }()

  private static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static var defaultModel: String {
    let environment = ProcessInfo.processInfo.environment
    let cache =
      environment["MARTLET_CACHE"] ?? environment["XDG_CACHE_HOME"].map { $0 + "/martlet" }
      ?? (environment["HOME"] ?? "") + "/.cache/martlet"
    return cache + "/models/SmolLM2-135M-Instruct.Q4_1.gguf"
  }
}

/// A JSON value of a golden file. What is not there or of another type reads as something that no test expects.
struct Golden {
  let value: Any?

  static func load(_ name: String) throws -> Golden {
    let folder = try #require(Bundle.module.resourceURL).appendingPathComponent("Goldens/gguf")
    let data = try Data(contentsOf: folder.appendingPathComponent(name))
    return Golden(value: try JSONSerialization.jsonObject(with: data))
  }

  subscript(key: String) -> Golden { Golden(value: (value as? [String: Any])?[key]) }
  var keys: [String] { (value as? [String: Any]).map { Array($0.keys) } ?? [] }
  var elements: [Golden] { (value as? [Any] ?? []).map { Golden(value: $0) } }
  var string: String { value as? String ?? "\u{0}missing" }
  var integer: Int { (value as? NSNumber)?.intValue ?? .min }
  var double: Double { (value as? NSNumber)?.doubleValue ?? .nan }
  var bool: Bool? { (value as? NSNumber)?.boolValue }
}
