/// The arguments of a call, evaluated.
struct Arguments {
  var positional: [TemplateValue] = []
  var keyword: [(name: String, value: TemplateValue)] = []

  /// The arguments in the order of `names`, nil for those not given.
  ///
  /// - Throws: ``TemplateError`` when there are too many, one has an unknown name, or one is given twice.
  func bound(_ function: String, _ names: String...) throws(TemplateError) -> [TemplateValue?] {
    guard positional.count <= names.count else {
      throw TemplateError(.type, "'\(function)' takes at most \(names.count) arguments, not \(positional.count)")
    }
    var values: [TemplateValue?] = positional
    values += Array(repeating: nil, count: names.count - positional.count)
    for (name, value) in keyword {
      guard let position = names.firstIndex(of: name) else {
        throw TemplateError(.type, "'\(function)' has no argument named '\(name)'")
      }
      guard values[position] == nil else { throw TemplateError(.type, "'\(function)' got '\(name)' twice") }
      values[position] = value
    }
    return values
  }

  /// The arguments of a function that takes any number and no named ones.
  func onlyPositional(_ function: String) throws(TemplateError) -> [TemplateValue] {
    if let first = keyword.first { throw TemplateError(.type, "'\(function)' has no argument named '\(first.name)'") }
    return positional
  }

  /// For a function without arguments.
  func none(_ function: String) throws(TemplateError) { _ = try bound(function) }

  /// The arguments after the first `count` positional ones.
  func dropping(_ count: Int) -> Arguments {
    Arguments(positional: Array(positional.dropFirst(count)), keyword: keyword)
  }
}

extension TemplateValue? {
  /// The argument as a text.
  func text(_ name: String, default fallback: String? = nil) throws(TemplateError) -> String {
    switch self {
    case .some(.string(let text)): return text
    case .none:
      guard let fallback else { throw TemplateError(.type, "the argument '\(name)' is missing") }
      return fallback
    case .some(.undefined(let missing)): throw missing.error
    case .some(let value): throw TemplateError(.type, "'\(name)' must be a text, not a '\(value.typeName)'")
    }
  }

  /// The argument as a whole number.
  func whole(_ name: String, default fallback: Int? = nil) throws(TemplateError) -> Int {
    switch self {
    case .none:
      guard let fallback else { throw TemplateError(.type, "the argument '\(name)' is missing") }
      return fallback
    case .some(.undefined(let missing)): throw missing.error
    case .some(let value):
      guard let number = value.wholeNumber else {
        throw TemplateError(.type, "'\(name)' must be a whole number, not a '\(value.typeName)'")
      }
      return number
    }
  }

  /// The argument, which must be given.
  func required(_ name: String) throws(TemplateError) -> TemplateValue {
    guard let self else { throw TemplateError(.type, "the argument '\(name)' is missing") }
    return self
  }

  /// Nil when the argument is missing or `none`.
  var presence: TemplateValue? {
    if case .some(.null) = self { return nil }
    return self
  }
}
