import Foundation
import MartletModels
import MartletTensor
import MartletTestSupport
import Testing

@Suite("GGUF: writing")
struct GGUFWriterTests {
  /// A folder that is gone at the end.
  private final class Folder {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }
    func path(_ name: String) -> String { url.appendingPathComponent(name).path }
    var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [] }
  }

  private static func bytes(_ count: Int) -> [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) } }

  /// Writes a file with the metadata and tensors of another.
  private static func copy(_ file: GGUFFile, to path: String, replaces: Bool = false) throws {
    var header = GGUFHeader()
    for entry in file.metadata.entries { header.set(entry.key, copying: entry.value) }
    let tensors = file.tensors.map { GGUFWriter.Tensor(name: $0.name, shape: $0.shape, type: $0.type) }
    var writer = try GGUFWriter(path: path, header: header, tensors: tensors, replaces: replaces)
    for tensor in file.tensors {
      let bytes = file.bytes(of: tensor)
      // In pieces, the second one empty.
      for range in [0..<1, 1..<1, 1..<bytes.count] { try writer.write(UnsafeRawBufferPointer(rebasing: bytes[range])) }
    }
    try writer.finish()
  }

  @Test("every kind of value and tensor comes back")
  func roundTrip() throws {
    let source = try TemporaryFile(GGUFBuilder.sample.bytes)
    let folder = try Folder()
    let original = try GGUFFile(path: source.path)
    try Self.copy(original, to: folder.path("copy.gguf"))
    // The builder of the tests and the writer lay files out alike, so that the bytes themselves can be compared.
    let written = try Data(contentsOf: URL(fileURLWithPath: folder.path("copy.gguf")))
    #expect(Array(written) == GGUFBuilder.sample.bytes)
    #expect(folder.contents == ["copy.gguf"])
    let copy = try GGUFFile(path: folder.path("copy.gguf"))
    #expect(copy.metadata.entries.map(\.key) == original.metadata.entries.map(\.key))
    #expect(copy.tensors.map(\.shape) == original.tensors.map(\.shape))
    for (one, other) in zip(copy.tensors, original.tensors) {
      #expect(copy.bytes(of: one).elementsEqual(original.bytes(of: other)))
    }
  }

  @Test("values set one by one")
  func setters() throws {
    let folder = try Folder()
    var header = GGUFHeader()
    header.set("a.number", UInt32(7))
    header.set("a.float", Float(0.25))
    header.set("a.flag", true)
    header.set("a.text", "naïve 鳥")
    header.set("a.numbers", numbers: [Int32(-1), 2])
    header.set("a.strings", strings: ["", "x", "鳥"].map { Array($0.utf8) })
    header.set("a.number", Int64(-9))
    #expect(header.count == 6 && header.contains("a.flag") && !header.contains("a.b"))
    var writer = try GGUFWriter(path: folder.path("a.gguf"), header: header, tensors: [])
    try writer.finish()
    let metadata = try GGUFFile(path: folder.path("a.gguf")).metadata
    #expect(metadata.entries.map(\.key).first == "a.number")
    #expect(try metadata.integer("a.number") == -9)
    #expect(try metadata.float("a.float") == 0.25)
    #expect(try metadata.bool("a.flag") == true)
    #expect(try metadata.string("a.text") == "naïve 鳥")
    #expect(try metadata.integers("a.numbers") == [-1, 2])
    let strings = try metadata.requiredStrings("a.strings")
    #expect(
      (0..<strings.count).map { strings.withString(at: $0) { String(decoding: $0, as: UTF8.self) } } == ["", "x", "鳥"])
  }

  @Test("every type has the number that the reader knows", arguments: DType.allCases.filter { $0 != .u8 })
  func types(_ type: DType) throws {
    let folder = try Folder()
    let tensor = GGUFWriter.Tensor(name: "t", shape: [3, 256], type: type)
    let data = Self.bytes(tensor.byteCount)
    var writer = try GGUFWriter(
      path: folder.path("t.gguf"), header: GGUFHeader(), tensors: [tensor, tensor.renamed("u")])
    try data.withUnsafeBytes { bytes in
      try writer.write(bytes)
      try writer.write(bytes)
    }
    try writer.finish()
    let file = try GGUFFile(path: folder.path("t.gguf"))
    for name in ["t", "u"] {
      let info = try #require(file.tensor(named: name))
      #expect(info.type == type && info.shape == [3, 256] && info.byteRange.lowerBound % 32 == 0)
      #expect(file.bytes(of: info).elementsEqual(data))
    }
  }

  @Test("a file that is there is replaced only if asked")
  func existing() throws {
    let folder = try Folder()
    let source = try TemporaryFile(GGUFBuilder.sample.bytes)
    let path = folder.path("a.gguf")
    try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
    let file = try GGUFFile(path: source.path)
    let error = #expect(throws: OutputError.self) { try Self.copy(file, to: path) }
    #expect(error?.kind == .exists)
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data([1, 2, 3]))
    try Self.copy(file, to: path, replaces: true)
    #expect(try GGUFFile(path: path).tensors.count == file.tensors.count)
    // A file onto itself.
    let own = try GGUFFile(path: path)
    try Self.copy(own, to: path, replaces: true)
    #expect(try Array(Data(contentsOf: URL(fileURLWithPath: path))) == GGUFBuilder.sample.bytes)
    #expect(folder.contents == ["a.gguf"])
  }

  @Test("what is given up or cannot be made leaves nothing")
  func failures() throws {
    let folder = try Folder()
    let tensor = GGUFWriter.Tensor(name: "t", shape: [4], type: .f32)
    do {
      var writer = try GGUFWriter(path: folder.path("a.gguf"), header: GGUFHeader(), tensors: [tensor])
      try Self.bytes(8).withUnsafeBytes { try writer.write($0) }
      #expect(folder.contents.count == 1)
    }
    #expect(folder.contents.isEmpty)
    for path in [folder.path("no/such/folder.gguf"), folder.url.path, "/dev/null"] {
      let error = #expect(throws: OutputError.self) {
        _ = try GGUFWriter(path: path, header: GGUFHeader(), tensors: [tensor], replaces: true)
      }
      #expect(error?.kind == .failed)
      #expect(error?.description.contains(path) == true)
    }
  }
}

extension GGUFWriter.Tensor {
  fileprivate func renamed(_ name: String) -> GGUFWriter.Tensor { .init(name: name, shape: shape, type: type) }
}
