/// Writes values the way Python's `json.dumps` does.
struct JSONWriter {
  /// The options of `json.dumps` that Hugging Face's `tojson` filter offers.
  struct Options {
    var ensureASCII = false
    /// The text of one level of indentation; nil writes everything on one line.
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var sortKeys = false
  }

  let options: Options
  let textLimit: Int
  private var text = ""

  init(options: Options, textLimit: Int) {
    self.options = options
    self.textLimit = textLimit
  }

  /// The JSON text of `value`.
  ///
  /// - Throws: ``TemplateError`` when `value` holds something without a JSON form or the text exceeds `textLimit`.
  static func write(_ value: TemplateValue, options: Options = Options(), textLimit: Int) throws(TemplateError)
    -> String
  {
    var writer = JSONWriter(options: options, textLimit: textLimit)
    try writer.write(value, level: 0)
    return writer.text
  }

  private mutating func write(_ value: TemplateValue, level: Int) throws(TemplateError) {
    if text.utf8.count > textLimit {
      throw TemplateError(.limit, "the JSON text is longer than \(textLimit) bytes")
    }
    switch value {
    case .null: text += "null"
    case .bool(let flag): text += flag ? "true" : "false"
    case .int(let number): text += String(number)
    case .double(let number): text += JSONWriter.number(number)
    case .string(let string): writeString(string)
    case .array(let items), .tuple(let items): try writeArray(items, level: level)
    case .object(let object): try writeObject(object, level: level)
    case .undefined, .reference:
      throw TemplateError(.type, "a value of type '\(value.typeName)' has no JSON form")
    }
  }

  /// Python writes the three numbers that JSON lacks as the words of JavaScript.
  private static func number(_ number: Double) -> String {
    if number.isNaN { return "NaN" }
    if number.isInfinite { return number < 0 ? "-Infinity" : "Infinity" }
    return FloatText.shortest(number)
  }

  private mutating func breakLine(level: Int) {
    guard let indent = options.indent else { return }
    text += "\n"
    for _ in 0..<level { text += indent }
  }

  private mutating func writeArray(_ items: [TemplateValue], level: Int) throws(TemplateError) {
    if items.isEmpty {
      text += "[]"
      return
    }
    text += "["
    for (position, item) in items.enumerated() {
      if position > 0 { text += options.itemSeparator }
      breakLine(level: level + 1)
      try write(item, level: level + 1)
    }
    breakLine(level: level)
    text += "]"
  }

  private mutating func writeObject(_ object: TemplateObject, level: Int) throws(TemplateError) {
    if object.count == 0 {
      text += "{}"
      return
    }
    var entries = object.entries
    if options.sortKeys {
      entries = try stableSorted(entries) { (left, right) throws(TemplateError) in
        try orderedBefore(left.key, right.key)
      }
    }
    text += "{"
    for (position, entry) in entries.enumerated() {
      if position > 0 { text += options.itemSeparator }
      breakLine(level: level + 1)
      writeString(try JSONWriter.key(entry.key))
      text += options.keySeparator
      try write(entry.value, level: level + 1)
    }
    breakLine(level: level)
    text += "}"
  }

  private static func key(_ key: TemplateValue) throws(TemplateError) -> String {
    switch key {
    case .string(let text): return text
    case .int(let number): return String(number)
    case .bool(let flag): return flag ? "true" : "false"
    case .null: return "null"
    case .double(let value): return number(value)
    default: throw TemplateError(.type, "a '\(key.typeName)' cannot be a key in JSON")
    }
  }

  private mutating func writeString(_ string: String) {
    text += "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\u{8}": text += "\\b"
      case "\u{C}": text += "\\f"
      default:
        if scalar.value < 0x20 || options.ensureASCII && scalar.value > 0x7E {
          for unit in UTF16.encode(scalar).unsafelyUnwrapped { text += "\\u" + hexadecimal(UInt32(unit), width: 4) }
        } else {
          text.unicodeScalars.append(scalar)
        }
      }
    }
    text += "\""
  }
}

extension TemplateValue {
  /// The value as JSON on one line, or indented by `indent` spaces a level; keys keep their order.
  /// - Throws: ``TemplateError`` for values that JSON does not know, such as functions.
  public func jsonText(indent: Int? = nil) throws(TemplateError) -> String {
    var options = JSONWriter.Options()
    options.indent = indent.map { String(repeating: " ", count: $0) }
    // No blank at the end of a line.
    if indent != nil { options.itemSeparator = "," }
    return try JSONWriter.write(self, options: options, textLimit: .max)
  }
}
