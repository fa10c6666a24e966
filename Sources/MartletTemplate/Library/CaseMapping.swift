/// Python's case conversions, which follow the Unicode standard character by character.
enum CaseMapping {
  static func upper(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars { result += scalar.properties.uppercaseMapping }
    return result
  }

  static func lower(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    for position in scalars.indices { result += lowered(scalars, position) }
    return result
  }

  /// The first character in title case, the others in lower case.
  static func capitalized(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    for position in scalars.indices {
      result += position == 0 ? scalars[0].properties.titlecaseMapping : lowered(scalars, position)
    }
    return result
  }

  /// `str.title`: a word begins after anything that has no case.
  static func title(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    var inWord = false
    for (position, scalar) in scalars.enumerated() {
      result += inWord ? lowered(scalars, position) : scalar.properties.titlecaseMapping
      inWord = scalar.properties.isCased
    }
    return result
  }

  static func swapped(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    for (position, scalar) in scalars.enumerated() {
      result += scalar.isPythonUpper ? lowered(scalars, position) : scalar.properties.uppercaseMapping
    }
    return result
  }

  static func folded(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      for upper in scalar.properties.uppercaseMapping.unicodeScalars { result += upper.properties.lowercaseMapping }
    }
    return result
  }

  /// One character in lower case; a capital sigma at the end of a word has a form of its own.
  private static func lowered(_ scalars: [Unicode.Scalar], _ position: Int) -> String {
    guard scalars[position] == "\u{3A3}" else { return scalars[position].properties.lowercaseMapping }
    let before = scalars[..<position].last { !$0.properties.isCaseIgnorable }
    let after = scalars[(position + 1)...].first { !$0.properties.isCaseIgnorable }
    let isFinal = before?.properties.isCased == true && after?.properties.isCased != true
    return isFinal ? "\u{3C2}" : "\u{3C3}"
  }
}
