/// The filters: Jinja2's, with `tojson` as Hugging Face defines it. Not here are `random`, whose result is never the
/// same, and those that only make sense for HTML pages and debugging: `urlize` and `pprint`.
enum Filter: String {
  case abs, attr, batch, capitalize, center, count, d, `default`, dictsort, e, escape, filesizeformat, first, float
  case forceescape, format, groupby, indent, int, items, join, last, length, list, lower, map, max, min, reject
  case rejectattr, replace, reverse, round, safe, select, selectattr, slice, sort, string, striptags, sum, title
  case tojson, trim, truncate, unique, upper, urlencode, wordcount, wordwrap, xmlattr
}

extension Interpreter {
  /// Applies a filter: numbers and lookups here, texts and sequences in files of their own.
  func apply(
    _ filter: Filter, to value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .abs, .int, .float, .round, .filesizeformat: try applyNumeric(filter, value, arguments)
    case .default, .d, .attr, .count, .length, .string, .safe, .tojson: try applyGeneral(filter, value, arguments)
    case .batch, .slice, .first, .last, .items, .dictsort, .list, .reverse, .sum, .join:
      try applySequence(filter, value, arguments)
    case .sort, .groupby, .unique, .min, .max: try applyOrdering(filter, value, arguments)
    case .map, .select, .reject, .selectattr, .rejectattr: try applySelection(filter, value, arguments)
    case .e, .escape, .forceescape, .striptags, .urlencode, .xmlattr: try applyMarkup(filter, value, arguments)
    default: try applyText(filter, value, arguments)
    }
  }

  private func applyGeneral(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .default, .d:
      let values = try arguments.bound("default", "default_value", "boolean")
      let fallback = values[0] ?? .string("")
      if case .undefined = value { return fallback }
      guard try isTrue(values[1] ?? .bool(false)) else { return value }
      return try isTrue(value) ? value : fallback
    case .attr:
      let name = try arguments.bound("attr", "name")[0].text("name")
      // Unlike `value.name`, this never finds an element.
      if case .undefined(let missing) = value { throw missing.error }
      if case .object = value, try !hasMethod(name, value) { return .missing(name, of: value.typeName) }
      return try attribute(name, of: value)
    case .count, .length:
      try arguments.none("length")
      guard let count = try count(of: value) else {
        throw TemplateError(.type, "a '\(typeName(of: value))' has no length")
      }
      return .int(count)
    case .tojson: return .string(try toJSON(value, arguments))
    default:
      try arguments.none(filter.rawValue)
      return .string(try text(of: value))
    }
  }

  /// Hugging Face's `tojson`: `json.dumps`, which escapes nothing for HTML.
  private func toJSON(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> String {
    let values = try arguments.bound("tojson", "ensure_ascii", "indent", "separators", "sort_keys")
    var options = JSONWriter.Options()
    options.ensureASCII = try isTrue(values[0] ?? .bool(false))
    options.sortKeys = try isTrue(values[3] ?? .bool(false))
    switch values[1].presence {
    case nil: break
    case .some(.string(let text)): options.indent = text
    case .some(let width):
      let width = try Optional(width).whole("indent")
      try spend(textBytes: width)
      options.indent = String(repeating: " ", count: max(0, width))
    }
    if options.indent != nil { options.itemSeparator = "," }
    if let separators = values[2].presence {
      let pair = try items(of: separators)
      guard pair.count == 2 else { throw TemplateError(.value, "'separators' must be two texts") }
      options.itemSeparator = try Optional(pair[0]).text("separators")
      options.keySeparator = try Optional(pair[1]).text("separators")
    }
    let text = try JSONWriter.write(value, options: options, textLimit: limits.textBytes)
    try spend(textBytes: text.utf8.count)
    return text
  }

  // MARK: Numbers

  private func applyNumeric(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .abs:
      try arguments.none("abs")
      if case .double(let number) = value { return .double(number.magnitude) }
      guard let number = value.wholeNumber else { throw TemplateError(.type, "'abs' needs a number") }
      return number < 0 ? try signed(.int(number), negates: true) : .int(number)
    case .int: return try toWhole(value, arguments)
    case .float:
      let fallback = try arguments.bound("float", "default")[0] ?? .double(0)
      return try floatValue(value).map { .double($0) } ?? fallback
    case .round: return try round(value, arguments)
    default: return .string(try fileSize(value, arguments))
    }
  }

  /// What Python's `float` makes of a number or a text; nil when it cannot.
  private func floatValue(_ value: TemplateValue) throws(TemplateError) -> Double? {
    if case .undefined(let missing) = value { throw missing.error }
    guard case .string(let text) = value else { return value.floatNumber }
    return NumberText.float(strip(text, nil, .strip))
  }

  private func toWhole(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("int", "default", "base")
    let fallback = values[0] ?? .int(0)
    if case .string(let text) = value {
      let base = try values[1].whole("base", default: 10)
      if let number = NumberText.whole(strip(text, nil, .strip), radix: base) { return .int(number) }
    } else if let number = value.wholeNumber {
      return .int(number)
    }
    guard let float = try floatValue(value) else { return fallback }
    guard float.isFinite else { return fallback }
    guard let number = Int(exactly: float.rounded(.towardZero)) else {
      throw TemplateError(.value, "the number \(FloatText.shortest(float)) does not fit 64 bits")
    }
    return .int(number)
  }

  private func round(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("round", "precision", "method")
    let precision = try values[0].whole("precision", default: 0)
    let method = try values[1].text("method", default: "common")
    guard ["common", "ceil", "floor"].contains(method) else {
      throw TemplateError(.value, "the method of 'round' must be common, ceil or floor")
    }
    if case .undefined(let missing) = value { throw missing.error }
    guard let number = value.floatNumber else {
      throw TemplateError(.type, "'round' needs a number, not a '\(typeName(of: value))'")
    }
    if method == "common" {
      if let whole = value.wholeNumber {
        // Rounding to tens and hundreds keeps a whole number whole.
        return precision >= 0
          ? .int(whole) : .int(Int(exactly: FloatText.round(Double(whole), digits: precision)) ?? whole)
      }
      return .double(FloatText.round(number, digits: precision))
    }
    let scale = FloatText.power(10, Double(precision))
    let result = (number * scale).rounded(method == "ceil" ? .up : .down) / scale
    return .double(result)
  }

  private func fileSize(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> String {
    let isBinary = try isTrue(try arguments.bound("filesizeformat", "binary")[0] ?? .bool(false))
    guard let bytes = try floatValue(value) else { throw TemplateError(.type, "'filesizeformat' needs a number") }
    let base: Double = isBinary ? 1024 : 1000
    if bytes == 1 { return "1 Byte" }
    if bytes < base { return "\(Int(exactly: bytes.rounded(.towardZero)) ?? 0) Bytes" }
    let prefixes = isBinary ? "KMGTPEZY" : "kMGTPEZY"
    var unit = base
    for (position, prefix) in prefixes.enumerated() {
      unit *= base
      if bytes < unit || position == prefixes.count - 1 {
        return FloatText.printf(base * bytes / unit, precision: 1, conversion: "f")
          + " \(prefix)\(isBinary ? "iB" : "B")"
      }
    }
    return ""
  }
}

/// Numbers in texts, as Python's `int` and `float` read them.
enum NumberText {
  static func whole(_ text: String, radix: Int) -> Int? {
    guard (2...36).contains(radix) || radix == 0 else { return nil }
    var digits = Substring(text)
    var sign = ""
    if let first = digits.first, first == "-" || first == "+" {
      sign = String(first)
      digits.removeFirst()
    }
    var radix = radix
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where (radix == base || radix == 0) && digits.lowercased().hasPrefix(prefix) {
      digits.removeFirst(2)
      radix = base
    }
    guard let plain = withoutSeparators(digits), plain.first?.isHexDigit == true || radix > 16 else { return nil }
    return Int(sign + plain, radix: radix == 0 ? 10 : radix)
  }

  static func float(_ text: String) -> Double? {
    switch text.lowercased() {
    case "inf", "+inf", "infinity", "+infinity": return .infinity
    case "-inf", "-infinity": return -.infinity
    case "nan", "+nan", "-nan": return .nan
    default: break
    }
    guard let plain = withoutSeparators(Substring(text)),
      plain.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }),
      plain.utf8.contains(where: { (0x30...0x39).contains($0) })
    else { return nil }
    var completed = plain
    // Python accepts `.5` and `5.`; Swift wants digits on both sides.
    if let point = completed.firstIndex(of: ".") {
      let next = completed.index(after: point)
      if next == completed.endIndex || !completed[next].isNumber { completed.insert("0", at: next) }
      if point == completed.startIndex || !completed[completed.index(before: point)].isNumber {
        completed.insert("0", at: point)
      }
    }
    return Double(completed)
  }

  /// The text without underscores; nil when one is not between digits.
  private static func withoutSeparators(_ text: Substring) -> String? {
    guard text.contains("_") else { return String(text) }
    let parts = text.split(separator: "_", omittingEmptySubsequences: false)
    let areBetweenDigits = parts.enumerated().allSatisfy { position, part in
      (position == 0 || part.first?.isHexDigit == true)
        && (position == parts.count - 1 || part.last?.isHexDigit == true)
    }
    return areBetweenDigits ? parts.joined() : nil
  }
}
