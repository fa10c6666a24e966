internal import MartletJSON

extension TemplateValue {
  /// Reads one JSON text (RFC 8259). Keeps the order of keys and the difference between `1` and `1.0`; a repeated key
  /// takes the last value, as in Python.
  ///
  /// - Throws: ``TemplateError`` of kind `syntax` naming the byte offset, when the text is not JSON, nests more than
  ///   128 levels, holds a whole number beyond 64 bits, or escapes half a surrogate pair.
  public init(json bytes: some Sequence<UInt8>) throws(TemplateError) {
    try self.init(parsing: bytes, roundsWideIntegers: false)
  }

  /// Reads the configuration of a model, where whole numbers beyond 64 bits become floating-point ones.
  package init(configuration bytes: some Sequence<UInt8>) throws(TemplateError) {
    try self.init(parsing: bytes, roundsWideIntegers: true)
  }

  /// Reads what somebody wrote for this program: a member that an object names twice is refused, since one of its values
  /// would be ignored.
  package init(strict bytes: some Sequence<UInt8>) throws(StrictJSONError) {
    let value: JSONValue
    do { value = try JSONValue(parsing: bytes) } catch { throw .invalid(TemplateError(.syntax, "\(error)")) }
    if let member = value.repeatedMember { throw .repeated(member: member) }
    self.init(value)
  }

  private init(parsing bytes: some Sequence<UInt8>, roundsWideIntegers: Bool) throws(TemplateError) {
    do {
      self.init(try JSONValue(parsing: bytes, roundsWideIntegers: roundsWideIntegers))
    } catch {
      throw TemplateError(.syntax, "\(error)")
    }
  }

  private init(_ value: JSONValue) {
    switch value {
    case .null: self = .null
    case .bool(let value): self = .bool(value)
    case .int(let value): self = .int(value)
    case .double(let value): self = .double(value)
    case .string(let value): self = .string(value)
    case .array(let values): self = .array(values.map { TemplateValue($0) })
    case .object(let object):
      self = .object(TemplateObject(object.members.map { (key: $0.key, value: TemplateValue($0.value)) }))
    }
  }
}

/// Why ``TemplateValue/init(strict:)`` refuses a text.
package enum StrictJSONError: Error, CustomStringConvertible {
  case invalid(TemplateError)
  /// The path of a member that is named twice.
  case repeated(member: String)

  package var description: String {
    switch self {
    case .invalid(let error): "\(error)"
    case .repeated(let member): "\(member) is given twice; give it once"
    }
  }
}
