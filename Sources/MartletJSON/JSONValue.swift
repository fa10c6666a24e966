/// A JSON value. Keys keep their order, and `1` and `1.0` stay apart.
package enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  case int(Int)
  case double(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
}

/// The members of a JSON object in the order of the text.
package struct JSONObject: Sendable, Equatable {
  /// A key and its value.
  package struct Member: Sendable, Equatable {
    package let key: String
    package let value: JSONValue
  }

  /// All members, repeated keys included.
  package private(set) var members: [Member] = []
  private var positions: [String: Int] = [:]

  package init() {}

  /// The value of a key; of a repeated key the last one, as in Python.
  package subscript(key: String) -> JSONValue? { positions[key].map { members[$0].value } }

  /// Whether a key stands there twice.
  var hasRepeatedKeys: Bool { positions.count < members.count }

  mutating func append(_ key: String, _ value: JSONValue) {
    positions[key] = members.count
    members.append(Member(key: key, value: value))
  }
}

extension JSONValue {
  /// The value of a key of an object; nil for anything else.
  package subscript(key: String) -> JSONValue? {
    guard case .object(let object) = self else { return nil }
    return object[key]
  }

  /// The members of an object; nil for anything else.
  package var object: JSONObject? {
    guard case .object(let object) = self else { return nil }
    return object
  }

  /// A whole number, also written as `8.0`.
  package var integer: Int? {
    switch self {
    case .int(let value): value
    case .double(let value): Int(exactly: value)
    default: nil
    }
  }

  /// Any number.
  package var number: Double? {
    switch self {
    case .int(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  package var string: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  package var bool: Bool? {
    guard case .bool(let value) = self else { return nil }
    return value
  }

  package var array: [JSONValue]? {
    guard case .array(let value) = self else { return nil }
    return value
  }

  /// The path of a member that an object names twice, such as `messages[2].content`; nil if there is none.
  package var repeatedMember: String? {
    switch self {
    case .array(let values):
      for (index, value) in values.enumerated() {
        if let rest = value.repeatedMember { return "[\(index)]" + (rest.hasPrefix("[") ? rest : "." + rest) }
      }
    case .object(let object):
      if object.hasRepeatedKeys {
        var keys: Set<String> = []
        return object.members.first { !keys.insert($0.key).inserted }?.key
      }
      for member in object.members {
        if let rest = member.value.repeatedMember { return member.key + (rest.hasPrefix("[") ? rest : "." + rest) }
      }
    case .null, .bool, .int, .double, .string: break
    }
    return nil
  }

  /// A short form for messages.
  package var summary: String {
    switch self {
    case .null: "null"
    case .bool(let value): "\(value)"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .string(let value): "'\(value.prefix(80))'"
    case .array(let values): "a list of \(values.count)"
    case .object(let object): "an object of \(object.members.count) keys"
    }
  }
}

/// Why a text is not JSON.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where.
  package let byte: Int
  /// What was expected.
  package let message: String

  package var description: String { "JSON at byte \(byte): \(message)" }
}
