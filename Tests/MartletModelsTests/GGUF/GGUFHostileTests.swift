import Foundation
import MartletModels
import MartletTestSupport
import Testing

/// A file with something wrong, and what the error has to say.
struct Corruption: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let bytes: [UInt8]
  let kind: GGUFError.Kind
  let fragments: [String]

  init(
    _ name: String, _ fragments: [String], kind: GGUFError.Kind = .malformed, _ change: (inout GGUFBuilder) -> Void
  ) {
    var builder = GGUFBuilder()
    builder.metadata = [("general.architecture", .string("llama"))]
    builder.tensors = [.init("first", [32], bytes: 128), .init("second", [32, 2], type: 8, bytes: 68)]
    change(&builder)
    self.init(name, fragments, kind: kind, bytes: builder.bytes)
  }

  init(_ name: String, _ fragments: [String], kind: GGUFError.Kind = .malformed, bytes: [UInt8]) {
    testDescription = name
    self.bytes = bytes
    self.kind = kind
    self.fragments = fragments
  }

  private static func array(_ type: UInt32, count: UInt64, _ rest: [UInt8] = []) -> GGUFBuilder.Value {
    .raw(type: 9, littleEndian(type) + littleEndian(count) + rest)
  }

  static let all: [Corruption] = [
    Corruption("other file", ["not a GGUF file", "7b 22"], bytes: Array("{\"json\": true}".utf8)),
    Corruption("web page", ["web page"], bytes: Array("<!DOCTYPE html>".utf8)),
    Corruption("LFS pointer", ["git lfs pull"], bytes: Array("version https://git-lfs.github.com/spec/v1".utf8)),
    Corruption("zip file", ["pickle"], bytes: Array("PK\u{3}\u{4}....".utf8)),
    Corruption("pickle", ["Python pickle", "convert the model to safetensors"], bytes: [0x80, 4, 0x95, 0, 0, 0]),
    Corruption("old ggml", ["older ggml"], bytes: Array("tjgg........".utf8)),
    Corruption("short magic", ["not a GGUF file"], bytes: Array("GG".utf8)),
    Corruption("magic alone", ["ends inside the version"], bytes: Array("GGUF".utf8)),
    Corruption("version 0", ["version 0"], kind: .unsupported) { $0.version = 0 },
    Corruption("version 1", ["version 1", "convert"], kind: .unsupported) { $0.version = 1 },
    Corruption("version 4", ["version 4"], kind: .unsupported) { $0.version = 4 },
    Corruption("big-endian", ["big-endian", "version 3"], kind: .unsupported) { $0.version = UInt32(3).byteSwapped },
    Corruption("2^63 tensors", ["9223372036854775808 tensors", "at byte 8"]) { $0.tensorCount = 1 << 63 },
    Corruption("2^64-1 keys", ["18446744073709551615 metadata keys", "at byte 16"]) { $0.keyCount = .max },
    Corruption("more tensors than fit", ["1000 tensors", "hold at most"]) { $0.tensorCount = 1000 },
    Corruption("too many tensors", ["more than the 16384"]) {
      $0.tensorCount = 70_000
      $0.tensors[0].data = [UInt8](repeating: 0, count: 3_000_000)
    },
    Corruption("too many keys", ["more than the 8192"]) {
      $0.keyCount = 70_000
      $0.tensors[0].data = [UInt8](repeating: 0, count: 3_000_000)
    },
    Corruption("one key too few", ["first"]) {
      $0.keyCount = 0
      $0.metadata = [("first", .uint8(0))]
    },
    Corruption("empty key", ["name of key 0 is empty"]) { $0.metadata = [("", .uint8(0))] },
    Corruption("long key", ["70000 bytes long", "65535"]) {
      $0.metadata = [(String(repeating: "k", count: 70_000), .uint8(0))]
    },
    Corruption("key twice", ["'general.architecture' appears twice"]) {
      $0.metadata.append(("general.architecture", .string("gpt2")))
    },
    Corruption("unknown value type", ["'odd'", "is 13"]) { $0.metadata = [("odd", .raw(type: 13, [0, 0, 0, 0]))] },
    Corruption("bool of 2", ["'flag'", "2 is neither 0 nor 1"]) { $0.metadata = [("flag", .raw(type: 7, [2]))] },
    Corruption("bool of 255 in an array", ["element 1", "no bool: 255"]) {
      $0.metadata = [("flags", array(7, count: 2, [1, 255]))]
    },
    Corruption("huge string", ["'s' is 9223372036854775807 bytes long"]) {
      $0.metadata = [("s", .raw(type: 8, littleEndian(UInt64(Int.max))))]
    },
    Corruption("string of 2^64-1", ["18446744073709551615 bytes long"]) {
      $0.metadata = [("s", .raw(type: 8, littleEndian(UInt64.max)))]
    },
    Corruption("array of 2^63 bytes", ["9223372036854775808 elements"]) {
      $0.metadata = [("a", array(0, count: 1 << 63))]
    },
    Corruption("array of 2^61 doubles", ["2305843009213693952 elements"]) {
      $0.metadata = [("a", array(12, count: 1 << 61))]
    },
    Corruption("array of 2^60 strings", ["1152921504606846976 elements"]) {
      $0.metadata = [("a", array(8, count: 1 << 60))]
    },
    Corruption("array of unknown type", ["element type", "is 99"]) { $0.metadata = [("a", array(99, count: 1))] },
    Corruption("string in an array too long", ["string 1 of the 2", "'a'"]) {
      $0.metadata = [("a", array(8, count: 2, lengthAndBytes([65]) + littleEndian(UInt64.max - 8)))]
    },
    Corruption("arrays in arrays in arrays", ["more than 4 deep"]) {
      $0.metadata = [
        ("deep", .array(.array, [.array(.array, [.array(.array, [.array(.array, [.array(.uint8, [])])])])]))
      ]
    },
    Corruption("alignment 0", ["alignment", "is 0"]) { $0.metadata = [("general.alignment", .uint32(0))] },
    Corruption("alignment 48", ["alignment", "is 48", "power of two"]) {
      $0.metadata = [("general.alignment", .uint32(48))]
    },
    Corruption("alignment 2^40", ["alignment", "is 1099511627776"]) {
      $0.metadata = [("general.alignment", .uint64(1 << 40))]
    },
    Corruption("alignment -32", ["alignment", "is -32"]) { $0.metadata = [("general.alignment", .int32(-32))] },
    Corruption("alignment as text", ["'general.alignment' is string"], kind: .wrongType) {
      $0.metadata = [("general.alignment", .string("32"))]
    },
    Corruption("tensor twice", ["'first' is listed twice"]) { $0.tensors[1].name = "first" },
    Corruption("tensor without name", ["name of tensor 1 is empty"]) { $0.tensors[1].name = "" },
    Corruption("tensor with a long name", ["65 bytes long", "64"]) {
      $0.tensors[1].name = String(repeating: "n", count: 65)
    },
    Corruption("control characters in a name", ["'evil\\u{1B}[2J'"]) {
      $0.tensors[1].name = "evil\u{1B}[2J"
      $0.tensors[1].type = 77
    },
    Corruption("no dimensions", ["'second' has 0 dimensions"]) { $0.tensors[1].dimensions = [] },
    Corruption("five dimensions", ["'second' has 5 dimensions"]) { $0.tensors[1].dimensions = [1, 1, 1, 1, 1] },
    Corruption("a dimension of 0", ["dimension 1 of tensor 'second' is 0"]) { $0.tensors[1].dimensions = [32, 0] },
    Corruption("a dimension of 2^63", ["dimension 0", "9223372036854775808"]) {
      $0.tensors[1].dimensions = [1 << 63, 1]
    },
    Corruption("a product beyond 2^63", ["'second'", "more elements than 2^63"]) {
      $0.tensors[1].dimensions = [1 << 32, 1 << 32]
    },
    Corruption("bytes beyond 2^63", ["'first'", "more than 2^63 bytes"]) { $0.tensors[0].dimensions = [1 << 62] },
    Corruption("half a block", ["'second' has rows of 33 elements", "blocks of 32"]) {
      $0.tensors[1].dimensions = [33, 32]
    },
    Corruption("unknown tensor type", ["'second' has type 1234", "Q4_K"]) { $0.tensors[1].type = 1234 },
    Corruption("offset between alignments", ["'second'", "offset 136", "alignment 32"]) {
      $0.tensors[1].offset = 136
    },
    Corruption("offset of 2^64-32", ["'second'", "out of range", "18446744073709551584"]) {
      $0.tensors[1].offset = UInt64.max - 31
    },
    Corruption("offset beyond the end", ["'second'", "out of range", "cut off"]) { $0.tensors[1].offset = 1 << 20 },
    Corruption("data cut off", ["'second'", "68 bytes at offset 128"]) { $0.tensors[1].data = [1, 2, 3] },
    Corruption("overlap", ["'second'", "overlaps", "'first'"]) { $0.tensors[1].offset = 96 },
    Corruption("the same place", ["overlaps"]) { $0.tensors[1].offset = 0 },
  ]

  /// Types that ggml knows and Martlet does not read, by number.
  static let unsupportedTypes: [(UInt32, String)] = [
    (9, "Q8_1"), (10, "Q2_K"), (11, "Q3_K"), (15, "Q8_K"), (16, "IQ2_XXS"), (17, "IQ2_XS"), (18, "IQ3_XXS"),
    (19, "IQ1_S"), (20, "IQ4_NL"), (21, "IQ3_S"), (22, "IQ2_S"), (23, "IQ4_XS"), (24, "I8"), (25, "I16"),
    (28, "F64"), (29, "IQ1_M"), (34, "TQ1_0"), (35, "TQ2_0"), (39, "MXFP4"),
  ]
}

@Suite("GGUF: damaged and hostile files")
struct GGUFHostileTests {
  @Test("is an error that says what is wrong", arguments: Corruption.all)
  func corruption(_ corruption: Corruption) throws {
    let file = try TemporaryFile(corruption.bytes)
    let error = #expect(throws: GGUFError.self) { try GGUFFile(path: file.path) }
    let text = error?.description ?? ""
    #expect(error?.kind == corruption.kind)
    #expect(text.hasPrefix(file.path + ": "))
    for fragment in corruption.fragments { #expect(text.contains(fragment), "\(text)") }
  }

  @Test("a tensor type that is not read is named", arguments: Corruption.unsupportedTypes)
  func unsupported(number: UInt32, name: String) throws {
    let corruption = Corruption(name, []) { $0.tensors[1].type = number }
    let file = try TemporaryFile(corruption.bytes)
    let error = #expect(throws: GGUFError.self) { try GGUFFile(path: file.path) }
    #expect(error?.kind == .unsupported)
    #expect(error?.message.contains("'second' has type \(name),") == true, "\(error?.message ?? "")")
    #expect(error?.message.contains("supported are F32, F16") == true)
  }

  @Test("what is no file is told apart")
  func noFile() throws {
    let folder = FileManager.default.temporaryDirectory.path
    let missing = #expect(throws: GGUFError.self) { try GGUFFile(path: folder + "/martlet-no-such-file.gguf") }
    #expect(missing?.kind == .fileNotFound)
    #expect(missing?.message == "no such file")
    #expect(throws: GGUFError(.unreadable, path: folder, "is a folder, not a file")) { try GGUFFile(path: folder) }
    #expect(#expect(throws: GGUFError.self) { try GGUFFile(path: "/dev/null") }?.kind == .unreadable)
    let empty = try TemporaryFile([])
    #expect(throws: GGUFError(.malformed, path: empty.path, "is empty (0 bytes)")) { try GGUFFile(path: empty.path) }
  }

  @Test("a file cut off at any byte is an error, or complete")
  func truncation() throws {
    let builder = GGUFBuilder.sample
    let bytes = builder.bytes
    // Only zeroes that pad the last tensor may be missing.
    let complete = bytes.count - (32 - builder.tensors[2].data.count % 32)
    let file = try TemporaryFile(bytes)
    for length in (1...bytes.count).reversed() {
      try file.truncate(to: length)
      do throws(GGUFError) {
        let opened = try GGUFFile(path: file.path)
        #expect(length >= complete)
        readEverything(opened)
      } catch {
        #expect(length < complete, "\(error)")
        #expect(error.kind == .malformed)
      }
    }
  }

  @Test("bytes changed at random never crash")
  func flips() throws {
    let bytes = GGUFBuilder.sample.bytes
    let headerSize = GGUFBuilder.sample.header.count
    var random = SplitMix64(state: 20)
    let file = try TemporaryFile(bytes)
    var accepted = 0
    for _ in 0..<10_000 {
      let position = Int.random(in: 0..<headerSize, using: &random)
      let count = Int.random(in: 1...min(8, bytes.count - position), using: &random)
      try file.write((0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }, at: position)
      if let opened = try? GGUFFile(path: file.path) {
        accepted += 1
        readEverything(opened)
      }
      try file.write(bytes[position..<position + count], at: position)
    }
    // Changes inside strings and numbers are no errors: the loop has reached the readers behind the checks.
    #expect(accepted > 100 && accepted < 10_000)
  }

  @Test("a file that changes under the map gives other values, never memory outside it")
  func changedUnderMap() throws {
    let bytes = GGUFBuilder.sample.bytes
    let file = try TemporaryFile(bytes)
    let opened = try GGUFFile(path: file.path)
    try file.write([UInt8](repeating: 0xFF, count: bytes.count), at: 0)
    readEverything(opened)
    try file.write([UInt8](repeating: 0, count: bytes.count), at: 0)
    readEverything(opened)
  }

  /// Touches all that a file offers.
  private func readEverything(_ file: GGUFFile) {
    var sum = 0
    func read(_ value: GGUFValue) {
      switch value {
      case .string(let string): sum &+= string.text?.utf8.count ?? string.withBytes { $0.count }
      case .array(let array):
        for element in array { read(element) }
        if array.elementType == .string { array.forEachString { sum &+= $0 &+ $1.count } }
      default: sum &+= value.integer ?? 0
      }
    }
    for entry in file.metadata.entries { read(entry.value) }
    for tensor in file.tensors { sum &+= file.bytes(of: tensor).reduce(0) { $0 &+ Int($1) } }
    #expect(sum != .min)
  }
}

/// A small generator with a seed, so that a failure can be repeated (Steele, Lea and Flood, 2014).
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
