import Foundation
import MartletText

/// A reader of the vocabulary in a GGUF file, small enough to be seen through, so that these tests need no other layer.
struct VocabularyFile {
  private(set) var description = TokenizerDescription(model: .byteLevelBPE, tokens: ByteStringTable())
  private let data: Data
  private var offset = 0

  private enum Failure: Error { case notGGUF, unknownType(UInt32) }

  /// Reads the file at `url`.
  init(_ url: URL) throws {
    data = try Data(contentsOf: url, options: .alwaysMapped)
    guard try number(UInt32.self) == 0x4655_4747 else { throw Failure.notGGUF }
    _ = try number(UInt32.self)
    _ = try number(UInt64.self)
    for _ in 0..<(try number(UInt64.self)) { try entry() }
  }

  private mutating func entry() throws {
    let key = String(decoding: try string(), as: UTF8.self)
    let type = try number(UInt32.self)
    switch key {
    case "tokenizer.ggml.model":
      description.model = try string().elementsEqual("llama".utf8) ? .sentencePieceBPE : .byteLevelBPE
    case "tokenizer.ggml.pre": description.preTokenizer = String(decoding: try string(), as: UTF8.self)
    case "tokenizer.ggml.tokens": description.tokens = try strings()
    case "tokenizer.ggml.merges": description.merges = try strings()
    case "tokenizer.ggml.scores": description.scores = try numbers(UInt32.self).map { Float(bitPattern: $0) }
    case "tokenizer.ggml.token_type":
      description.kinds = try numbers(Int32.self).map { TokenKind(rawValue: UInt8($0)) ?? .normal }
    case "tokenizer.ggml.bos_token_id": description.beginToken = try number(Int32.self)
    case "tokenizer.ggml.eos_token_id": description.endToken = try number(Int32.self)
    case "tokenizer.ggml.unknown_token_id": description.unknownToken = try number(Int32.self)
    case "tokenizer.ggml.padding_token_id": description.paddingToken = try number(Int32.self)
    case "tokenizer.ggml.add_bos_token": description.addsBeginToken = try number(UInt8.self) != 0
    case "tokenizer.ggml.add_eos_token": description.addsEndToken = try number(UInt8.self) != 0
    case "tokenizer.ggml.add_space_prefix": description.addsSpacePrefix = try number(UInt8.self) != 0
    default: try skip(type)
    }
  }

  private mutating func number<Value: FixedWidthInteger>(_: Value.Type) throws -> Value {
    let size = MemoryLayout<Value>.size
    guard offset + size <= data.count else { throw Failure.notGGUF }
    defer { offset += size }
    return data.withUnsafeBytes { Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self)) }
  }

  private mutating func string() throws -> Data {
    let count = Int(try number(UInt64.self))
    guard offset + count <= data.count else { throw Failure.notGGUF }
    defer { offset += count }
    return data[offset..<offset + count]
  }

  private mutating func strings() throws -> ByteStringTable {
    _ = try number(UInt32.self)
    let count = Int(try number(UInt64.self))
    var table = ByteStringTable()
    table.reserveCapacity(strings: count, bytes: 8 * count)
    for _ in 0..<count {
      let length = Int(try number(UInt64.self))
      guard offset + length <= data.count else { throw Failure.notGGUF }
      try data.withUnsafeBytes { try table.append(UnsafeRawBufferPointer(rebasing: $0[offset..<offset + length])) }
      offset += length
    }
    return table
  }

  private mutating func numbers<Value: FixedWidthInteger>(_: Value.Type) throws -> [Value] {
    _ = try number(UInt32.self)
    return try (0..<Int(try number(UInt64.self))).map { _ in try number(Value.self) }
  }

  private mutating func skip(_ type: UInt32) throws {
    switch type {
    case 0, 1, 7: offset += 1
    case 2, 3: offset += 2
    case 4, 5, 6: offset += 4
    case 10, 11, 12: offset += 8
    case 8: _ = try string()
    case 9:
      let element = try number(UInt32.self)
      for _ in 0..<(try number(UInt64.self)) { try skip(element) }
    default: throw Failure.unknownType(type)
    }
  }
}

/// Where the tests find what is not part of the package.
enum Resources {
  static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let goldens = root.appending(path: "Tests/MartletTextTests/Goldens")

  /// Public vocabularies with expected ids, beside the repository.
  static let vocabularies = root.deletingLastPathComponent().appending(path: "shared/data/vocab")
  static let hasVocabularies = FileManager.default.fileExists(atPath: vocabularies.path)

  /// The default model in the user's cache.
  static let model = URL(filePath: NSHomeDirectory()).appending(
    path: ".cache/martlet/models/SmolLM2-135M-Instruct.Q4_1.gguf")
  /// Random texts with expected ids, made on demand by `scripts/goldens/tokenizer_fuzz.py`.
  static let randomTexts = ProcessInfo.processInfo.environment["MARTLET_TOKENIZER_FUZZ"].map { URL(filePath: $0) }
  /// A block of random texts with expected ids, made on demand by `scripts/goldens/tokenizer_fuzz_digests.py`.
  static let randomBlock = ProcessInfo.processInfo.environment["MARTLET_TOKENIZER_BLOCK"].map { URL(filePath: $0) }
  static let hasModel = FileManager.default.fileExists(atPath: model.path)

  static func tokenizer(_ name: String) throws -> Tokenizer {
    try Tokenizer(VocabularyFile(vocabularies.appending(path: name)).description)
  }
}
