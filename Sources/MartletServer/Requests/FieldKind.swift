internal import MartletTemplate

/// What values a field of a request takes. The server's checks, the words of its errors, its documentation and the tests of
/// every field all come from here.
package enum FieldKind: Sendable, Equatable {
  case integer(ClosedRange<Int>)
  /// `isAbove` leaves the lowest value out.
  case number(ClosedRange<Double>, isAbove: Bool = false)
  case boolean
  /// A text of at most so many bytes.
  case text(maximum: Int)
  /// A text, or a list of so many.
  case texts(count: Int, maximum: Int)
  /// An object whose members are truth values of these names.
  case flags([String])
  /// An object of token ids and numbers in the range.
  case biases(ClosedRange<Double>, count: Int)
  /// An object of whatever the chat template reads, but for these names.
  case variables(reserved: [String])
  /// A conversation of at most so many messages.
  case messages(count: Int)
  /// A list of objects that describe functions.
  case tools(count: Int)
  /// A text, token ids, or a list of so many texts or lists of ids.
  case prompts(count: Int)
  /// A list of at most so many token ids.
  case tokens(count: Int)

  /// What a value must be, for messages and documentation.
  package var expectation: String {
    switch self {
    case .integer(let range): "a whole number\(Self.words(range))"
    case .number(let range, let isAbove):
      isAbove
        ? "a number above \(Self.short(range.lowerBound)) and at most \(Self.short(range.upperBound))"
        : "a number from \(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))"
    case .boolean: "true or false"
    case .text(let maximum): "a text of at most \(maximum) bytes"
    case .texts(let count, let maximum): "a text or a list of at most \(count) texts, each of 1 to \(maximum) bytes"
    case .flags(let names):
      "an object with true or false for \(names.map { "\"\($0)\"" }.joined(separator: ", "))"
    case .biases(let range, let count):
      "an object of at most \(count) token ids and numbers from \(Self.short(range.lowerBound)) to "
        + Self.short(range.upperBound)
    case .variables(let reserved): "an object without the names \(reserved.joined(separator: ", "))"
    case .messages(let count): "a list of 1 to \(count) messages"
    case .tools(let count): "a list of at most \(count) objects"
    case .prompts(let count): "a text, a list of token ids, or a list of at most \(count) of these"
    case .tokens(let count): "a list of at most \(count) token ids"
    }
  }

  private static func words(_ range: ClosedRange<Int>) -> String {
    switch (range.lowerBound == .min, range.upperBound == .max) {
    case (true, true): ""
    case (false, true): ", \(range.lowerBound) or more"
    default: " from \(range.lowerBound) to \(range.upperBound)"
    }
  }

  private static func short(_ number: Double) -> String {
    Int(exactly: number).map(String.init) ?? "\(number)"
  }
}

// MARK: - Reading values

/// A value with the name by which errors call it.
struct FieldValue {
  let name: String
  let value: TemplateValue
  let kind: FieldKind

  /// The 400 for this value.
  var wrong: APIError { .field(name, "is \(Self.summary(value)); it must be \(kind.expectation)") }

  func integer(_ range: ClosedRange<Int>) throws(APIError) -> Int {
    guard let number = Self.integer(value), range.contains(number) else { throw wrong }
    return number
  }

  func number(_ range: ClosedRange<Double>, isAbove: Bool = false) throws(APIError) -> Double {
    guard let number = Self.number(value), range.contains(number), !isAbove || number > range.lowerBound else {
      throw wrong
    }
    return number
  }

  func boolean() throws(APIError) -> Bool {
    guard case .bool(let flag) = value else { throw wrong }
    return flag
  }

  func text(maximum: Int) throws(APIError) -> String {
    guard case .string(let text) = value, text.utf8.count <= maximum else { throw wrong }
    return text
  }

  func texts(count: Int, maximum: Int) throws(APIError) -> [String] {
    var values = [value]
    if case .array(let items) = value { values = items }
    guard values.count <= count else { throw wrong }
    var texts: [String] = []
    for item in values {
      guard case .string(let text) = item, (1...maximum).contains(text.utf8.count) else { throw wrong }
      texts.append(text)
    }
    return texts
  }

  func flags(_ names: [String]) throws(APIError) -> [String: Bool] {
    guard case .object(let object) = value else { throw wrong }
    var flags: [String: Bool] = [:]
    for key in object.keys {
      guard names.contains(key), let value = object[key] else {
        throw .field("\(name).\(key)", "is not known; \(name) must be \(kind.expectation)", code: "unknown_field")
      }
      guard value != .null else { continue }
      guard case .bool(let flag) = value else {
        throw .field("\(name).\(key)", "is \(Self.summary(value)); it must be true or false")
      }
      flags[key] = flag
    }
    return flags
  }

  func biases(_ range: ClosedRange<Double>, count: Int) throws(APIError) -> [Int32: Float] {
    guard case .object(let object) = value, object.count <= count else { throw wrong }
    var biases: [Int32: Float] = [:]
    for key in object.keys {
      // One spelling of a token, so that none is named twice.
      guard let token = Int32(key), token >= 0, String(token) == key, let bias = object[key].flatMap(Self.number),
        range.contains(bias)
      else {
        throw wrong
      }
      biases[token] = Float(bias)
    }
    return biases
  }

  func variables(reserved: [String]) throws(APIError) -> [String: TemplateValue] {
    guard case .object(let object) = value else { throw wrong }
    var variables: [String: TemplateValue] = [:]
    for key in object.keys {
      guard !reserved.contains(key) else {
        throw .field("\(name).\(key)", "cannot be set; \(name) must be \(kind.expectation)")
      }
      variables[key] = object[key]
    }
    return variables
  }

  func objects(count: Int) throws(APIError) -> TemplateValue {
    guard case .array(let items) = value, items.count <= count else { throw wrong }
    for item in items {
      guard case .object = item else { throw wrong }
    }
    return value
  }

  func tokens(count: Int) throws(APIError) -> [Int32] {
    guard case .array(let items) = value, items.count <= count, let tokens = Self.tokens(items) else { throw wrong }
    return tokens
  }

  func prompts(count: Int) throws(APIError) -> [PromptInput] {
    switch value {
    case .string(let text): return [.text(text)]
    case .array(let items):
      guard !items.isEmpty else { throw wrong }
      if let tokens = Self.tokens(items) { return [.tokens(tokens)] }
      guard items.count <= count else { throw wrong }
      var prompts: [PromptInput] = []
      for item in items {
        switch item {
        case .string(let text): prompts.append(.text(text))
        case .array(let inner):
          guard !inner.isEmpty, let tokens = Self.tokens(inner) else { throw wrong }
          prompts.append(.tokens(tokens))
        default: throw wrong
        }
      }
      return prompts
    default: throw wrong
    }
  }

  private static func tokens(_ items: [TemplateValue]) -> [Int32]? {
    var tokens: [Int32] = []
    for item in items {
      guard case .int(let number) = item, let token = Int32(exactly: number), token >= 0 else { return nil }
      tokens.append(token)
    }
    return tokens
  }

  private static func integer(_ value: TemplateValue) -> Int? {
    switch value {
    case .int(let number): number
    case .double(let number): Int(exactly: number)
    default: nil
    }
  }

  private static func number(_ value: TemplateValue) -> Double? {
    switch value {
    case .int(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }

  /// A value in few words.
  static func summary(_ value: TemplateValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let flag): "\(flag)"
    case .int(let number): "\(number)"
    case .double(let number): "\(number)"
    case .string(let text): text.utf8.count <= 40 ? "the text \"\(text)\"" : "a text of \(text.utf8.count) bytes"
    case .array(let items): "a list of \(items.count)"
    case .object(let object): "an object of \(object.count) members"
    default: "of no JSON type"
    }
  }
}

/// What a completion continues.
package enum PromptInput: Sendable, Equatable {
  case text(String)
  case tokens([Int32])
}
