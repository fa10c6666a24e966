/// The part of a replacement field after the colon, such as `>8.2f` (Python's format specification mini-language).
struct FormatSpecification {
  var fill: Unicode.Scalar = " "
  var alignment: Unicode.Scalar?
  var sign: Unicode.Scalar = "-"
  var isAlternate = false
  var width = 0
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?

  /// Widths and precisions above this are refused.
  static let sizeLimit = 10_000

  init() {}

  init(_ text: String) throws(TemplateError) {
    var rest = text.unicodeScalars[...]
    let second = rest.dropFirst().first
    if let first = rest.first, let second, FormatSpecification.isAlignment(second) {
      (fill, alignment) = (first, second)
      rest = rest.dropFirst(2)
    } else if let first = rest.first, FormatSpecification.isAlignment(first) {
      alignment = rest.removeFirst()
    }
    if let first = rest.first, first == "+" || first == "-" || first == " " { sign = rest.removeFirst() }
    if rest.first == "#" {
      isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0" {
      if alignment == nil { (fill, alignment) = ("0", "=") }
      rest.removeFirst()
    }
    width = try FormatSpecification.takeSize(&rest) ?? 0
    if let first = rest.first, first == "," || first == "_" { grouping = rest.removeFirst() }
    if rest.first == "." {
      rest.removeFirst()
      precision = try FormatSpecification.takeSize(&rest)
      guard precision != nil else { throw TemplateError(.value, "a format lacks the precision after '.'") }
    }
    type = rest.popFirst()
    guard rest.isEmpty else { throw TemplateError(.value, "malformed format '\(text)'") }
  }

  private static func isAlignment(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "<" || scalar == ">" || scalar == "^" || scalar == "="
  }

  /// A run of digits at the beginning of `text`, taken away.
  static func takeSize(_ text: inout Substring.UnicodeScalarView) throws(TemplateError) -> Int? {
    var size: Int?
    while let first = text.first, ("0"..."9").contains(first) {
      size = (size ?? 0) * 10 + Int(first.value - 0x30)
      text.removeFirst()
      guard size ?? 0 <= sizeLimit else {
        throw TemplateError(.limit, "a format asks for more than \(sizeLimit) characters")
      }
    }
    return size
  }

  /// Fills up to the width. `sign` and prefix stay in front of fill characters when the alignment is `=`.
  func padded(_ body: String, prefix: String = "", defaultAlignment: Unicode.Scalar) -> String {
    let missing = width - prefix.unicodeScalars.count - body.unicodeScalars.count
    guard missing > 0 else { return prefix + body }
    func filled(_ count: Int) -> String { String(repeating: String(fill), count: count) }
    switch alignment ?? defaultAlignment {
    case "<": return prefix + body + filled(missing)
    case "^": return filled(missing / 2) + prefix + body + filled(missing - missing / 2)
    case "=": return prefix + filled(missing) + body
    default: return filled(missing) + prefix + body
    }
  }

  private func prefix(isNegative: Bool) -> String {
    isNegative ? "-" : sign == "-" ? "" : String(sign)
  }

  func format(text: String) throws(TemplateError) -> String {
    guard type == nil || type == "s", alignment != "=", grouping == nil else {
      throw TemplateError(.value, "this format does not fit a text")
    }
    let body = precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
    return padded(body, defaultAlignment: "<")
  }

  func format(whole number: Int) throws(TemplateError) -> String {
    var prefix = prefix(isNegative: number < 0)
    var body: String
    switch type {
    case nil, "d", "n": body = grouped(String(number.magnitude), by: 3)
    case "x", "X", "o", "b":
      let radix = type == "o" ? 8 : type == "b" ? 2 : 16
      body = grouped(String(number.magnitude, radix: radix, uppercase: type == "X"), by: 4)
      if isAlternate, let type { prefix += "0" + String(type) }
    case "c":
      guard let value = UInt32(exactly: number), let scalar = Unicode.Scalar(value) else {
        throw TemplateError(.value, "\(number) is no character")
      }
      return padded(String(scalar), defaultAlignment: "<")
    default: return try format(float: Double(number))
    }
    guard precision == nil else { throw TemplateError(.value, "a whole number has no precision") }
    if alignment == "=", fill == "0", grouping != nil, body.utf8.count + prefix.utf8.count < width {
      // Zeros that fill up are grouped too.
      var digits = String(number.magnitude)
      while grouped("0" + digits, by: 3).utf8.count + prefix.utf8.count <= width { digits = "0" + digits }
      body = grouped(digits, by: 3)
    }
    return padded(body, prefix: prefix, defaultAlignment: ">")
  }

  func format(float number: Double) throws(TemplateError) -> String {
    let prefix = prefix(isNegative: number.sign == .minus && !number.isNaN)
    return padded(try digits(of: number.magnitude), prefix: prefix, defaultAlignment: ">")
  }

  private func digits(of number: Double) throws(TemplateError) -> String {
    let isUpper = type == "F" || type == "E" || type == "G"
    guard number.isFinite else {
      let word = number.isNaN ? "nan" : "inf"
      return (isUpper ? word.uppercased() : word) + (type == "%" ? "%" : "")
    }
    switch type {
    case nil:
      guard let precision else { return grouped(FloatText.shortest(number), by: 3) }
      let text = FloatText.printf(number, precision: max(precision, 1), conversion: "g")
      return grouped(text.contains(".") || text.contains("e") ? text : text + ".0", by: 3)
    case "f", "F", "e", "E", "g", "G":
      let conversion = Character(type ?? "f")
      let text = FloatText.printf(number, precision: precision ?? 6, conversion: conversion, alternate: isAlternate)
      return grouped(text, by: 3)
    case "n": return FloatText.printf(number, precision: precision ?? 6, conversion: "g")
    case "%":
      return grouped(FloatText.printf(number * 100, precision: precision ?? 6, conversion: "f"), by: 3) + "%"
    default: throw TemplateError(.value, "this format does not fit a number")
    }
  }

  /// Puts separators between groups of the digits before the point.
  private func grouped(_ number: String, by size: Int) -> String {
    guard let grouping else { return number }
    let whole = number.unicodeScalars.prefix { Character($0).isHexDigit && $0 != "e" || size == 4 }
    var result = String.UnicodeScalarView()
    for (position, digit) in whole.enumerated() {
      if position > 0, (whole.count - position) % size == 0 { result.append(grouping) }
      result.append(digit)
    }
    result.append(contentsOf: number.unicodeScalars.dropFirst(whole.count))
    return String(result)
  }
}
