/// A value that a template computes with: JSON's kinds, plus those of Python that templates can observe.
public enum TemplateValue: Sendable {
  /// A variable, attribute or element that does not exist. Prints as nothing and is false; any other use is an error.
  case undefined(TemplateUndefined)
  /// JSON's `null`, Python's `None`.
  case null
  /// A truth value.
  case bool(Bool)
  /// A whole number. Arithmetic that leaves 64 bits is an error, never a wrapped or rounded number.
  case int(Int)
  /// A floating-point number.
  case double(Double)
  /// A text. Templates compare, count and slice texts by Unicode scalars, as Python does.
  case string(String)
  /// A list.
  case array([TemplateValue])
  /// A fixed sequence such as `(1, 2)`, different from a list only when printed, compared or used as a key.
  case tuple([TemplateValue])
  /// A mapping that keeps the order of insertion.
  case object(TemplateObject)
  /// Something that lives only while one rendering runs, such as a macro, a namespace or a loop.
  case reference(TemplateReference)
}

/// The index of an object in the store of the rendering that made it.
public struct TemplateReference: Sendable, Hashable {
  let index: Int
}

/// What is known about a missing value, for the message of the error that using it leads to.
public struct TemplateUndefined: Sendable, Equatable {
  enum Origin: Sendable, Equatable {
    case variable
    case member(ofType: String)
    case unsafe(ofType: String)
    case hint
  }

  let name: String
  let origin: Origin

  /// The message of the error raised when the missing value is used.
  var message: String {
    switch origin {
    case .variable: "'\(name)' is undefined"
    case .member(let type): "'\(type)' has no attribute or element '\(name)'"
    case .unsafe(let type): "access to attribute '\(name)' of a '\(type)' is not allowed"
    case .hint: name
    }
  }

  /// The error raised when the missing value is used.
  var error: TemplateError {
    if case .unsafe = origin { return TemplateError(.security, message) }
    return TemplateError(.undefined, message)
  }
}

extension TemplateValue: Equatable {
  /// Exact equality: kinds must agree (`1` is not `1.0`) and texts must have the same bytes.
  public static func == (left: TemplateValue, right: TemplateValue) -> Bool {
    switch (left, right) {
    case (.undefined, .undefined), (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.string(let a), .string(let b)): sameText(a, b)
    case (.array(let a), .array(let b)), (.tuple(let a), .tuple(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    case (.reference(let a), .reference(let b)): a == b
    default: false
    }
  }
}

extension TemplateValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  /// A text.
  public init(stringLiteral value: String) { self = .string(value) }
  /// A whole number.
  public init(integerLiteral value: Int) { self = .int(value) }
  /// A floating-point number.
  public init(floatLiteral value: Double) { self = .double(value) }
  /// A truth value.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// JSON's `null`.
  public init(nilLiteral: ()) { self = .null }
  /// A list.
  public init(arrayLiteral elements: TemplateValue...) { self = .array(elements) }
  /// A mapping in the order written.
  public init(dictionaryLiteral elements: (String, TemplateValue)...) {
    self = .object(TemplateObject(elements.map { (key: $0.0, value: $0.1) }))
  }
}

extension TemplateValue {
  /// The value of `key` when this is an object that has it.
  public subscript(key: String) -> TemplateValue? {
    guard case .object(let object) = self else { return nil }
    return object[key]
  }

  static func missing(_ name: String, of type: String) -> TemplateValue {
    .undefined(TemplateUndefined(name: name, origin: .member(ofType: type)))
  }

  static func missing(hint: String) -> TemplateValue {
    .undefined(TemplateUndefined(name: hint, origin: .hint))
  }

  /// How deeply containers nest: 0 for a scalar. Gives up, returning more than `limit`, as soon as that is certain.
  func nesting(limit: Int) -> Int {
    guard limit >= 0 else { return 1 }
    var deepest = 0
    switch self {
    case .array(let items), .tuple(let items):
      deepest = 1
      for item in items {
        deepest = max(deepest, 1 + item.nesting(limit: limit - 1))
        if deepest > limit { break }
      }
    case .object(let object):
      deepest = 1
      for entry in object.entries {
        deepest = max(deepest, 1 + max(entry.key.nesting(limit: limit - 1), entry.value.nesting(limit: limit - 1)))
        if deepest > limit { break }
      }
    default: break
    }
    return deepest
  }
}

/// Whether two texts have the same bytes. Swift's own equality would also equate canonically equivalent texts.
@inline(__always)
func sameText(_ left: String, _ right: String) -> Bool {
  left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
}
