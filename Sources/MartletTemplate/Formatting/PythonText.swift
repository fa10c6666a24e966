extension String {
  /// Python's `repr` of a text: single quotes unless that would need escaping, `\x`, `\u` and `\U` for what cannot be
  /// printed.
  var pythonRepresentation: String {
    let quote: Unicode.Scalar = unicodeScalars.contains("'") && !unicodeScalars.contains("\"") ? "\"" : "'"
    var text = String(quote)
    for scalar in unicodeScalars {
      switch scalar {
      case quote, "\\":
        text.unicodeScalars.append("\\")
        text.unicodeScalars.append(scalar)
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      default:
        if scalar.isPythonPrintable {
          text.unicodeScalars.append(scalar)
        } else if scalar.value < 0x100 {
          text += "\\x" + hexadecimal(scalar.value, width: 2)
        } else if scalar.value < 0x1_0000 {
          text += "\\u" + hexadecimal(scalar.value, width: 4)
        } else {
          text += "\\U" + hexadecimal(scalar.value, width: 8)
        }
      }
    }
    text.unicodeScalars.append(quote)
    return text
  }
}

/// Lower-case hexadecimal digits, filled with zeros up to `width`.
func hexadecimal(_ value: UInt32, width: Int) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
}

extension Unicode.Scalar {
  /// Python's `str.isspace` of one character, which is also what `\s` matches.
  var isPythonSpace: Bool {
    switch value {
    case 0x09...0x0D, 0x1C...0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// Python's `str.isprintable` of one character.
  var isPythonPrintable: Bool {
    if value < 0x7F { return value >= 0x20 }
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }

  /// Whether `str.splitlines` ends a line here.
  var isPythonLineBreak: Bool {
    switch value {
    case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029: true
    default: false
    }
  }

  var isPythonAlphabetic: Bool {
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }

  var isPythonDecimal: Bool { properties.generalCategory == .decimalNumber }

  var isPythonDigit: Bool {
    switch properties.numericType {
    case .decimal, .digit: true
    default: false
    }
  }

  var isPythonNumeric: Bool { properties.numericType != nil }

  var isPythonWord: Bool { isPythonAlphabetic || isPythonNumeric || self == "_" }

  var isPythonUpper: Bool { properties.isUppercase }
  var isPythonLower: Bool { properties.isLowercase }
  var isPythonTitle: Bool { properties.generalCategory == .titlecaseLetter }
  var isPythonCased: Bool { isPythonUpper || isPythonLower || isPythonTitle }
}
