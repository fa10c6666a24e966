extension Interpreter {
  /// Python's `format % value`.
  func percentFormat(_ format: String, _ value: TemplateValue) throws(TemplateError) -> String {
    try spend(textBytes: format.utf8.count)
    var formatter = PercentFormatter(value: value)
    var result = String.UnicodeScalarView()
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.append(scalar)
        continue
      }
      result.append(contentsOf: try formatField(&rest, &formatter).unicodeScalars)
      try spend(textBytes: result.count)
    }
    try formatter.finish()
    return String(result)
  }

  private func formatField(
    _ rest: inout Substring.UnicodeScalarView, _ formatter: inout PercentFormatter
  ) throws(TemplateError) -> String {
    let key = try PercentFormatter.takeKey(&rest)
    var specification = FormatSpecification()
    var isLeft = false
    while let flag = rest.first, "-+ #0".unicodeScalars.contains(flag) {
      rest.removeFirst()
      switch flag {
      case "-": isLeft = true
      case "0": specification.fill = "0"
      case "#": specification.isAlternate = true
      case "+": specification.sign = "+"
      default: if specification.sign == "-" { specification.sign = " " }
      }
    }
    specification.width = try FormatSpecification.takeSize(&rest) ?? 0
    if rest.first == "." {
      rest.removeFirst()
      specification.precision = try FormatSpecification.takeSize(&rest) ?? 0
    }
    while let modifier = rest.first, "hlL".unicodeScalars.contains(modifier) { rest.removeFirst() }
    guard let conversion = rest.popFirst() else { throw TemplateError(.value, "the format ends in an open '%'") }
    if conversion == "%" { return "%" }
    let value = try formatter.next(key: key)
    let isNumeric = "diufFeEgGxXo".unicodeScalars.contains(conversion)
    if isLeft || !isNumeric { specification.fill = " " }
    specification.alignment = isLeft ? "<" : specification.fill == "0" ? "=" : ">"
    switch conversion {
    case "s", "r", "a":
      let text = conversion == "s" ? try text(of: value) : try representation(of: value)
      return try specification.format(text: text)
    case "c":
      if case .string(let text) = value, text.unicodeScalars.count == 1 { return try specification.format(text: text) }
      specification.type = "c"
      return try specification.format(whole: try Optional(value).whole("%c"))
    case "d", "i", "u", "x", "X", "o": return try format(value, whole: conversion, specification)
    case "f", "F", "e", "E", "g", "G":
      guard let number = value.floatNumber else {
        throw TemplateError(.type, "'%\(conversion)' needs a number, not a '\(typeName(of: value))'")
      }
      specification.type = conversion
      return try specification.format(float: number)
    default: throw TemplateError(.value, "'%\(conversion)' is not a format")
    }
  }

  private func format(
    _ value: TemplateValue, whole conversion: Unicode.Scalar, _ specification: FormatSpecification
  ) throws(TemplateError) -> String {
    var specification = specification
    var number = value.wholeNumber
    let isDecimal = "diu".unicodeScalars.contains(conversion)
    if isDecimal, case .double(let float) = value { number = Int(exactly: float.rounded(.towardZero)) }
    guard let number else {
      throw TemplateError(.type, "'%\(conversion)' needs a whole number, not a '\(typeName(of: value))'")
    }
    specification.type = isDecimal ? "d" : conversion
    // The precision of a whole number is its least count of digits.
    let precision = specification.precision ?? 0
    specification.precision = nil
    if precision > 0 {
      let digits = String(
        number.magnitude, radix: isDecimal ? 10 : conversion == "o" ? 8 : 16, uppercase: conversion == "X")
      let zeros = String(repeating: "0", count: max(0, precision - digits.utf8.count))
      let sign = number < 0 ? "-" : specification.sign == "-" ? "" : String(specification.sign)
      let base = specification.isAlternate && !isDecimal ? "0" + String(conversion) : ""
      return specification.padded(zeros + digits, prefix: sign + base, defaultAlignment: ">")
    }
    return try specification.format(whole: number)
  }
}

/// Hands out the values of a `%` format in order or by name.
private struct PercentFormatter {
  private let values: [TemplateValue]
  private let mapping: TemplateObject?
  /// Python lets anything with elements stay unused, except tuples and texts.
  private let mayStayUnused: Bool
  private var position = 0

  init(value: TemplateValue) {
    if case .tuple(let items) = value { values = items } else { values = [value] }
    if case .object(let object) = value { mapping = object } else { mapping = nil }
    switch value {
    case .object, .array, .undefined: mayStayUnused = true
    default: mayStayUnused = false
    }
  }

  static func takeKey(_ rest: inout Substring.UnicodeScalarView) throws(TemplateError) -> String? {
    guard rest.first == "(" else { return nil }
    guard let end = rest.firstIndex(of: ")") else { throw TemplateError(.value, "a format lacks ')'") }
    let key = String(rest[rest.index(after: rest.startIndex)..<end])
    rest = rest[rest.index(after: end)...]
    return key
  }

  mutating func next(key: String?) throws(TemplateError) -> TemplateValue {
    if let key {
      guard let mapping else { throw TemplateError(.type, "a format with names needs a mapping") }
      guard let value = mapping[key] else { throw TemplateError(.value, "the format names '\(key)', which is missing") }
      return value
    }
    guard position < values.count else { throw TemplateError(.type, "the format asks for more values than are given") }
    position += 1
    return values[position - 1]
  }

  /// Every value must have been used, unless it may stay unused.
  func finish() throws(TemplateError) {
    if !mayStayUnused, position < values.count {
      throw TemplateError(.type, "the format asks for fewer values than are given")
    }
  }
}
