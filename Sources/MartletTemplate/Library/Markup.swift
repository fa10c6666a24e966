/// Escaping for HTML and addresses.
enum Markup {
  static func escape(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.append(contentsOf: "&amp;".unicodeScalars)
      case "<": result.append(contentsOf: "&lt;".unicodeScalars)
      case ">": result.append(contentsOf: "&gt;".unicodeScalars)
      case "\"": result.append(contentsOf: "&#34;".unicodeScalars)
      case "'": result.append(contentsOf: "&#39;".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Takes comments and tags away, makes runs of white space one blank, and resolves the entities that `escape` makes.
  static func strippingTags(_ text: String) -> String {
    let withoutComments = removing(from: text, "<!--", "-->")
    let words = TextSearch.words(of: removing(from: withoutComments, "<", ">"), limit: .max, fromEnd: false)
    return unescape(words.joined(separator: " "))
  }

  private static func removing(from text: String, _ opening: String, _ closing: String) -> String {
    var rest = text.utf8[...]
    var result: [UInt8] = []
    while let start = rest.firstRange(of: opening.utf8) {
      guard let end = rest[start.upperBound...].firstRange(of: closing.utf8) else { break }
      result.append(contentsOf: rest[..<start.lowerBound])
      rest = rest[end.upperBound...]
    }
    result.append(contentsOf: rest)
    return String(decoding: result, as: UTF8.self)
  }

  private static func unescape(_ text: String) -> String {
    let entities = ["&lt;": "<", "&gt;": ">", "&#34;": "\"", "&quot;": "\"", "&#39;": "'", "&amp;": "&"]
    var result = ""
    var rest = Substring(text)
    while let ampersand = rest.firstIndex(of: "&") {
      result += rest[..<ampersand]
      rest = rest[ampersand...]
      let entity = entities.first { rest.utf8.starts(with: $0.key.utf8) }
      result += entity?.value ?? "&"
      rest = Substring(rest.unicodeScalars.dropFirst(entity?.key.unicodeScalars.count ?? 1))
    }
    return result + rest
  }

  /// Everything but letters, digits and `_.-~` as `%XX`.
  static func percentEncode(_ text: String, keepsSlash: Bool) -> String {
    var result = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      let isAlphanumeric = scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
      if isAlphanumeric || "_.-~".unicodeScalars.contains(scalar) || keepsSlash && scalar == "/" {
        result.unicodeScalars.append(scalar)
      } else {
        result += "%" + hexadecimal(UInt32(byte), width: 2).uppercased()
      }
    }
    return result
  }
}

extension String {
  /// Blanks as `+`, as queries write them.
  var replacingPercentSpaces: String {
    TextSearch.pieces(
      of: Array(utf8), between: TextSearch.matches(Array("%20".utf8), in: Array(utf8)), length: 3
    ).joined(separator: "+")
  }
}
