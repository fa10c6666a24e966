/// Padding and classification of texts.
extension Interpreter {
  func pad(_ text: String, _ arguments: Arguments, _ method: TextMethod) throws(TemplateError) -> String {
    let values = try arguments.bound(method.rawValue, "width", "fillchar")
    let width = try values[0].whole("width")
    let fill = method == .zfill ? "0" : try values[1].text("fillchar", default: " ")
    guard fill.unicodeScalars.count == 1 else { throw TemplateError(.type, "'fillchar' must be one character") }
    return try pad(text, width: width, fill: fill, method)
  }

  func pad(_ text: String, width: Int, fill: String, _ method: TextMethod) throws(TemplateError) -> String {
    let count = text.unicodeScalars.count
    guard width > count else { return text }
    let missing = width - count
    let (bytes, overflow) = missing.multipliedReportingOverflow(by: fill.utf8.count)
    try spend(textBytes: overflow ? .max : min(bytes, .max - text.utf8.count) + text.utf8.count)
    let left: Int
    switch method {
    case .ljust: left = 0
    case .center: left = missing / 2 + (missing & width & 1)
    case .zfill:
      // The zeros go between the sign and the digits.
      guard let sign = text.unicodeScalars.first, sign == "-" || sign == "+" else { fallthrough }
      return String(sign) + String(repeating: "0", count: missing) + String(text.unicodeScalars.dropFirst())
    default: left = missing
    }
    return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
  }

  func expandTabs(_ text: String, _ size: Int) throws(TemplateError) -> String {
    let tabs = text.utf8.count { $0 == 9 }
    let (bytes, overflow) = tabs.multipliedReportingOverflow(by: max(size, 0))
    try spend(textBytes: overflow ? .max : min(bytes, .max - text.utf8.count) + text.utf8.count)
    var result = String.UnicodeScalarView()
    var column = 0
    for scalar in text.unicodeScalars {
      if scalar == "\t" {
        let width = size > 0 ? size - column % size : 0
        result.append(contentsOf: repeatElement(" ", count: width))
        column += width
      } else {
        result.append(scalar)
        column = scalar == "\n" || scalar == "\r" ? 0 : column + 1
      }
    }
    return String(result)
  }

  func classify(_ text: String, _ method: TextMethod) -> Bool {
    let scalars = text.unicodeScalars
    func all(_ holds: (Unicode.Scalar) -> Bool) -> Bool { !scalars.isEmpty && scalars.allSatisfy(holds) }
    switch method {
    case .isalnum: return all { $0.isPythonAlphabetic || $0.isPythonDecimal || $0.isPythonNumeric }
    case .isalpha: return all { $0.isPythonAlphabetic }
    case .isascii: return scalars.allSatisfy { $0.isASCII }
    case .isdecimal: return all { $0.isPythonDecimal }
    case .isdigit: return all { $0.isPythonDigit }
    case .isnumeric: return all { $0.isPythonNumeric }
    case .isspace: return all { $0.isPythonSpace }
    case .isprintable: return scalars.allSatisfy { $0.isPythonPrintable }
    case .isidentifier:
      guard let first = scalars.first, first == "_" || first.properties.isXIDStart else { return false }
      return scalars.allSatisfy { $0.properties.isXIDContinue }
    case .isupper:
      return scalars.contains { $0.isPythonUpper } && !scalars.contains { $0.isPythonLower || $0.isPythonTitle }
    case .islower:
      return scalars.contains { $0.isPythonLower } && !scalars.contains { $0.isPythonUpper || $0.isPythonTitle }
    default: return isTitle(scalars)
    }
  }

  /// Whether capitals follow only what has no case, and small letters only what has.
  private func isTitle(_ scalars: String.UnicodeScalarView) -> Bool {
    var afterCased = false
    var hasCased = false
    for scalar in scalars {
      if scalar.isPythonUpper || scalar.isPythonTitle {
        if afterCased { return false }
        afterCased = true
        hasCased = true
      } else if scalar.isPythonLower {
        if !afterCased { return false }
        hasCased = true
      } else {
        afterCased = false
      }
    }
    return hasCased
  }
}
