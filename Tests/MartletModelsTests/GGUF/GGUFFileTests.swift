import MartletModels
import MartletTensor
import MartletTestSupport
import Testing

@Suite("GGUF: what a right file gives")
struct GGUFFileTests {
  private func open(_ builder: GGUFBuilder) throws -> GGUFFile {
    // The mapping outlives the name in the file system.
    let file = try TemporaryFile(builder.bytes)
    return try GGUFFile(path: file.path)
  }

  @Test("every value type comes back, in versions 2 and 3", arguments: [2, 3] as [UInt32])
  func values(version: UInt32) throws {
    var builder = GGUFBuilder.sample
    builder.version = version
    let file = try open(builder)
    let metadata = file.metadata
    #expect(file.version == Int(version))
    #expect(metadata.entries.map(\.key) == builder.metadata.map(\.key))
    #expect(metadata.entries.map(\.value.type.rawValue) == builder.metadata.map(\.value.type))

    let integers = ["u8": 200, "i8": -100, "u16": 60000, "i16": -30000, "u32": 4_000_000_000, "i32": -2_000_000_000]
    for (key, value) in integers { #expect(try metadata.integer(key) == value) }
    #expect(try metadata.requiredInteger("u64") == 1 << 40)
    #expect(try metadata.requiredInteger("i64") == -1 << 40)
    #expect(try metadata.requiredFloat("f32") == Double(Float(0.1)))
    #expect(try metadata.requiredFloat("f64") == 0.1)
    #expect(try metadata.float("u16") == 60000)
    #expect(try metadata.requiredBool("yes"))
    #expect(try metadata.bool("no") == false)
    #expect(try metadata.requiredString("text") == "naïve 鳥")
    #expect(try metadata.string("empty") == "")
    #expect(try metadata.string("absent") == nil)
    #expect(try metadata.integer("absent") == nil)
  }

  @Test("arrays are read where they stand")
  func arrays() throws {
    let metadata = try open(.sample).metadata
    let strings = try metadata.requiredStrings("strings")
    let expected = (0..<70).map { String(repeating: "x", count: $0 % 7) + "\($0)" }
    #expect(strings.count == 70)
    var walked: [String] = []
    strings.forEachString { index, bytes in
      #expect(index == walked.count)
      walked.append(String(decoding: bytes, as: UTF8.self))
    }
    #expect(walked == expected)
    // In any order, across the noted places.
    for index in [0, 69, 31, 32, 33, 63, 64, 1] {
      #expect(strings.withString(at: index) { String(decoding: $0, as: UTF8.self) } == expected[index])
    }
    let values = strings.compactMap { value -> String? in
      guard case .string(let string) = value else { return nil }
      return string.text
    }
    #expect(values == expected)

    #expect(try metadata.numbers("floats", as: Float.self).map(Array.init) == [1, -2.5])
    #expect(try metadata.numbers("integers", as: Int32.self).map(Array.init) == [3, -4, 5])
    #expect(try metadata.integers("integers") == [3, -4, 5])
    #expect(try metadata.array("flags")?.map(\.bool) == [true, false])
    #expect(try metadata.array("nothing")?.isEmpty == true)
    #expect(try metadata.integers("nothing") == [])

    let nested = try #require(try metadata.array("nested"))
    #expect(nested.count == 40)
    for index in [0, 39, 31, 32, 7] {
      guard case .array(let outer) = nested[index], case .array(let numbers) = outer[0],
        case .array(let names) = outer[1]
      else {
        Issue.record("element \(index) holds no arrays")
        continue
      }
      #expect(numbers.map(\.integer) == [index])
      #expect(names.withString(at: 0) { Array($0) } == Array("n".utf8))
    }
  }

  @Test("tensors have row-major shapes and their own bytes")
  func tensors() throws {
    let builder = GGUFBuilder.sample
    let file = try open(builder)
    #expect(file.alignment == 32)
    #expect(file.dataStart % 32 == 0)
    #expect(file.tensors.map(\.name) == builder.tensors.map(\.name))
    #expect(file.tensors.map(\.shape) == [[3, 32], [5], [4, 3, 2]])
    #expect(file.tensors.map(\.type) == [.q8_0, .f32, .f16])
    for (tensor, made) in zip(file.tensors, builder.tensors) {
      #expect(Array(file.bytes(of: tensor)) == made.data)
      #expect(tensor.byteRange.lowerBound % 32 == 0)
      #expect(file.tensor(named: tensor.name) == tensor)
    }
    #expect(file.tensors[2].elementCount == 24)
    #expect(file.tensor(named: "absent") == nil)
    #expect(throws: GGUFError.self) { try file.requiredTensor(named: "absent") }
  }

  @Test("another alignment, and gaps between tensors, are allowed")
  func alignment() throws {
    var builder = GGUFBuilder()
    builder.alignment = 256
    builder.metadata = [("general.alignment", .uint32(256))]
    builder.tensors = [.init("a", [4], bytes: 16, offset: 256), .init("b", [4], bytes: 16, offset: 0)]
    let file = try open(builder)
    #expect(file.alignment == 256)
    #expect(file.tensors.map { $0.byteRange.lowerBound - file.dataStart } == [256, 0])
  }

  @Test("a file of metadata alone needs no data section")
  func metadataOnly() throws {
    var builder = GGUFBuilder()
    builder.metadata = [("general.architecture", .string("llama"))]
    let file = try TemporaryFile(builder.header)
    #expect(try GGUFFile(path: file.path).metadata.requiredString("general.architecture") == "llama")
  }

  @Test(
    "a value of another type is an error that names key, type and what was wanted",
    arguments: [
      ("text", "'text' is string of 10 bytes, not an integer"), ("f32", "'f32' is float32 0.1, not an integer"),
      ("floats", "'floats' is array of 2 float32, not an integer"), ("yes", "'yes' is bool true, not an integer"),
      ("huge", "'huge' is uint64 18446744073709551615, not an integer below 2^63"),
      ("absent", "no key 'absent'"),
    ])
  func wrongType(key: String, fragment: String) throws {
    var builder = GGUFBuilder.sample
    builder.metadata.append(("huge", .uint64(.max)))
    let metadata = try open(builder).metadata
    let error = #expect(throws: GGUFError.self) { try metadata.requiredInteger(key) }
    #expect(error?.message.contains(fragment) == true, "\(error?.message ?? "")")
    #expect(error?.kind == (key == "absent" ? .missing : .wrongType))
    // A key that is optional is not a licence to ignore what it holds.
    if key != "absent" { #expect(throws: GGUFError.self) { try metadata.integer(key) } }
  }

  @Test("the other accessors refuse other types too")
  func otherAccessors() throws {
    let metadata = try open(.sample).metadata
    #expect(throws: GGUFError.self) { try metadata.string("u8") }
    #expect(throws: GGUFError.self) { try metadata.bool("u8") }
    #expect(throws: GGUFError.self) { try metadata.float("text") }
    #expect(throws: GGUFError.self) { try metadata.strings("floats") }
    #expect(throws: GGUFError.self) { try metadata.array("u8") }
    #expect(throws: GGUFError.self) { try metadata.integers("floats") }
    #expect(throws: GGUFError.self) { try metadata.numbers("floats", as: Double.self) }
    #expect(throws: GGUFError.self) { try metadata.requiredString("absent") }
    #expect(throws: GGUFError.self) { try metadata.requiredFloat("absent") }
    #expect(throws: GGUFError.self) { try metadata.requiredBool("absent") }
    #expect(throws: GGUFError.self) { try metadata.requiredStrings("absent") }
  }
}
