extension JSONReader {
  /// A number.
  ///
  /// Rounded as `serde_json` does without its feature `float_roundtrip`: the digits that fit 64 bits as an integer, then
  /// one multiplication or division by a power of ten. This may be the second nearest `Double`, but scores of Unigram
  /// models are read like this by Hugging Face tokenizers, and which of two equally good spellings wins hangs on the last
  /// bit.
  mutating func number() throws(TextError) -> Double {
    guard try kind() == .number else { throw failure("lacks a number") }
    let isNegative = base[index] == UInt8(ascii: "-")
    if isNegative { index += 1 }
    var significand: UInt64 = 0
    var exponent = 0
    var isFull = false
    try digits { digit in
      if !isFull && Self.append(digit, to: &significand) { return }
      isFull = true
      exponent += 1
    }
    if index < count, base[index] == UInt8(ascii: ".") {
      index += 1
      try digits { digit in
        if !isFull && Self.append(digit, to: &significand) { exponent -= 1 } else { isFull = true }
      }
    }
    if index < count, base[index] | 0x20 == UInt8(ascii: "e") { exponent += try readExponent() }
    let value = Self.scaled(significand, by: exponent)
    guard let value else { throw failure("has a number beyond the range of Double") }
    return isNegative ? -value : value
  }

  /// Calls `body` with each of at least one digit.
  private mutating func digits(_ body: (UInt64) -> Void) throws(TextError) {
    let start = index
    while index < count, base[index] &- 0x30 < 10 {
      body(UInt64(base[index] &- 0x30))
      index += 1
    }
    if index == start { throw failure("lacks a digit") }
  }

  private static func append(_ digit: UInt64, to significand: inout UInt64) -> Bool {
    let (shifted, high) = significand.multipliedReportingOverflow(by: 10)
    let (sum, carry) = shifted.addingReportingOverflow(digit)
    if high || carry { return false }
    significand = sum
    return true
  }

  private mutating func readExponent() throws(TextError) -> Int {
    index += 1
    guard index < count else { throw failure("lacks a digit") }
    let isNegative = base[index] == UInt8(ascii: "-")
    if isNegative || base[index] == UInt8(ascii: "+") { index += 1 }
    var exponent = 0
    // Beyond this every number is zero or out of range; the digits that follow change nothing.
    try digits { exponent = min(exponent * 10 + Int($0), 1 << 32) }
    return isNegative ? -exponent : exponent
  }

  private static let powersOfTen: [Double] = (0...308).map { Double("1e\($0)") ?? .infinity }

  /// `significand` times ten to `exponent`, or nil if that is out of range.
  private static func scaled(_ significand: UInt64, by exponent: Int) -> Double? {
    let powers = powersOfTen
    var value = Double(significand)
    if value == 0 { return 0 }
    var exponent = exponent
    while exponent < -308 && value != 0 {
      value /= powers[308]
      exponent += 308
    }
    if value == 0 { return 0 }
    if exponent < 0 { return value / powers[-exponent] }
    guard exponent <= 308 else { return nil }
    value *= powers[exponent]
    return value.isFinite ? value : nil
  }
}
