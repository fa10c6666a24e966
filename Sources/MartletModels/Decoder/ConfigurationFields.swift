internal import MartletJSON

/// The fields of a JSON configuration, read with errors that name the field. A field that is null counts as missing.
struct ConfigurationFields {
  private let value: JSONValue
  /// The file, and the section within it, for messages.
  let file: String
  private let prefix: String

  init(_ value: JSONValue, file: String, prefix: String = "") {
    self.value = value
    self.file = file
    self.prefix = prefix
  }

  /// The value of a field; nil if it is missing or null.
  subscript(name: String) -> JSONValue? {
    guard let value = value[name], value != .null else { return nil }
    return value
  }

  /// Whether there are no fields at all.
  var isEmpty: Bool { value.object?.members.isEmpty ?? true }

  /// Whether the field is there, be it null.
  func contains(_ name: String) -> Bool { value[name] != nil }

  /// The fields of a nested object.
  func section(_ name: String) throws -> ConfigurationFields? {
    guard let value = self[name] else { return nil }
    guard value.object != nil else { throw wrong(name, value, "an object") }
    return ConfigurationFields(value, file: file, prefix: prefix + name + ".")
  }

  func integer(_ name: String) throws -> Int? { try read(name, "a whole number", \.integer) }
  func number(_ name: String) throws -> Double? { try read(name, "a number", \.number) }
  func string(_ name: String) throws -> String? { try read(name, "a string", \.string) }
  func bool(_ name: String) throws -> Bool? { try read(name, "true or false", \.bool) }

  /// A list of strings.
  func strings(_ name: String) throws -> [String]? {
    try read(name, "a list of strings") { value in
      let strings = value.array?.compactMap(\.string)
      return strings?.count == value.array?.count ? strings : nil
    }
  }

  func requiredInteger(_ name: String) throws -> Int {
    guard let value = try integer(name) else { throw missing(name, "a whole number") }
    return value
  }

  func requiredPositive(_ name: String) throws -> Double {
    guard let value = try number(name) else { throw missing(name, "a positive number") }
    guard value > 0, value.isFinite else { throw wrong(name, .double(value), "a positive number") }
    return value
  }

  func positiveInteger(_ name: String) throws -> Int? {
    guard let value = try integer(name) else { return nil }
    guard value > 0 else { throw wrong(name, .int(value), "a positive number") }
    return value
  }

  /// The name of a field that is itself an object, if there is one.
  var nestedSection: String? { value.object?.members.first { $0.value.object != nil }?.key }

  /// The error for a field whose value makes no sense.
  func invalid(_ name: String, found: String, expected: String) -> ModelError {
    .invalidConfiguration(file: file, field: prefix + name, found: found, expected: expected)
  }

  /// The error for a field whose value Martlet does not do.
  func unsupported(_ name: String, found: String? = nil, supported: String) -> ModelError {
    .unsupported(
      file: file, field: prefix + name, found: found ?? value[name]?.summary ?? "missing", supported: supported)
  }

  private func read<Result>(_ name: String, _ expected: String, _ get: (JSONValue) -> Result?) throws -> Result? {
    guard let value = self[name] else { return nil }
    guard let result = get(value) else { throw wrong(name, value, expected) }
    return result
  }

  private func wrong(_ name: String, _ value: JSONValue, _ expected: String) -> ModelError {
    invalid(name, found: value.summary, expected: expected)
  }

  private func missing(_ name: String, _ expected: String) -> ModelError {
    invalid(name, found: "missing", expected: expected)
  }
}
