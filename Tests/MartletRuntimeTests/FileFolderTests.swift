import Foundation
import MartletRuntime
import Testing

/// Files in memory are read as files on disk are.
struct FileFolderTests {
  private static func memory(_ bytes: [UInt8], path: String = "x") throws(MappedFileError) -> MappedFile {
    let result = bytes.withUnsafeBytes { bytes in
      Result { () throws(MappedFileError) in try MappedFile(copying: bytes, path: path) }
    }
    return try result.get()
  }

  /// The bytes of a file, which it must outlive.
  private static func contents(_ file: MappedFile) -> [UInt8] { withExtendedLifetime(file) { Array(file.bytes) } }

  @Test func memoryIsCopied() throws {
    var bytes: [UInt8] = [1, 2, 3]
    let file = try Self.memory(bytes, path: "three")
    bytes[0] = 9
    #expect(file.path == "three" && file.count == 3 && Self.contents(file) == [1, 2, 3])
  }

  @Test func emptyMemoryIsRefusedAsAnEmptyFileIs() throws {
    let error = #expect(throws: MappedFileError.self) { try Self.memory([], path: "nothing") }
    #expect(error?.kind == .empty && error?.path == "nothing")
  }

  @Test func diskAndMemoryAnswerAlike() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: url) }
    try Data([4, 5]).write(to: url.appending(path: "here"))
    for folder in [
      FileFolder(path: url.path), FileFolder(path: url.path, contents: ["here": try Self.memory([4, 5])]),
    ] {
      #expect(folder.contains("here") && !folder.contains("gone"))
      #expect(Self.contents(try folder.file("here")) == [4, 5])
      let error = #expect(throws: MappedFileError.self) { try folder.file("gone") }
      #expect(error?.kind == .notFound && error?.path == url.path + "/gone" && error?.message == "no such file")
    }
  }
}
