package import MartletRuntime

/// A GGUF file (versions 2 and 3, little-endian), mapped into memory.
///
/// Opening reads the header only and checks all of it: after that every key, array and tensor lies inside the file.
/// Nothing is allocated by a number that the file merely claims. The format is that of ggml's GGUF specification.
/// Values, arrays and tensor bytes are views; they, or this object, keep the mapping alive.
package final class GGUFFile: Sendable {
  /// The mapped file. A weight that is used in place keeps this object.
  package let mapping: MappedFile
  /// The format's version: 2 or 3.
  package let version: Int
  package let metadata: GGUFMetadata
  /// The tensors in the file's order.
  package let tensors: [GGUFTensorInfo]
  /// What tensor data is aligned to, in bytes: a power of two.
  package let alignment: Int
  /// Where the data section begins. In a file without tensors this may be the file's end or beyond.
  package let dataStart: Int

  private let positions: [String: Int]

  private static let keyLimit = 65_535
  /// Real files have some dozens of keys and at most a few thousand tensors. The limits keep what a hostile header
  /// can make Martlet allocate within a few megabytes.
  private static let metadataLimit = 8192
  private static let tensorLimit = 16_384
  private static let defaultAlignment = 32
  private static let alignmentKey = "general.alignment"

  package var path: String { mapping.path }

  /// Maps the file at `path` and reads its header.
  ///
  /// - Throws: `GGUFError` of kind `.fileNotFound` if there is no such file, and of other kinds for whatever is wrong
  ///   with it.
  package convenience init(path: String) throws(GGUFError) {
    let mapping: MappedFile
    do {
      mapping = try MappedFile(path: path)
    } catch {
      throw GGUFError(error)
    }
    try self.init(mapping)
  }

  /// Reads the header of a file that is mapped, or in memory.
  ///
  /// - Throws: `GGUFError` for whatever is wrong with it.
  package init(_ mapping: MappedFile) throws(GGUFError) {
    self.mapping = mapping
    var cursor = GGUFCursor(mapping)
    version = try Self.readVersion(&cursor)
    let tensorCount = try cursor.count(
      of: "tensors", minimumBytes: GGUFTensorInfo.minimumDescriptionSize, limit: Self.tensorLimit)
    // A key takes its length, one byte, the value's type and a value of one byte.
    let keyCount = try cursor.count(of: "metadata keys", minimumBytes: 8 + 1 + 4 + 1, limit: Self.metadataLimit)
    metadata = try Self.readMetadata(&cursor, count: keyCount)
    alignment = try Self.alignment(metadata)

    var descriptions: [GGUFTensorInfo.Description] = []
    var positions: [String: Int] = [:]
    for index in 0..<tensorCount {
      let tensor = try GGUFTensorInfo.description(&cursor, index: index)
      if let first = positions.updateValue(index, forKey: tensor.name) {
        throw cursor.failure(
          "tensor \(quoted(tensor.name)) is listed twice, as tensor \(first) and tensor \(index)", at: tensor.position)
      }
      descriptions.append(tensor)
    }
    self.positions = positions
    // The header ends inside a mapped file, so rounding up to an alignment of 32 bits cannot overflow.
    dataStart = (cursor.offset + alignment - 1) & ~(alignment - 1)
    tensors = try GGUFTensorInfo.place(descriptions, in: cursor, dataStart: dataStart, alignment: alignment)
  }

  /// The tensor of this name, or nil.
  package func tensor(named name: String) -> GGUFTensorInfo? {
    positions[name].map { tensors[$0] }
  }

  /// The tensor of this name; an error that names it if there is none.
  package func requiredTensor(named name: String) throws(GGUFError) -> GGUFTensorInfo {
    guard let tensor = tensor(named: name) else {
      throw GGUFError(
        .missing, path: path, "there is no tensor \(quoted(name)) among the \(tensors.count) of the file")
    }
    return tensor
  }

  /// The data of a tensor of this file, as it stands there: valid while this object, or its `mapping`, lives.
  package func bytes(of tensor: GGUFTensorInfo) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: mapping.bytes[tensor.byteRange])
  }

  private static func readVersion(_ cursor: inout GGUFCursor) throws(GGUFError) -> Int {
    let start = cursor.file.bytes.prefix(4)
    guard start.elementsEqual("GGUF".utf8) else {
      throw cursor.failure(
        "is not a GGUF file: it begins with \(hexadecimal(start))\(ForeignFile.hint(cursor.file.bytes))")
    }
    try cursor.skip(4, "the magic number")
    let position = cursor.offset
    let version = try cursor.number(UInt32.self, "the version")
    switch version {
    case 2, 3:
      return Int(version)
    case 1:
      throw cursor.failure(
        "GGUF version 1 is not supported (2 and 3 are): convert the model again", kind: .unsupported, at: position)
    case _ where version.byteSwapped <= 0xFFFF && version != 0:
      throw cursor.failure(
        "is a big-endian GGUF file (version \(version.byteSwapped)); Martlet reads little-endian files only",
        kind: .unsupported, at: position)
    default:
      throw cursor.failure("GGUF version \(version) is not known (2 and 3 are)", kind: .unsupported, at: position)
    }
  }

  private static func hexadecimal(_ bytes: Slice<UnsafeRawBufferPointer>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ") + ", not 'GGUF'"
  }

  private static func readMetadata(_ cursor: inout GGUFCursor, count: Int) throws(GGUFError) -> GGUFMetadata {
    var metadata = GGUFMetadata(path: cursor.file.path)
    for index in 0..<count {
      let position = cursor.offset
      let key = try cursor.name("the name of key \(index)", limit: keyLimit)
      let value = try GGUFValue(&cursor, "the value at \(quoted(key))")
      guard metadata.append(key, value) else {
        throw cursor.failure("key \(quoted(key)) appears twice", at: position)
      }
    }
    return metadata
  }

  private static func alignment(_ metadata: GGUFMetadata) throws(GGUFError) -> Int {
    guard let alignment = try metadata.integer(alignmentKey) else { return defaultAlignment }
    // The specification wants a multiple of 8; data in place needs one too, for 64-bit integers.
    guard alignment >= 8, alignment <= Int(UInt32.max), alignment.nonzeroBitCount == 1 else {
      throw GGUFError(
        .malformed, path: metadata.path,
        "the alignment at \(quoted(alignmentKey)) is \(alignment); it must be a power of two from 8 to 2^31")
    }
    return alignment
  }
}

extension GGUFValue {
  /// Reads the type of a value and the value.
  fileprivate init(_ cursor: inout GGUFCursor, _ what: @autoclosure () -> String) throws(GGUFError) {
    switch try GGUFValueType(&cursor, "the type of \(what())") {
    case .uint8: self = .uint8(try cursor.number(UInt8.self, what()))
    case .int8: self = .int8(try cursor.number(Int8.self, what()))
    case .uint16: self = .uint16(try cursor.number(UInt16.self, what()))
    case .int16: self = .int16(try cursor.number(Int16.self, what()))
    case .uint32: self = .uint32(try cursor.number(UInt32.self, what()))
    case .int32: self = .int32(try cursor.number(Int32.self, what()))
    case .uint64: self = .uint64(try cursor.number(UInt64.self, what()))
    case .int64: self = .int64(try cursor.number(Int64.self, what()))
    case .float32: self = .float32(try cursor.number(Float.self, what()))
    case .float64: self = .float64(try cursor.number(Double.self, what()))
    case .bool:
      let byte = try cursor.number(UInt8.self, what())
      guard byte <= 1 else {
        throw cursor.failure("\(what()) is no bool: \(byte) is neither 0 nor 1", at: cursor.offset - 1)
      }
      self = .bool(byte == 1)
    case .string: self = .string(GGUFString(file: cursor.file, range: try cursor.string(what())))
    case .array: self = .array(try GGUFArray(&cursor, what()))
    }
  }
}
