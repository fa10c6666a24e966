/// A JSON value as a tree that knows where it stands, for the small and varied parts of a file: what is missing or of
/// another type than expected is an error that names the field.
struct JSONNode: Sendable {
  enum Value: Sendable {
    case object([(key: String, value: Value)])
    case array([Value])
    case string(String)
    case number(Double)
    case bool(Bool)
    case null
  }

  let value: Value
  /// The way to the value, such as `tokenizer.json: model.type`.
  let path: String

  /// The whole of `bytes`; `file` is their name in errors.
  static func parse(_ bytes: UnsafeBufferPointer<UInt8>, file: String) throws(TextError) -> JSONNode {
    var reader = try JSONReader(bytes, file: file)
    let value = try reader.value()
    try reader.end()
    return JSONNode(value: value, path: file + ": ")
  }

  private func child(_ value: Value, _ key: String) -> JSONNode {
    let isRoot = path.hasSuffix(" ")
    return JSONNode(value: value, path: isRoot || key.hasPrefix("[") ? path + key : path + "." + key)
  }

  /// The error for this value, of which `expected` says what it should have been.
  func unsupported(_ expected: String) -> TextError {
    .unsupportedField(field: path, found: summary, expected: expected)
  }

  private var summary: String {
    switch value {
    case .object: "an object"
    case .array: "an array"
    case .string(let text): "\"\(text)\""
    case .number(let number): Int(exactly: number).map(String.init) ?? "\(number)"
    case .bool(let bool): "\(bool)"
    case .null: "nothing"
    }
  }

  /// The value of `key`, or nil if there is none or it is null. Of equal keys the last counts.
  func optional(_ key: String) throws(TextError) -> JSONNode? {
    guard case .object(let members) = value else { throw unsupported("an object") }
    guard let found = members.last(where: { $0.key == key }) else { return nil }
    if case .null = found.value { return nil }
    return child(found.value, key)
  }

  /// The value of `key`.
  subscript(_ key: String) -> JSONNode {
    get throws(TextError) {
      try optional(key) ?? child(.null, key)
    }
  }

  /// The members of an object, in the order of the file.
  func members() throws(TextError) -> [(key: String, node: JSONNode)] {
    guard case .object(let members) = value else { throw unsupported("an object") }
    return members.map { ($0.key, child($0.value, $0.key)) }
  }

  /// The elements of an array.
  func elements() throws(TextError) -> [JSONNode] {
    guard case .array(let elements) = value else { throw unsupported("an array") }
    return elements.enumerated().map { child($1, "[\($0)]") }
  }

  func string() throws(TextError) -> String {
    guard case .string(let text) = value else { throw unsupported("a string") }
    return text
  }

  func bool() throws(TextError) -> Bool {
    guard case .bool(let bool) = value else { throw unsupported("true or false") }
    return bool
  }

  /// The value as a token id: an integer from 0 below 2^31.
  func tokenID() throws(TextError) -> Int32 {
    guard case .number(let number) = value, let id = Int32(exactly: number), id >= 0 else {
      throw unsupported("an integer from 0 to \(Int32.max)")
    }
    return id
  }

  /// The member `key` if it is there, else `otherwise`.
  func bool(_ key: String, or otherwise: Bool) throws(TextError) -> Bool {
    guard let node = try optional(key) else { return otherwise }
    return try node.bool()
  }
}

extension JSONReader {
  /// The next value, whatever it is.
  mutating func value(depth: Int = 0) throws(TextError) -> JSONNode.Value {
    guard depth < Self.deepest else { throw failure("nests deeper than \(Self.deepest) levels") }
    var isFirst = true
    switch try kind() {
    case .object:
      var members: [(key: String, value: JSONNode.Value)] = []
      try beginObject()
      while let key = try nextKey(&isFirst) {
        let name = String(decoding: key, as: UTF8.self)
        members.append((name, try value(depth: depth + 1)))
      }
      return .object(members)
    case .array:
      var elements: [JSONNode.Value] = []
      try beginArray()
      while try nextElement(&isFirst) { elements.append(try value(depth: depth + 1)) }
      return .array(elements)
    case .string: return .string(String(decoding: try string(), as: UTF8.self))
    case .number: return .number(try number())
    case .bool: return .bool(try bool())
    case .null:
      try null()
      return .null
    }
  }
}
