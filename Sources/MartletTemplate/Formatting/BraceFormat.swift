extension Interpreter {
  /// Python's `format.format(…)`. Fields may look up attributes and elements, by the rules of the sandbox.
  func braceFormat(_ format: String, _ arguments: Arguments) throws(TemplateError) -> String {
    var automatic = 0
    return try braceFormat(format, arguments, &automatic, depth: 0)
  }

  private func braceFormat(
    _ format: String, _ arguments: Arguments, _ automatic: inout Int, depth: Int
  ) throws(TemplateError) -> String {
    guard depth <= 2 else { throw TemplateError(.value, "the fields of a format nest too deeply") }
    try spend(textBytes: format.utf8.count)
    var result = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar == "{" || scalar == "}", rest.first == scalar {
        rest.removeFirst()
        result.unicodeScalars.append(scalar)
      } else if scalar == "{" {
        let field = try takeField(&rest)
        result += try formatField(field, arguments, &automatic, depth: depth)
        try spend(textBytes: result.utf8.count)
      } else if scalar == "}" {
        throw TemplateError(.value, "a format has a single '}'")
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The text up to the brace that closes the field.
  private func takeField(_ rest: inout Substring.UnicodeScalarView) throws(TemplateError) -> String {
    var open = 1
    var field = String.UnicodeScalarView()
    while let scalar = rest.popFirst() {
      if scalar == "{" { open += 1 }
      if scalar == "}" { open -= 1 }
      if open == 0 { return String(field) }
      field.append(scalar)
    }
    throw TemplateError(.value, "a format lacks '}'")
  }

  private func formatField(
    _ field: String, _ arguments: Arguments, _ automatic: inout Int, depth: Int
  ) throws(TemplateError) -> String {
    var path = field.unicodeScalars[...]
    var specification = ""
    if let colon = path.firstIndex(of: ":") {
      specification = String(path[path.index(after: colon)...])
      path = path[..<colon]
    }
    var conversion: Unicode.Scalar?
    if let mark = path.firstIndex(of: "!") {
      let letters = path[path.index(after: mark)...]
      guard letters.count == 1, let letter = letters.first, "rsa".unicodeScalars.contains(letter) else {
        throw TemplateError(.value, "malformed conversion in a format")
      }
      conversion = letter
      path = path[..<mark]
    }
    var value = try lookUp(path, arguments, &automatic)
    if conversion == "s" { value = .string(try text(of: value)) }
    if conversion == "r" || conversion == "a" { value = .string(try representation(of: value)) }
    specification = try braceFormat(specification, arguments, &automatic, depth: depth + 1)
    return try format(value, specification)
  }

  private func lookUp(
    _ path: Substring.UnicodeScalarView, _ arguments: Arguments, _ automatic: inout Int
  ) throws(TemplateError) -> TemplateValue {
    var rest = path
    func takeName() -> String {
      let end = rest.firstIndex { $0 == "." || $0 == "[" } ?? rest.endIndex
      defer { rest = rest[end...] }
      return String(rest[..<end])
    }
    let first = takeName()
    var value: TemplateValue
    // Only a field that is quite empty is counted.
    if let position = path.isEmpty ? automatic : Int(first) {
      if path.isEmpty { automatic += 1 }
      guard arguments.positional.indices.contains(position) else {
        throw TemplateError(.value, "the format asks for more values than are given")
      }
      value = arguments.positional[position]
    } else {
      guard let named = arguments.keyword.first(where: { $0.name == first }) else {
        throw TemplateError(.value, "the format names '\(first)', which is missing")
      }
      value = named.value
    }
    while let mark = rest.popFirst() {
      if mark == "." {
        value = try attribute(takeName(), of: value)
      } else {
        guard let end = rest.firstIndex(of: "]") else { throw TemplateError(.value, "a format lacks ']'") }
        let key = String(rest[..<end])
        rest = rest[rest.index(after: end)...]
        value = try item(Int(key).map { .int($0) } ?? .string(key), of: value)
      }
    }
    return value
  }

  private func format(_ value: TemplateValue, _ text: String) throws(TemplateError) -> String {
    if text.isEmpty { return try self.text(of: value) }
    let specification = try FormatSpecification(text)
    switch value {
    case .string(let string): return try specification.format(text: string)
    case .int(let number): return try specification.format(whole: number)
    case .bool(let flag): return try specification.format(whole: flag ? 1 : 0)
    case .double(let number): return try specification.format(float: number)
    default: throw TemplateError(.type, "a '\(typeName(of: value))' takes no format")
    }
  }
}
