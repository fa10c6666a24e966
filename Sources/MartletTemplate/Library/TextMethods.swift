/// The methods of texts, which are those of Python's `str` that work on text alone.
enum TextMethod: String {
  case strip, lstrip, rstrip, split, rsplit, splitlines, partition, rpartition
  case startswith, endswith, find, rfind, index, rindex, count
  case replace, removeprefix, removesuffix, join
  case upper, lower, title, capitalize, swapcase, casefold
  case center, ljust, rjust, zfill, expandtabs
  case format
  case formatMap = "format_map"
  case isalnum, isalpha, isascii, isdecimal, isdigit, isidentifier, islower, isnumeric, isprintable, isspace
  case istitle, isupper
}

extension Interpreter {
  func call(
    _ method: TextMethod, _ text: String, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    try spend(textBytes: text.utf8.count)
    let name = method.rawValue
    switch method {
    case .strip, .lstrip, .rstrip:
      let set = try arguments.bound(name, "chars")[0].presence
      return .string(
        strip(text, try set.map { (set) throws(TemplateError) in try Optional(set).text("chars") }, method))
    case .split, .rsplit: return try split(text, arguments, fromEnd: method == .rsplit)
    case .splitlines:
      let keepEnds = try isTrue(try arguments.bound(name, "keepends")[0] ?? .bool(false))
      return try array(TextSearch.lines(of: text, keepEnds: keepEnds).map { .string($0) })
    case .partition, .rpartition: return try partition(text, arguments, fromEnd: method == .rpartition)
    case .startswith, .endswith: return try matchesEnd(text, arguments, atStart: method == .startswith)
    case .find, .rfind, .index, .rindex, .count: return try search(text, arguments, method)
    case .replace: return try replace(text, arguments)
    case .removeprefix, .removesuffix: return .string(try removeEnd(text, arguments, method))
    case .join:
      return .string(try join(try items(of: try arguments.bound(name, "iterable")[0].required("iterable")), text))
    case .upper, .lower, .title, .capitalize, .swapcase, .casefold:
      try arguments.none(name)
      return .string(changeCase(text, method))
    case .center, .ljust, .rjust, .zfill: return .string(try pad(text, arguments, method))
    case .expandtabs:
      return .string(try expandTabs(text, try arguments.bound(name, "tabsize")[0].whole(name, default: 8)))
    case .format: return .string(try braceFormat(text, arguments))
    case .formatMap:
      guard case .object(let object) = try arguments.bound(name, "mapping")[0].required("mapping") else {
        throw TemplateError(.type, "'format_map' takes a mapping")
      }
      let keyword = object.entries.map { (name: $0.key.plainText ?? "", value: $0.value) }
      return .string(try braceFormat(text, Arguments(keyword: keyword)))
    default:
      try arguments.none(name)
      return .bool(classify(text, method))
    }
  }

  func strip(_ text: String, _ characters: String?, _ method: TextMethod) -> String {
    let set = characters.map { Set($0.unicodeScalars) }
    let scalars = Substring(text).unicodeScalars
    return String(TextSearch.trimmed(scalars, of: set, left: method != .rstrip, right: method != .lstrip))
  }

  private func changeCase(_ text: String, _ method: TextMethod) -> String {
    switch method {
    case .upper: CaseMapping.upper(text)
    case .lower: CaseMapping.lower(text)
    case .title: CaseMapping.title(text)
    case .capitalize: CaseMapping.capitalized(text)
    case .swapcase: CaseMapping.swapped(text)
    default: CaseMapping.folded(text)
    }
  }

  private func split(_ text: String, _ arguments: Arguments, fromEnd: Bool) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("split", "sep", "maxsplit")
    let given = try values[1].whole("maxsplit", default: -1)
    let limit = given < 0 ? Int.max : given
    guard let separator = values[0].presence else {
      return try array(TextSearch.words(of: text, limit: limit, fromEnd: fromEnd).map { .string($0) })
    }
    let needle = Array(try Optional(separator).text("sep").utf8)
    guard !needle.isEmpty else { throw TemplateError(.value, "the separator of 'split' is empty") }
    let bytes = Array(text.utf8)
    let matches =
      fromEnd
      ? TextSearch.lastMatches(needle, in: bytes, limit: limit) : TextSearch.matches(needle, in: bytes, limit: limit)
    return try array(TextSearch.pieces(of: bytes, between: matches, length: needle.count).map { .string($0) })
  }

  private func partition(
    _ text: String, _ arguments: Arguments, fromEnd: Bool
  ) throws(TemplateError) -> TemplateValue {
    let separator = try arguments.bound("partition", "sep")[0].text("sep")
    let needle = Array(separator.utf8)
    guard !needle.isEmpty else { throw TemplateError(.value, "the separator of 'partition' is empty") }
    let bytes = Array(text.utf8)
    let matches =
      fromEnd ? TextSearch.lastMatches(needle, in: bytes, limit: 1) : TextSearch.matches(needle, in: bytes, limit: 1)
    guard !matches.isEmpty else {
      return .tuple(fromEnd ? ["", "", .string(text)] : [.string(text), "", ""])
    }
    let pieces = TextSearch.pieces(of: bytes, between: matches, length: needle.count)
    return .tuple([.string(pieces[0]), .string(separator), .string(pieces[1])])
  }

  /// The part of `text` between the optional arguments `start` and `end`, and where it begins.
  private func window(
    _ text: String, _ start: TemplateValue?, _ end: TemplateValue?
  ) throws(TemplateError) -> (text: String, start: Int, isBeyond: Bool) {
    guard start.presence != nil || end.presence != nil else { return (text, 0, false) }
    let count = text.unicodeScalars.count
    let lower = try start.presence.whole("start", default: 0)
    let upper = try end.presence.whole("end", default: count)
    guard case .string(let part) = try slice(.string(text), Slice(lower: lower, upper: upper)) else {
      return (text, 0, false)
    }
    return (part, lower < 0 ? max(0, lower + count) : lower, lower > count)
  }

  private func matchesEnd(
    _ text: String, _ arguments: Arguments, atStart: Bool
  ) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound(atStart ? "startswith" : "endswith", "prefix", "start", "end")
    let (part, _, isBeyond) = try window(text, values[1], values[2])
    var candidates = [try values[0].required("prefix")]
    if case .tuple(let several) = candidates[0] { candidates = several }
    for candidate in candidates {
      let affix = try Optional(candidate).text("prefix")
      if isBeyond { continue }
      let matches =
        atStart ? part.utf8.starts(with: affix.utf8) : part.utf8.reversed().starts(with: affix.utf8.reversed())
      if matches { return .bool(true) }
    }
    return .bool(false)
  }

  private func search(
    _ text: String, _ arguments: Arguments, _ method: TextMethod
  ) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound(method.rawValue, "sub", "start", "end")
    let needle = Array(try values[0].text("sub").utf8)
    let (part, start, isBeyond) = try window(text, values[1], values[2])
    let bytes = Array(part.utf8)
    if method == .count {
      if isBeyond { return .int(0) }
      return .int(needle.isEmpty ? part.unicodeScalars.count + 1 : TextSearch.matches(needle, in: bytes).count)
    }
    let fromEnd = method == .rfind || method == .rindex
    var match: Int?
    if isBeyond {
      match = nil
    } else if needle.isEmpty {
      match = fromEnd ? bytes.count : 0
    } else if fromEnd {
      match = TextSearch.lastMatches(needle, in: bytes, limit: 1).first
    } else {
      match = TextSearch.matches(needle, in: bytes, limit: 1).first
    }
    if let match { return .int(start + TextSearch.scalarCount(of: bytes, bytes: match)) }
    if method == .index || method == .rindex { throw TemplateError(.value, "the text looked for does not occur") }
    return .int(-1)
  }

  private func replace(_ text: String, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let values = try arguments.bound("replace", "old", "new", "count")
    let limit = try values[2].whole("count", default: -1)
    return .string(try replace(text, try values[0].text("old"), try values[1].text("new"), limit: limit))
  }

  /// Replaces up to `limit` occurrences, all when it is negative.
  func replace(_ text: String, _ old: String, _ new: String, limit: Int) throws(TemplateError) -> String {
    let limit = limit < 0 ? Int.max : limit
    let bytes = Array(text.utf8)
    let needle = Array(old.utf8)
    let pieces: [String]
    if needle.isEmpty {
      // An empty text occurs before every character and at the end.
      let count = text.unicodeScalars.count + 1
      try spend(elements: min(limit, count))
      if limit == 0 { return text }
      let separate = text.unicodeScalars.prefix(max(0, min(limit, count) - 1)).map { String($0) }
      pieces = [""] + separate + [String(text.unicodeScalars.dropFirst(separate.count))]
    } else {
      let matches = TextSearch.matches(needle, in: bytes, limit: limit)
      pieces = TextSearch.pieces(of: bytes, between: matches, length: needle.count)
    }
    let (growth, overflow) = (pieces.count - 1).multipliedReportingOverflow(by: new.utf8.count)
    try spend(textBytes: overflow ? .max : bytes.count + growth)
    return pieces.joined(separator: new)
  }

  private func removeEnd(
    _ text: String, _ arguments: Arguments, _ method: TextMethod
  ) throws(TemplateError) -> String {
    let affix = try arguments.bound(method.rawValue, "affix")[0].text("affix")
    let bytes = Array(text.utf8)
    if method == .removeprefix {
      return bytes.starts(with: affix.utf8) ? String(decoding: bytes.dropFirst(affix.utf8.count), as: UTF8.self) : text
    }
    return bytes.reversed().starts(with: affix.utf8.reversed())
      ? String(decoding: bytes.dropLast(affix.utf8.count), as: UTF8.self) : text
  }

  /// Joins texts; anything else among the items is an error, as in Python.
  private func join(_ items: [TemplateValue], _ separator: String) throws(TemplateError) -> String {
    var result = ""
    for (position, item) in items.enumerated() {
      if position > 0 { result += separator }
      result += try Optional(item).text("an item of 'join'")
      try spend(textBytes: separator.utf8.count)
      try checkLength(result.utf8.count)
    }
    return result
  }
}

extension TemplateValue {
  /// The text of a text.
  var plainText: String? {
    if case .string(let text) = self { return text }
    return nil
  }
}
