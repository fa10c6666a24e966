internal import MartletRuntime

/// The type of a metadata value, numbered as in the GGUF specification.
package enum GGUFValueType: UInt32, Sendable, CaseIterable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// The specification's name, for messages and listings.
  package var name: String { String(describing: self) }

  /// Bytes of one value, or nil where the length is part of the value.
  var fixedSize: Int? {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: nil
    }
  }

  /// The least bytes that one value takes: a string has its length, an array its element type and count.
  var minimumSize: Int {
    switch self {
    case .string: 8
    case .array: 12
    default: fixedSize ?? 1
    }
  }
}

/// A plain number that GGUF metadata holds, singly or as the elements of an array.
package protocol GGUFNumber: BitwiseCopyable, Sendable {
  static var valueType: GGUFValueType { get }
}

// GGUF is little-endian and so is every machine that Martlet runs on: numbers are loaded as they stand.
extension UInt8: GGUFNumber { package static var valueType: GGUFValueType { .uint8 } }
extension Int8: GGUFNumber { package static var valueType: GGUFValueType { .int8 } }
extension UInt16: GGUFNumber { package static var valueType: GGUFValueType { .uint16 } }
extension Int16: GGUFNumber { package static var valueType: GGUFValueType { .int16 } }
extension UInt32: GGUFNumber { package static var valueType: GGUFValueType { .uint32 } }
extension Int32: GGUFNumber { package static var valueType: GGUFValueType { .int32 } }
extension Float: GGUFNumber { package static var valueType: GGUFValueType { .float32 } }
extension UInt64: GGUFNumber { package static var valueType: GGUFValueType { .uint64 } }
extension Int64: GGUFNumber { package static var valueType: GGUFValueType { .int64 } }
extension Double: GGUFNumber { package static var valueType: GGUFValueType { .float64 } }

/// One metadata value. Strings and arrays are views on the mapped file, which they keep alive.
package enum GGUFValue: Sendable {
  case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32)
  case uint64(UInt64), int64(Int64)
  case float32(Float), float64(Double)
  case bool(Bool)
  case string(GGUFString)
  case array(GGUFArray)

  package var type: GGUFValueType {
    switch self {
    case .uint8: .uint8
    case .int8: .int8
    case .uint16: .uint16
    case .int16: .int16
    case .uint32: .uint32
    case .int32: .int32
    case .uint64: .uint64
    case .int64: .int64
    case .float32: .float32
    case .float64: .float64
    case .bool: .bool
    case .string: .string
    case .array: .array
    }
  }

  /// The value of any integer type, if it fits an `Int`.
  package var integer: Int? {
    switch self {
    case .uint8(let value): Int(value)
    case .int8(let value): Int(value)
    case .uint16(let value): Int(value)
    case .int16(let value): Int(value)
    case .uint32(let value): Int(value)
    case .int32(let value): Int(value)
    case .uint64(let value): Int(exactly: value)
    case .int64(let value): Int(value)
    case .float32, .float64, .bool, .string, .array: nil
    }
  }

  /// The value of any floating-point type, exact; an integer too where it is exact.
  package var float: Double? {
    switch self {
    case .float32(let value): Double(value)
    case .float64(let value): value
    case .uint64(let value): Double(exactly: value)
    default: integer.flatMap { Double(exactly: $0) }
    }
  }

  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  /// What a message says about a value of the wrong type: the type, and the value where it is short.
  var summary: String {
    switch self {
    case .uint64(let value): "uint64 \(value)"
    case .float32(let value): "float32 \(value)"
    case .float64(let value): "float64 \(value)"
    case .bool(let value): "bool \(value)"
    case .string(let value): "string of \(value.count) bytes"
    case .array(let value): "array of \(value.count) \(value.elementType.name)"
    default: "\(type.name) \(integer ?? 0)"
    }
  }
}

/// A string as it stands in the file: bytes that are meant to be UTF-8.
package struct GGUFString: Sendable {
  let file: MappedFile
  let range: Range<Int>

  /// Length in bytes.
  package var count: Int { range.count }

  /// The string, or nil if the bytes are not UTF-8.
  package var text: String? { String(validating: file.bytes[range], as: UTF8.self) }

  /// Calls `body` with the bytes, which are valid during the call only.
  package func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(rebasing: file.bytes[range]))
  }
}
