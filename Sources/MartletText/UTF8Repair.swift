/// Turning bytes into text as Python's `bytes.decode("utf-8", errors="replace")` and Unicode's recommendation do:
/// each maximal part of an ill-formed sequence becomes one U+FFFD.
package enum UTF8Repair {
  static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

  /// What stands at the start of some bytes.
  enum Prefix: Equatable {
    /// A whole character of so many bytes.
    case character(Int)
    /// So many bytes that no continuation can make a character.
    case invalid(Int)
    /// The beginning of a character whose rest is yet to come.
    case incomplete
  }

  /// Looks at the first bytes of `bytes`, which is not empty (Unicode 16, table 3-7).
  static func prefix(of bytes: some BidirectionalCollection<UInt8>) -> Prefix {
    var index = bytes.startIndex
    let first = bytes[index]
    if first < 0x80 { return .character(1) }
    let length: Int
    var second: ClosedRange<UInt8> = 0x80...0xBF
    switch first {
    case 0xC2...0xDF: length = 2
    case 0xE0...0xEF:
      length = 3
      if first == 0xE0 { second = 0xA0...0xBF }
      if first == 0xED { second = 0x80...0x9F }
    case 0xF0...0xF4:
      length = 4
      if first == 0xF0 { second = 0x90...0xBF }
      if first == 0xF4 { second = 0x80...0x8F }
    default: return .invalid(1)
    }
    for seen in 1..<length {
      bytes.formIndex(after: &index)
      if index == bytes.endIndex { return .incomplete }
      let allowed = seen == 1 ? second : 0x80...0xBF
      if !allowed.contains(bytes[index]) { return .invalid(seen) }
    }
    return .character(length)
  }

  /// The length of the incomplete character that `bytes` ends with, 0 if it ends otherwise.
  static func incompleteSuffix(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let start = bytes.count - length
      if bytes[start] & 0xC0 == 0x80 { continue }
      return prefix(of: bytes[start...]) == .incomplete ? length : 0
    }
    return 0
  }

  /// Whether `bytes` are UTF-8. Made for many short strings: nothing is allocated.
  static func isValid(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    var index = 0
    while index < bytes.count {
      if bytes[index] < 0x80 {
        index += 1
        continue
      }
      guard case .character(let length) = prefix(of: bytes[index...]) else { return false }
      index += length
    }
    return true
  }

  /// `bytes` with every ill-formed part replaced, or nil if there is none.
  static func repaired(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    guard String(validating: bytes, as: UTF8.self) == nil else { return nil }
    return repair(bytes)
  }

  /// `bytes` as text.
  package static func string(_ bytes: [UInt8]) -> String {
    if let string = String(validating: bytes, as: UTF8.self) { return string }
    return bytes.withUnsafeBufferPointer { String(decoding: repair($0), as: UTF8.self) }
  }

  private static func repair(_ bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count + 16)
    var rest = bytes[...]
    while !rest.isEmpty {
      switch prefix(of: rest) {
      case .character(let length):
        output.append(contentsOf: rest.prefix(length))
        rest = rest.dropFirst(length)
      case .invalid(let length):
        output.append(contentsOf: replacement)
        rest = rest.dropFirst(length)
      case .incomplete:
        output.append(contentsOf: replacement)
        rest = rest.dropFirst(rest.count)
      }
    }
    return output
  }
}
