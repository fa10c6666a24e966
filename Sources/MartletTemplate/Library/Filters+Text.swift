extension Interpreter {
  func applyText(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    // These measure or extend the value itself and have no use for the text of something else.
    if [.truncate, .wordwrap, .indent].contains(filter) {
      if filter == .truncate, value.plainText == nil, try isShort(value, arguments) { return value }
      let text = try Optional(value).text("the value of '\(filter.rawValue)'")
      try spend(textBytes: text.utf8.count)
      switch filter {
      case .truncate: return .string(try truncate(text, arguments))
      case .wordwrap: return .string(try wrap(text, arguments))
      default: return .string(try indent(text, arguments))
      }
    }
    let text = try text(of: value)
    try spend(textBytes: text.utf8.count)
    switch filter {
    case .upper, .lower, .capitalize:
      try arguments.none(filter.rawValue)
      return .string(
        filter == .upper
          ? CaseMapping.upper(text) : filter == .lower ? CaseMapping.lower(text) : CaseMapping.capitalized(text))
    case .title:
      try arguments.none("title")
      return .string(titled(text))
    case .center:
      let width = try arguments.bound("center", "width")[0].whole("width", default: 80)
      return .string(try pad(text, width: width, fill: " ", .center))
    case .trim:
      let set = try arguments.bound("trim", "chars")[0].presence
      return .string(
        strip(text, try set.map { (set) throws(TemplateError) in try Optional(set).text("chars") }, .strip))
    case .replace:
      let values = try arguments.bound("replace", "old", "new", "count")
      return .string(
        try replace(
          text, try self.text(of: try values[0].required("old")), try self.text(of: try values[1].required("new")),
          limit: try values[2].presence.whole("count", default: -1)))
    case .wordcount:
      try arguments.none("wordcount")
      return .int(text.unicodeScalars.split { !$0.isPythonWord }.count)
    case .format:
      guard arguments.keyword.isEmpty || arguments.positional.isEmpty else {
        throw TemplateError(.type, "'format' takes positional or named arguments, not both")
      }
      let named = TemplateObject(arguments.keyword.map { (key: $0.name, value: $0.value) })
      return .string(try percentFormat(text, named.count > 0 ? .object(named) : .tuple(arguments.positional)))
    default: throw TemplateError(.value, "the filter '\(filter.rawValue)' does not apply to texts")
    }
  }

  /// Every word with a capital; words begin after blanks, hyphens and opening brackets.
  private func titled(_ text: String) -> String {
    var result = ""
    var word = ""
    for scalar in text.unicodeScalars {
      if scalar.isPythonSpace || "-({[<".unicodeScalars.contains(scalar) {
        result += capitalizedWord(word)
        word = ""
        result.unicodeScalars.append(scalar)
      } else {
        word.unicodeScalars.append(scalar)
      }
    }
    return result + capitalizedWord(word)
  }

  private func capitalizedWord(_ word: String) -> String {
    guard let first = word.unicodeScalars.first else { return "" }
    return first.properties.uppercaseMapping + CaseMapping.lower(String(word.unicodeScalars.dropFirst()))
  }

  private func indent(_ text: String, _ arguments: Arguments) throws(TemplateError) -> String {
    let values = try arguments.bound("indent", "width", "first", "blank")
    let indentation: String
    if case .string(let given)? = values[0] {
      indentation = given
    } else {
      let width = try values[0].whole("width", default: 4)
      try spend(textBytes: width)
      indentation = String(repeating: " ", count: max(0, width))
    }
    let indentsFirst = try isTrue(values[1] ?? .bool(false))
    let indentsBlank = try isTrue(values[2] ?? .bool(false))
    let lines = TextSearch.lines(of: text + "\n")
    let (growth, overflow) = lines.count.multipliedReportingOverflow(by: indentation.utf8.count)
    try spend(textBytes: overflow ? .max : growth)
    var result = indentsFirst ? indentation : ""
    for (position, line) in lines.enumerated() {
      if position > 0 { result += "\n" + (line.isEmpty && !indentsBlank ? "" : indentation) }
      result += line
    }
    return result
  }

  /// Whether `truncate` leaves a value that is no text as it is.
  private func isShort(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> Bool {
    let length = try arguments.bound("truncate", "length", "killwords", "end", "leeway")[0].whole(
      "length", default: 255)
    return try count(of: value).map { $0 <= length } ?? false
  }

  private func truncate(_ text: String, _ arguments: Arguments) throws(TemplateError) -> String {
    let values = try arguments.bound("truncate", "length", "killwords", "end", "leeway")
    let length = try values[0].whole("length", default: 255)
    let end = try values[2].text("end", default: "...")
    let leeway = try values[3].presence.whole("leeway", default: 5)
    let kept = length.subtractingReportingOverflow(end.unicodeScalars.count)
    guard !kept.overflow, kept.partialValue >= 0, leeway >= 0 else {
      throw TemplateError(.value, "'truncate' needs a length of at least that of its end, and no negative leeway")
    }
    let (limit, overflow) = length.addingReportingOverflow(leeway)
    if overflow || text.unicodeScalars.count <= limit { return text }
    let head = text.unicodeScalars.prefix(kept.partialValue)
    if try isTrue(values[1] ?? .bool(false)) { return String(head) + end }
    return String(head.lastIndex(of: " ").map { head[..<$0] } ?? head) + end
  }

  private func wrap(_ text: String, _ arguments: Arguments) throws(TemplateError) -> String {
    let values = try arguments.bound("wordwrap", "width", "break_long_words", "wrapstring", "break_on_hyphens")
    let width = try values[0].whole("width", default: 79)
    guard width > 0 else { throw TemplateError(.value, "'wordwrap' needs a width of at least 1") }
    let wrapper = WordWrapper(
      width: width, breaksLongWords: try isTrue(values[1] ?? .bool(true)),
      breaksOnHyphens: try isTrue(values[3] ?? .bool(true)))
    let separator = try values[2].presence.text("wrapstring", default: "\n")
    return TextSearch.lines(of: text).map { wrapper.wrap($0).joined(separator: separator) }
      .joined(separator: separator)
  }

  // MARK: Markup

  /// Filters for HTML and addresses. Texts have no mark here that says they were escaped: escaping twice escapes twice.
  func applyMarkup(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    if filter == .xmlattr { return .string(try attributes(of: value, arguments)) }
    try arguments.none(filter.rawValue)
    switch filter {
    case .urlencode: return .string(try urlEncode(value))
    case .striptags: return .string(Markup.strippingTags(try text(of: value)))
    default: return .string(Markup.escape(try text(of: value)))
    }
  }

  private func attributes(of value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> String {
    let autospace = try isTrue(try arguments.bound("xmlattr", "autospace")[0] ?? .bool(true))
    guard case .object(let object) = value else { throw TemplateError(.type, "'xmlattr' needs a mapping") }
    var parts: [String] = []
    for entry in object.entries {
      switch entry.value {
      case .null, .undefined: continue
      default: break
      }
      let key = try Optional(entry.key).text("an attribute's name")
      guard !key.unicodeScalars.contains(where: { " \t\n\r\u{B}\u{C}/>=".unicodeScalars.contains($0) }) else {
        throw TemplateError(.value, "'\(key)' is no attribute name")
      }
      parts.append("\(Markup.escape(key))=\"\(Markup.escape(try text(of: entry.value)))\"")
    }
    return (autospace && !parts.isEmpty ? " " : "") + parts.joined(separator: " ")
  }

  private func urlEncode(_ value: TemplateValue) throws(TemplateError) -> String {
    let pairs: [TemplateValue]
    switch value {
    case .object(let object): pairs = try self.pairs(of: object)
    case .array, .tuple: pairs = try items(of: value)
    default: return Markup.percentEncode(try text(of: value), keepsSlash: true)
    }
    var parts: [String] = []
    for pair in pairs {
      let sides = try items(of: pair)
      guard sides.count == 2 else { throw TemplateError(.value, "'urlencode' needs pairs of a key and a value") }
      let encoded = [try text(of: sides[0]), try text(of: sides[1])].map {
        Markup.percentEncode($0, keepsSlash: false).replacingPercentSpaces
      }
      parts.append(encoded.joined(separator: "="))
    }
    return parts.joined(separator: "&")
  }
}
