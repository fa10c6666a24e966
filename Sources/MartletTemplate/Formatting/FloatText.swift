#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Python's texts of floating-point numbers.
enum FloatText {
  /// The shortest text that reads back as the same number, laid out as Python's `repr` does: positional for decimal
  /// exponents from -4 to 15, always with a point or an exponent.
  static func shortest(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    var (digits, exponent) = decimalParts(of: value.magnitude)
    let sign = value.sign == .minus ? "-" : ""
    if value == 0 { return sign + "0.0" }
    if exponent < -4 || exponent >= 16 {
      let fraction = digits.count > 1 ? "." + digits.dropFirst() : ""
      let magnitude = String(exponent.magnitude)
      let padded = magnitude.utf8.count < 2 ? "0" + magnitude : magnitude
      return sign + String(digits.removeFirst()) + fraction + "e" + (exponent < 0 ? "-" : "+") + padded
    }
    if exponent < 0 {
      return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
    }
    if digits.count <= exponent + 1 {
      return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
    }
    return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
  }

  /// The shortest significant digits of a positive number, without zeros at either end, and the decimal exponent of
  /// the first one. Swift's own description finds the digits; only its layout differs from Python's.
  private static func decimalParts(of value: Double) -> (digits: String, exponent: Int) {
    var digits: [UInt8] = []
    var exponent = 0
    var pointAt: Int?
    var bytes = value.description.utf8[...]
    if let marker = bytes.firstIndex(of: UInt8(ascii: "e")) {
      exponent = Int(String(bytes[bytes.index(after: marker)...]) ?? "") ?? 0
      bytes = bytes[..<marker]
    }
    for byte in bytes {
      if byte == UInt8(ascii: ".") { pointAt = digits.count } else { digits.append(byte) }
    }
    exponent += (pointAt ?? digits.count) - 1
    let leadingZeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
    digits.removeFirst(leadingZeros)
    exponent -= leadingZeros
    while digits.last == UInt8(ascii: "0") { digits.removeLast() }
    return (String(decoding: digits, as: UTF8.self), exponent)
  }

  /// C's `printf` of one number with an explicit precision. `conversion` is one of `f`, `e`, `g` and their capitals.
  static func printf(_ value: Double, precision: Int, conversion: Character, alternate: Bool = false) -> String {
    let format = "%" + (alternate ? "#" : "") + ".*" + String(conversion)
    // The largest finite number has 309 digits before the point.
    var buffer = [CChar](repeating: 0, count: precision + 400)
    let written = withVaList([Int32(truncatingIfNeeded: precision), value]) {
      vsnprintf(&buffer, buffer.count, format, $0)
    }
    return String(decoding: buffer.prefix(max(0, Int(written))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Python's `round(value, digits)`: correctly rounded from the exact binary value, ties to even.
  static func round(_ value: Double, digits: Int) -> Double {
    guard value.isFinite, digits <= 323 else { return value }
    if digits >= 0 { return Double(printf(value, precision: digits, conversion: "f")) ?? value }
    guard digits >= -308 else { return value.sign == .minus ? -0.0 : 0 }
    let scale = power(10, Double(-digits))
    return (value / scale).rounded(.toNearestOrEven) * scale
  }

  static func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }

  static func remainder(_ value: Double, _ divisor: Double) -> Double { fmod(value, divisor) }
}
