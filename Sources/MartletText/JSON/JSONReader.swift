/// Reads JSON (RFC 8259) piece by piece, without building a tree: the caller asks for what it expects next. Made for files
/// of tens of megabytes that are nearly all strings, such as `tokenizer.json`: strings without escapes are handed out
/// where they lie.
///
/// Strings are checked to be UTF-8. A `\u` escape of half a surrogate pair is refused, as Rust's `serde_json` does, which
/// reads these files for Hugging Face tokenizers.
struct JSONReader: ~Copyable {
  /// What a value is, by its first byte.
  enum Kind {
    case object, array, string, number, bool, null
  }

  /// How deep values may nest where the caller does not know them.
  static let deepest = 128

  let base: UnsafePointer<UInt8>
  let count: Int
  var index = 0
  let file: String
  /// Holds the last string that had escapes.
  private var scratch: UnsafeMutablePointer<UInt8>
  private var scratchCapacity = 256

  /// A reader of `bytes`, which stay where they are while it lives; `file` is their name in errors.
  init(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(TextError) {
    guard let base = bytes.baseAddress else { throw .malformedJSON(file: file, offset: 0, reason: "is empty") }
    self.base = base
    self.file = file
    count = bytes.count
    scratch = .allocate(capacity: scratchCapacity)
  }

  deinit { scratch.deallocate() }

  /// The error for `reason` here.
  func failure(_ reason: String) -> TextError { .malformedJSON(file: file, offset: index, reason: reason) }

  // MARK: Structure

  /// What comes next.
  mutating func kind() throws(TextError) -> Kind {
    switch try next() {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    default: throw failure("has no value where one is expected")
    }
  }

  /// Enters an object.
  mutating func beginObject() throws(TextError) { try expect(UInt8(ascii: "{"), "an object") }

  /// Enters an array.
  mutating func beginArray() throws(TextError) { try expect(UInt8(ascii: "["), "an array") }

  /// The next key of the object entered, which is valid until the next call, or nil after the last; then the object is
  /// left.
  /// - Parameter isFirst: Whether no key was read yet; false on return.
  mutating func nextKey(_ isFirst: inout Bool) throws(TextError) -> UnsafeBufferPointer<UInt8>? {
    guard try more(&isFirst, end: UInt8(ascii: "}")) else { return nil }
    let key = try string()
    try expect(UInt8(ascii: ":"), "a colon after a key")
    return key
  }

  /// Whether the array entered has another element; if not, it is left.
  /// - Parameter isFirst: Whether no element was read yet; false on return.
  mutating func nextElement(_ isFirst: inout Bool) throws(TextError) -> Bool {
    try more(&isFirst, end: UInt8(ascii: "]"))
  }

  /// Makes sure that nothing but white space follows.
  mutating func end() throws(TextError) {
    skipSpace()
    if index != count { throw failure("goes on after its end") }
  }

  private mutating func more(_ isFirst: inout Bool, end: UInt8) throws(TextError) -> Bool {
    let byte = try next()
    if byte == end {
      index += 1
      return false
    }
    if isFirst {
      isFirst = false
    } else {
      guard byte == UInt8(ascii: ",") else { throw failure("has no comma between two values") }
      index += 1
    }
    return true
  }

  @inline(__always)
  private mutating func skipSpace() {
    while index < count {
      let byte = base[index]
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      index += 1
    }
  }

  /// The first byte of what comes next, which stays.
  @inline(__always)
  private mutating func next() throws(TextError) -> UInt8 {
    skipSpace()
    guard index < count else { throw failure("ends early") }
    return base[index]
  }

  @inline(__always)
  private mutating func expect(_ byte: UInt8, _ what: String) throws(TextError) {
    guard try next() == byte else { throw failure("lacks \(what)") }
    index += 1
  }

  // MARK: Scalars

  /// A string, valid until the next call.
  mutating func string() throws(TextError) -> UnsafeBufferPointer<UInt8> {
    try expect(UInt8(ascii: "\""), "a string")
    let start = index
    var isASCII: UInt8 = 0
    while index < count {
      let byte = base[index]
      if byte == UInt8(ascii: "\"") {
        let string = UnsafeBufferPointer(start: base + start, count: index - start)
        if isASCII >= 0x80 { try checkUTF8(string) }
        index += 1
        return string
      }
      if byte == UInt8(ascii: "\\") { return try escapedString(from: start) }
      if byte < 0x20 { throw failure("has a control character in a string") }
      isASCII |= byte
      index += 1
    }
    throw failure("ends within a string")
  }

  /// The rest of a string at its first escape.
  private mutating func escapedString(from start: Int) throws(TextError) -> UnsafeBufferPointer<UInt8> {
    var written = 0
    reserve(index - start)
    for place in start..<index {
      scratch[written] = base[place]
      written += 1
    }
    while index < count {
      let byte = base[index]
      reserve(written + 4)
      index += 1
      switch byte {
      case UInt8(ascii: "\""):
        let string = UnsafeBufferPointer(start: UnsafePointer(scratch), count: written)
        try checkUTF8(string)
        return string
      case UInt8(ascii: "\\"):
        for unit in UTF8.encode(try escape()) ?? UTF8.encodedReplacementCharacter {
          scratch[written] = unit
          written += 1
        }
      case 0..<0x20:
        throw failure("has a control character in a string")
      default:
        scratch[written] = byte
        written += 1
      }
    }
    throw failure("ends within a string")
  }

  private mutating func reserve(_ needed: Int) {
    guard needed > scratchCapacity else { return }
    let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: 2 * needed)
    larger.update(from: scratch, count: scratchCapacity)
    scratch.deallocate()
    scratch = larger
    scratchCapacity = 2 * needed
  }

  /// The scalar that the escape after a backslash stands for.
  private mutating func escape() throws(TextError) -> Unicode.Scalar {
    guard index < count else { throw failure("ends within a string") }
    let byte = base[index]
    index += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      if let scalar = Unicode.Scalar(unit) { return scalar }
      guard unit < 0xDC00, index + 1 < count, base[index] == UInt8(ascii: "\\"), base[index + 1] == UInt8(ascii: "u")
      else { throw failure("has half a surrogate pair") }
      index += 2
      let low = try hexadecimal()
      guard (0xDC00..<0xE000).contains(low),
        let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
      else { throw failure("has half a surrogate pair") }
      return scalar
    default: throw failure("has an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(TextError) -> UInt32 {
    guard index + 4 <= count else { throw failure("ends within a string") }
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let digit = Character(Unicode.Scalar(base[index])).hexDigitValue else {
        throw failure("has a wrong escape")
      }
      value = value << 4 | UInt32(truncatingIfNeeded: digit)
      index += 1
    }
    return value
  }

  private func checkUTF8(_ string: UnsafeBufferPointer<UInt8>) throws(TextError) {
    if !UTF8Repair.isValid(string) { throw failure("has a string that is not UTF-8") }
  }

  /// An integer.
  mutating func integer() throws(TextError) -> Int {
    let first = try next()
    let start = index
    let isNegative = first == UInt8(ascii: "-")
    if isNegative { index += 1 }
    var value = 0
    let firstDigit = index
    while index < count, base[index] &- 0x30 < 10 {
      let (shifted, high) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = shifted.addingReportingOverflow(Int(base[index] &- 0x30))
      guard !high, !carry else { throw failure("has an integer beyond 64 bits") }
      value = sum
      index += 1
    }
    let isFraction = index < count && (base[index] == 0x2E || base[index] | 0x20 == UInt8(ascii: "e"))
    if index == firstDigit || isFraction {
      index = start
      throw failure("lacks an integer")
    }
    return isNegative ? -value : value
  }

  /// `true` or `false`.
  mutating func bool() throws(TextError) -> Bool {
    let isTrue = try next() == UInt8(ascii: "t")
    try word(isTrue ? "true" : "false")
    return isTrue
  }

  /// `null`.
  mutating func null() throws(TextError) {
    _ = try next()
    try word("null")
  }

  private mutating func word(_ word: StaticString) throws(TextError) {
    let length = word.utf8CodeUnitCount
    guard count - index >= length, ByteHash.isEqual(base + index, word.utf8Start, length) else {
      throw failure("has an unknown word")
    }
    index += length
  }
}
