/// The keys and values of a GGUF file, in the file's order.
///
/// An accessor gives nil for a key that is not there and throws for one whose value has another type: a damaged or
/// misspelt setting must not turn into a default. The `required…` variants throw for a missing key too.
package struct GGUFMetadata: Sendable {
  /// One key with its value.
  package struct Entry: Sendable {
    package let key: String
    package let value: GGUFValue
  }

  /// All entries in the file's order.
  package private(set) var entries: [Entry] = []
  private var positions: [String: Int] = [:]
  let path: String

  init(path: String) {
    self.path = path
  }

  /// Adds an entry; false, and no change, if the key is there already.
  mutating func append(_ key: String, _ value: GGUFValue) -> Bool {
    let position = entries.count
    guard positions.updateValue(position, forKey: key) == nil else { return false }
    entries.append(Entry(key: key, value: value))
    return true
  }

  package subscript(key: String) -> GGUFValue? {
    positions[key].map { entries[$0].value }
  }

  /// The string at `key`, which must be valid UTF-8.
  package func string(_ key: String) throws(GGUFError) -> String? {
    guard let value = self[key] else { return nil }
    guard case .string(let string) = value else { throw wrongType(key, value, "a string") }
    guard let text = string.text else {
      throw GGUFError(
        .malformed, path: path, "the string at \(quoted(key)) is not valid UTF-8", offset: string.range.lowerBound)
    }
    return text
  }

  /// The integer at `key`, of any integer type, if it fits an `Int`.
  package func integer(_ key: String) throws(GGUFError) -> Int? {
    try converted(key, "an integer below 2^63") { $0.integer }
  }

  /// The number at `key`, of any floating-point type or an integer that is exact as one. A float32 is widened exactly.
  package func float(_ key: String) throws(GGUFError) -> Double? {
    try converted(key, "a number") { $0.float }
  }

  package func bool(_ key: String) throws(GGUFError) -> Bool? {
    try converted(key, "a bool") { $0.bool }
  }

  /// The array at `key`, whatever its elements.
  package func array(_ key: String) throws(GGUFError) -> GGUFArray? {
    try converted(key, "an array") {
      guard case .array(let array) = $0 else { return nil }
      return array
    }
  }

  /// The array of strings at `key`, as a view on the file.
  package func strings(_ key: String) throws(GGUFError) -> GGUFArray? {
    try converted(key, "an array of string") {
      guard case .array(let array) = $0, array.elementType == .string else { return nil }
      return array
    }
  }

  /// The array at `key` as a view of numbers of exactly the type `T`.
  package func numbers<T: GGUFNumber>(_ key: String, as type: T.Type) throws(GGUFError) -> GGUFNumbers<T>? {
    try converted(key, "an array of \(T.valueType.name)") {
      guard case .array(let array) = $0 else { return nil }
      return array.numbers(as: type)
    }
  }

  /// The elements of the array at `key`, of any integer type, copied. Meant for short arrays such as one number a
  /// layer; `numbers` reads long ones without a copy.
  package func integers(_ key: String) throws(GGUFError) -> [Int]? {
    try converted(key, "an array of integers below 2^63") {
      guard case .array(let array) = $0 else { return nil }
      var integers: [Int] = []
      for element in array {
        guard let integer = element.integer else { return nil }
        integers.append(integer)
      }
      return integers
    }
  }

  package func requiredString(_ key: String) throws(GGUFError) -> String { try required(key, try string(key)) }

  package func requiredInteger(_ key: String) throws(GGUFError) -> Int { try required(key, try integer(key)) }

  package func requiredFloat(_ key: String) throws(GGUFError) -> Double { try required(key, try float(key)) }

  package func requiredBool(_ key: String) throws(GGUFError) -> Bool { try required(key, try bool(key)) }

  package func requiredStrings(_ key: String) throws(GGUFError) -> GGUFArray { try required(key, try strings(key)) }

  private func required<T>(_ key: String, _ value: T?) throws(GGUFError) -> T {
    guard let value else {
      throw GGUFError(.missing, path: path, "the metadata has no key \(quoted(key)), which is needed here")
    }
    return value
  }

  private func converted<T>(
    _ key: String, _ expected: @autoclosure () -> String, _ convert: (GGUFValue) -> T?
  ) throws(GGUFError) -> T? {
    guard let value = self[key] else { return nil }
    guard let result = convert(value) else { throw wrongType(key, value, expected()) }
    return result
  }

  private func wrongType(_ key: String, _ value: GGUFValue, _ expected: String) -> GGUFError {
    GGUFError(.wrongType, path: path, "the value at \(quoted(key)) is \(value.summary), not \(expected)")
  }
}
