internal import MartletRuntime

/// The metadata of a GGUF file that is being made: keys in order, values already encoded.
package struct GGUFHeader: Sendable {
  private struct Entry {
    let key: String
    var type: GGUFValueType
    var bytes: [UInt8]
  }

  private var entries: [Entry] = []
  private var positions: [String: Int] = [:]

  package init() {}

  /// The number of keys.
  package var count: Int { entries.count }

  /// Whether the key has a value.
  package func contains(_ key: String) -> Bool { positions[key] != nil }

  package mutating func set(_ key: String, _ value: some GGUFNumber) {
    set(key, type(of: value).valueType, withUnsafeBytes(of: value) { Array($0) })
  }

  package mutating func set(_ key: String, _ value: Bool) { set(key, .bool, [value ? 1 : 0]) }

  package mutating func set(_ key: String, _ value: String) {
    var bytes: [UInt8] = []
    Self.appendString(value.utf8, to: &bytes)
    set(key, .string, bytes)
  }

  /// Sets an array of numbers of one type.
  package mutating func set<Number: GGUFNumber>(_ key: String, numbers: [Number]) {
    let bytes = numbers.withUnsafeBytes { Array($0) }
    set(key, .array, Self.arrayHead(Number.valueType, numbers.count) + bytes)
  }

  /// Sets an array of strings, given as their bytes.
  package mutating func set(_ key: String, strings: some Collection<some Collection<UInt8>>) {
    var bytes = Self.arrayHead(.string, strings.count)
    for string in strings { Self.appendString(string, to: &bytes) }
    set(key, .array, bytes)
  }

  /// Takes a value over from another file as it stands there.
  package mutating func set(_ key: String, copying value: GGUFValue) {
    switch value {
    case .uint8(let number): set(key, number)
    case .int8(let number): set(key, number)
    case .uint16(let number): set(key, number)
    case .int16(let number): set(key, number)
    case .uint32(let number): set(key, number)
    case .int32(let number): set(key, number)
    case .uint64(let number): set(key, number)
    case .int64(let number): set(key, number)
    case .float32(let number): set(key, number)
    case .float64(let number): set(key, number)
    case .bool(let value): set(key, value)
    case .string(let string):
      var bytes: [UInt8] = []
      string.withBytes { Self.appendString($0, to: &bytes) }
      set(key, .string, bytes)
    case .array(let array):
      set(key, .array, Self.arrayHead(array.elementType, array.count) + array.file.bytes[array.range])
    }
  }

  private mutating func set(_ key: String, _ type: GGUFValueType, _ bytes: [UInt8]) {
    if let position = positions[key] {
      entries[position].type = type
      entries[position].bytes = bytes
    } else {
      positions[key] = entries.count
      entries.append(Entry(key: key, type: type, bytes: bytes))
    }
  }

  /// The keys and values as they stand in a file.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(entries.reduce(0) { $0 + $1.key.utf8.count + $1.bytes.count + 12 })
    for entry in entries {
      Self.appendString(entry.key.utf8, to: &bytes)
      Self.append(entry.type.rawValue, to: &bytes)
      bytes += entry.bytes
    }
    return bytes
  }

  private static func arrayHead(_ type: GGUFValueType, _ count: Int) -> [UInt8] {
    var bytes: [UInt8] = []
    append(type.rawValue, to: &bytes)
    append(UInt64(count), to: &bytes)
    return bytes
  }

  /// Appends a number; files are little-endian, as every machine is that Martlet runs on.
  static func append(_ number: some BitwiseCopyable, to bytes: inout [UInt8]) {
    withUnsafeBytes(of: number) { bytes += $0 }
  }

  /// Appends a string: its length, then its bytes.
  static func appendString(_ string: some Collection<UInt8>, to bytes: inout [UInt8]) {
    append(UInt64(string.count), to: &bytes)
    bytes += string
  }
}
