/// A path such as `address.city` or `0.name` that filters take as an attribute.
struct AttributePath {
  let parts: [TemplateValue]

  init(_ attribute: TemplateValue?) throws(TemplateError) {
    switch attribute {
    case nil: parts = []
    case .some(.string(let text)):
      parts = text.unicodeScalars.split(separator: ".", omittingEmptySubsequences: false).map { part in
        let isNumber = !part.isEmpty && part.allSatisfy { ("0"..."9").contains($0) }
        return (isNumber ? Int(String(part)) : nil).map { .int($0) } ?? .string(String(part))
      }
    case .some(let value): parts = [value]
    }
  }
}

extension Interpreter {
  /// The value at the end of a path; every step looks for an element first.
  func value(
    at path: AttributePath, of item: TemplateValue, fallback: TemplateValue? = nil
  ) throws(TemplateError) -> TemplateValue {
    var value = item
    for part in path.parts {
      try spend()
      value = try self.item(part, of: value)
      if case .undefined = value, let fallback { value = fallback }
    }
    return value
  }

  func applySelection(
    _ filter: Filter, _ value: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    guard try isTrue(value) else { return try generator([]) }
    if filter == .map { return try map(value, arguments) }
    let usesAttribute = filter == .selectattr || filter == .rejectattr
    let keeps = filter == .select || filter == .selectattr
    var rest = arguments
    var path = try AttributePath(nil)
    if usesAttribute {
      guard let attribute = arguments.positional.first else {
        throw TemplateError(.type, "'\(filter.rawValue)' needs the name of an attribute")
      }
      path = try AttributePath(attribute)
      rest = arguments.dropping(1)
    }
    var test: Test?
    if let name = rest.positional.first {
      guard case .string(let text) = name, let known = Test(rawValue: text) else {
        throw TemplateError(.value, "there is no test named '\(try self.text(of: name))'")
      }
      test = known
      rest = rest.dropping(1)
    }
    var selected: [TemplateValue] = []
    for item in try items(of: value) {
      let subject = try self.value(at: path, of: item)
      let passes = if let test { try check(test, subject, rest) } else { try isTrue(subject) }
      if passes == keeps { selected.append(item) }
    }
    return try generator(selected)
  }

  private func map(_ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    var mapped: [TemplateValue] = []
    if arguments.positional.isEmpty, arguments.keyword.contains(where: { $0.name == "attribute" }) {
      let values = try arguments.bound("map", "attribute", "default")
      let path = try AttributePath(values[0])
      for item in try items(of: value) {
        mapped.append(try self.value(at: path, of: item, fallback: values[1].presence))
      }
      return try generator(mapped)
    }
    guard let name = arguments.positional.first else { throw TemplateError(.type, "'map' needs the name of a filter") }
    guard case .string(let text) = name, let filter = Filter(rawValue: text) else {
      throw TemplateError(.value, "there is no filter named '\(try self.text(of: name))'")
    }
    let rest = arguments.dropping(1)
    for item in try items(of: value) {
      // A filter may be `map` again with its own name as an argument; the depth is the count of arguments.
      try stack.check()
      mapped.append(try apply(filter, to: item, rest))
    }
    return try generator(mapped)
  }
}
