extension JSONValue {
  /// How deeply JSON may nest arrays and objects.
  static let nestingLimit = 128

  /// Reads one JSON text (RFC 8259). Keeps the order of keys and the difference between `1` and `1.0`; a repeated key
  /// takes the last value, as in Python.
  ///
  /// - Parameter roundsWideIntegers: makes whole numbers beyond 64 bits floating-point ones, for files that have such
  ///   numbers where nobody reads them: transformers writes a `model_max_length` of 10^30.
  /// - Throws: ``JSONError`` naming the byte offset, when the text is not JSON, nests more than
  ///   128 levels, holds a whole number beyond 64 bits, or escapes half a surrogate pair.
  package init(parsing bytes: some Sequence<UInt8>, roundsWideIntegers: Bool = false) throws(JSONError) {
    var parser = JSONParser(bytes: Array(bytes), roundsWideIntegers: roundsWideIntegers)
    self = try parser.parseDocument()
  }
}

/// A recursive-descent parser whose depth is bounded.
private struct JSONParser {
  let bytes: [UInt8]
  let roundsWideIntegers: Bool
  var offset = 0

  init(bytes: [UInt8], roundsWideIntegers: Bool) {
    self.bytes = bytes
    self.roundsWideIntegers = roundsWideIntegers
  }

  mutating func parseDocument() throws(JSONError) -> JSONValue {
    let value = try parseValue(depth: 0)
    skipSpace()
    guard offset == bytes.count else { throw failure("unexpected text after the value") }
    return value
  }

  private func failure(_ message: String) -> JSONError {
    JSONError(byte: offset, message: message)
  }

  private var current: UInt8? { offset < bytes.count ? bytes[offset] : nil }

  private mutating func skipSpace() {
    while let byte = current, byte == 0x20 || (0x09...0x0D).contains(byte) && byte != 0x0B && byte != 0x0C {
      offset += 1
    }
  }

  private mutating func accept(_ character: Unicode.Scalar) -> Bool {
    guard current == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func parseValue(depth: Int) throws(JSONError) -> JSONValue {
    skipSpace()
    switch current {
    case UInt8(ascii: "{"): return try parseObject(depth: depth)
    case UInt8(ascii: "["): return try parseArray(depth: depth)
    case UInt8(ascii: "\""): return .string(try parseString())
    case UInt8(ascii: "t"): return try parseWord("true", .bool(true))
    case UInt8(ascii: "f"): return try parseWord("false", .bool(false))
    case UInt8(ascii: "n"): return try parseWord("null", .null)
    case nil: throw failure("expected a value, found the end")
    default: return try parseNumber()
    }
  }

  private mutating func parseWord(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    let length = word.utf8CodeUnitCount
    let matches = word.withUTF8Buffer { bytes[offset...].starts(with: $0) }
    guard matches else { throw failure("expected '\(word)'") }
    offset += length
    return value
  }

  private mutating func enter(_ depth: Int) throws(JSONError) {
    guard depth < JSONValue.nestingLimit else {
      throw failure("nested more than \(JSONValue.nestingLimit) levels deep")
    }
    offset += 1
    skipSpace()
  }

  private mutating func parseArray(depth: Int) throws(JSONError) -> JSONValue {
    try enter(depth)
    var items: [JSONValue] = []
    if accept("]") { return .array(items) }
    while true {
      items.append(try parseValue(depth: depth + 1))
      skipSpace()
      if accept("]") { return .array(items) }
      guard accept(",") else { throw failure("expected ',' or ']'") }
    }
  }

  private mutating func parseObject(depth: Int) throws(JSONError) -> JSONValue {
    try enter(depth)
    var object = JSONObject()
    if accept("}") { return .object(object) }
    while true {
      skipSpace()
      guard current == UInt8(ascii: "\"") else { throw failure("expected a key in quotes") }
      let key = try parseString()
      skipSpace()
      guard accept(":") else { throw failure("expected ':'") }
      do {
        object.append(key, try parseValue(depth: depth + 1))
      } catch {
        throw JSONError(byte: error.byte, message: "\(key): \(error.message)")
      }
      skipSpace()
      if accept("}") { return .object(object) }
      guard accept(",") else { throw failure("expected ',' or '}'") }
    }
  }

  private mutating func parseNumber() throws(JSONError) -> JSONValue {
    let start = offset
    _ = accept("-")
    let whole = skipDigits()
    guard whole > 0 else { throw failure("expected a value") }
    let firstDigit = bytes[offset - whole]
    guard whole == 1 || firstDigit != UInt8(ascii: "0") else { throw failure("a number must not begin with 0") }
    var isFloat = false
    if accept(".") {
      isFloat = true
      guard skipDigits() > 0 else { throw failure("expected a digit after '.'") }
    }
    if accept("e") || accept("E") {
      isFloat = true
      _ = accept("+") || accept("-")
      guard skipDigits() > 0 else { throw failure("expected a digit in the exponent") }
    }
    let text = String(decoding: bytes[start..<offset], as: UTF8.self)
    if !isFloat, let number = Int(text) { return .int(number) }
    guard isFloat || roundsWideIntegers, let number = Double(text) else {
      throw failure("the number \(text.prefix(40)) does not fit 64 bits")
    }
    return .double(number)
  }

  private mutating func skipDigits() -> Int {
    let start = offset
    while let byte = current, (0x30...0x39).contains(byte) { offset += 1 }
    return offset - start
  }

  private mutating func parseString() throws(JSONError) -> String {
    offset += 1
    var text: [UInt8] = []
    while let byte = current {
      switch byte {
      case UInt8(ascii: "\""):
        offset += 1
        guard let string = String(validating: text, as: UTF8.self) else { throw failure("the text is not UTF-8") }
        return string
      case UInt8(ascii: "\\"):
        offset += 1
        let scalar = try parseEscape()
        text.append(contentsOf: UTF8.encode(scalar).unsafelyUnwrapped)
      case 0..<0x20: throw failure("a control character must be escaped")
      default:
        text.append(byte)
        offset += 1
      }
    }
    throw failure("the text has no closing quote")
  }

  private mutating func parseEscape() throws(JSONError) -> Unicode.Scalar {
    guard let byte = current else { throw failure("the text has no closing quote") }
    offset += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"): break
    default: throw failure("unknown escape")
    }
    let first = try parseHexadecimal()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, accept("\\"), accept("u") else { throw failure("half a surrogate pair") }
    let second = try parseHexadecimal()
    guard (0xDC00..<0xE000).contains(second) else { throw failure("half a surrogate pair") }
    let value = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00)
    guard let scalar = Unicode.Scalar(value) else { throw failure("half a surrogate pair") }
    return scalar
  }

  private mutating func parseHexadecimal() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw failure("expected four hexadecimal digits")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    return value
  }
}
