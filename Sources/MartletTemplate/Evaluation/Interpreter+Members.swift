/// Attributes and elements. There is nothing behind them but data: no attribute reaches an object of Swift.
extension Interpreter {
  /// `value.name`: a method or attribute first, then an element.
  func attribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let missing) = value { throw missing.error }
    if let own = try ownAttribute(name, of: value) { return own }
    if case .object(let object) = value, let element = object[name] { return element }
    return absent(name, of: value)
  }

  /// What a name that a value does not have gives. Those that Python keeps its internals under are told apart, so that
  /// going on with them is a breach of the sandbox.
  private func absent(_ name: String, of value: TemplateValue) -> TemplateValue {
    let isInternal = name.utf8.starts(with: "__".utf8) && name.utf8.reversed().starts(with: "__".utf8)
    guard isInternal else { return .missing(name, of: typeName(of: value)) }
    return .undefined(TemplateUndefined(name: name, origin: .unsafe(ofType: typeName(of: value))))
  }

  /// `value[key]`: an element first, then for a text an attribute.
  func item(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let missing) = value { throw missing.error }
    if let element = try element(key, of: value) { return element }
    if case .string(let name) = key {
      if let own = try ownAttribute(name, of: value) { return own }
      return absent(name, of: value)
    }
    return .missing(try representation(of: key), of: typeName(of: value))
  }

  private func element(_ key: TemplateValue, of value: TemplateValue) throws(TemplateError) -> TemplateValue? {
    switch value {
    case .object(let object):
      guard let key = ObjectKey(key) else { return nil }
      return object.value(of: key)
    case .array(let items), .tuple(let items):
      return key.wholeNumber.flatMap { position($0, count: items.count) }.map { items[$0] }
    case .string(let text):
      guard let index = key.wholeNumber else { return nil }
      try spend(textBytes: text.utf8.count)
      let scalars = text.unicodeScalars
      guard let position = position(index, count: scalars.count) else { return nil }
      return .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: position)]))
    case .reference(let reference):
      guard case .range(let range) = stored(reference), let index = key.wholeNumber else { return nil }
      return position(index, count: range.count).map { .int(range.start + $0 * range.step) }
    default: return nil
    }
  }

  /// A position counted from the end when negative; nil when there is none such.
  private func position(_ index: Int, count: Int) -> Int? {
    let position = index < 0 ? index + count : index
    return (0..<count).contains(position) ? position : nil
  }

  /// What a value offers besides its elements.
  private func ownAttribute(_ name: String, of value: TemplateValue) throws(TemplateError) -> TemplateValue? {
    if try hasMethod(name, value) { return store(.method(receiver: value, name: name)) }
    if isForbidden(name, value) {
      return .undefined(TemplateUndefined(name: name, origin: .unsafe(ofType: typeName(of: value))))
    }
    guard case .reference(let reference) = value else { return nil }
    switch stored(reference) {
    case .namespace(let members): return members[name]
    case .loop(let state): return try attribute(name, of: state)
    case .cycler(let items, let position) where name == "current": return items[position]
    case .macro(let macro, _) where name == "name": return .string(macro.name)
    case .macro(let macro, _) where name == "arguments": return .tuple(macro.parameters.map { .string($0.name) })
    case .range(let range):
      switch name {
      case "start": return .int(range.start)
      case "stop": return .int(range.stop)
      case "step": return .int(range.step)
      default: return nil
      }
    default: return nil
    }
  }

  /// Methods of Python that would change their receiver, which the sandbox forbids.
  private func isForbidden(_ name: String, _ value: TemplateValue) -> Bool {
    switch value {
    case .array:
      ["append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"].contains(name)
    case .object: ["clear", "pop", "popitem", "setdefault", "update"].contains(name)
    default: false
    }
  }

  /// Whether `callMethod` knows the method.
  func hasMethod(_ name: String, _ value: TemplateValue) throws(TemplateError) -> Bool {
    switch value {
    case .string: return TextMethod(rawValue: name) != nil
    case .array: return ["index", "count", "copy"].contains(name)
    case .tuple: return ["index", "count"].contains(name)
    case .object: return ["get", "items", "keys", "values", "copy"].contains(name)
    case .double: return name == "is_integer"
    case .reference(let reference):
      switch stored(reference) {
      case .loop: return name == "cycle" || name == "changed"
      case .cycler: return name == "next" || name == "reset"
      case .function(.dict): return name == "fromkeys"
      default: return false
      }
    default: return false
    }
  }

  func callMethod(
    _ name: String, _ receiver: TemplateValue, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch receiver {
    case .string(let text):
      if let method = TextMethod(rawValue: name) { return try call(method, text, arguments) }
    case .array(let items), .tuple(let items): return try callSequenceMethod(name, receiver, items, arguments)
    case .object(let object): return try callObjectMethod(name, object, arguments)
    case .double(let number):
      try arguments.none(name)
      return .bool(number.isFinite && number == number.rounded(.towardZero))
    case .reference(let reference): return try callStoredMethod(name, reference, arguments)
    default: break
    }
    throw TemplateError(.type, "a '\(typeName(of: receiver))' has no method '\(name)'")
  }

  private func callSequenceMethod(
    _ name: String, _ receiver: TemplateValue, _ items: [TemplateValue], _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch name {
    case "count":
      let wanted = try arguments.bound(name, "value")[0].required("value")
      try spend(elements: items.count)
      return .int(items.count { areEqual($0, wanted) })
    case "index":
      let values = try arguments.bound(name, "value", "start", "stop")
      let wanted = try values[0].required("value")
      try spend(elements: items.count)
      let range = Slice(
        lower: try values[1].whole("start", default: 0), upper: try values[2].whole("stop", default: .max))
      for position in try range.positions(count: items.count) where areEqual(items[position], wanted) {
        return .int(position)
      }
      throw TemplateError(.value, "the value is not in the \(receiver.typeName)")
    default:
      try arguments.none(name)
      return receiver
    }
  }

  private func callObjectMethod(
    _ name: String, _ object: TemplateObject, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    if name == "get" {
      // Python takes no named arguments here.
      let values = try Arguments(positional: arguments.onlyPositional(name)).bound(name, "key", "default")
      return object.value(of: try key(try values[0].required("key"))) ?? values[1] ?? .null
    }
    try arguments.none(name)
    try spend(elements: object.count)
    switch name {
    case "keys": return store(.view(name: "dict_keys", items: object.entries.map(\.key)))
    case "values": return store(.view(name: "dict_values", items: object.entries.map(\.value)))
    case "items": return store(.view(name: "dict_items", items: try pairs(of: object)))
    default: return .object(object)
    }
  }

  func pairs(of object: TemplateObject) throws(TemplateError) -> [TemplateValue] {
    var pairs: [TemplateValue] = []
    for entry in object.entries { pairs.append(try tuple([entry.key, entry.value])) }
    return pairs
  }

  private func callStoredMethod(
    _ name: String, _ reference: TemplateReference, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue {
    switch stored(reference) {
    case .loop(let state):
      if let result = try callLoopMethod(name, state, arguments) { return result }
    case .cycler(let items, let position):
      try arguments.none(name)
      let next = name == "reset" ? 0 : (position + 1) % items.count
      objects[reference.index] = .cycler(items: items, position: next)
      return name == "reset" ? .null : items[position]
    case .function(.dict):
      let values = try arguments.bound(name, "iterable", "value")
      var result = TemplateObject()
      for item in try items(of: try values[0].required("iterable")) {
        result.set(try key(item), item, values[1] ?? .null)
      }
      return try object(result)
    default: break
    }
    throw TemplateError(.type, "there is no method '\(name)'")
  }
}
