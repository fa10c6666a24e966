/// The escapes of texts in templates, which are Python's.
enum StringEscapes {
  /// The text that `body` stands for; nil when an escape is malformed or not supported.
  static func decode(_ body: ArraySlice<Unicode.Scalar>) -> String? {
    var result = String.UnicodeScalarView()
    var position = body.startIndex
    while position < body.endIndex {
      let scalar = body[position]
      position += 1
      guard scalar == "\\" else {
        result.append(scalar)
        continue
      }
      guard position < body.endIndex else { return nil }
      let escape = body[position]
      position += 1
      switch escape {
      case "\n": break
      case "\\", "'", "\"": result.append(escape)
      case "a": result.append("\u{7}")
      case "b": result.append("\u{8}")
      case "f": result.append("\u{C}")
      case "n": result.append("\n")
      case "r": result.append("\r")
      case "t": result.append("\t")
      case "v": result.append("\u{B}")
      case "0"..."7":
        var value = escape.value - 0x30
        var digits = 1
        while digits < 3, position < body.endIndex, ("0"..."7").contains(body[position]) {
          value = value * 8 + body[position].value - 0x30
          position += 1
          digits += 1
        }
        guard let scalar = Unicode.Scalar(value) else { return nil }
        result.append(scalar)
      case "x", "u", "U":
        let width = escape == "x" ? 2 : escape == "u" ? 4 : 8
        guard let scalar = hexadecimal(body, &position, width: width) else { return nil }
        result.append(scalar)
      case "N": return nil
      default:
        result.append("\\")
        result.append(escape)
      }
    }
    return String(result)
  }

  private static func hexadecimal(
    _ body: ArraySlice<Unicode.Scalar>, _ position: inout Int, width: Int
  ) -> Unicode.Scalar? {
    var value: UInt32 = 0
    for _ in 0..<width {
      guard position < body.endIndex, body[position].isASCII,
        let digit = Character(body[position]).hexDigitValue, value < 0x1000_0000
      else { return nil }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return Unicode.Scalar(value)
  }
}

/// Numbers as Python writes them, with `_` between digits and `0x`, `0o` and `0b`.
enum NumberScanner {
  /// Where the number that begins at `start` ends, and whether it is a floating-point one.
  static func scan(_ source: [Unicode.Scalar], from start: Int, allowsFloat: Bool) -> (end: Int, isFloat: Bool) {
    if source[start] == "0", start + 2 < source.count {
      let radix: UInt32? = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2][source[start + 1]]
      if let radix, let end = digits(source, from: start + 2, radix: radix, leadingUnderscore: true) {
        return (end, false)
      }
    }
    let whole = digits(source, from: start, radix: 10, leadingUnderscore: false) ?? start + 1
    var end = whole
    if allowsFloat {
      if end < source.count, source[end] == ".", let fraction = digits(source, from: end + 1, radix: 10) {
        end = fraction
      }
      if end < source.count, source[end] == "e" || source[end] == "E" {
        let sign = end + 1 < source.count && (source[end + 1] == "+" || source[end + 1] == "-") ? 1 : 0
        if let exponent = digits(source, from: end + 1 + sign, radix: 10) { end = exponent }
      }
      if end > whole { return (end, true) }
    }
    // A whole number does not begin with a zero unless it is zero.
    if source[start] == "0" {
      var zeros = start + 1
      while zeros < whole, source[zeros] == "0" || source[zeros] == "_" { zeros += 1 }
      return (zeros, false)
    }
    return (whole, false)
  }

  private static func digits(
    _ source: [Unicode.Scalar], from start: Int, radix: UInt32, leadingUnderscore: Bool = false
  ) -> Int? {
    var position = start
    var afterDigit = leadingUnderscore
    while position < source.count {
      let scalar = source[position]
      if scalar == "_", afterDigit, position + 1 < source.count, isDigit(source[position + 1], radix: radix) {
        position += 1
      } else if !isDigit(scalar, radix: radix) {
        break
      }
      position += 1
      afterDigit = true
    }
    return position > start ? position : nil
  }

  private static func isDigit(_ scalar: Unicode.Scalar, radix: UInt32) -> Bool {
    guard scalar.isASCII, let value = Character(scalar).hexDigitValue else { return false }
    return UInt32(value) < radix
  }

  /// The value of a whole number's text; nil when it does not fit 64 bits.
  static func wholeNumber(_ text: String) -> Int? {
    let digits = text.filter { $0 != "_" }.lowercased()
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
      return Int(digits.dropFirst(2), radix: radix)
    }
    return Int(digits)
  }
}
