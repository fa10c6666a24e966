/// What Python's protocols (truth, text, iteration, length) say about values.
extension Interpreter {
  func stored(_ reference: TemplateReference) -> StoredObject { objects[reference.index] }

  func typeName(of value: TemplateValue) -> String {
    guard case .reference(let reference) = value else { return value.typeName }
    switch stored(reference) {
    case .namespace: return "Namespace"
    case .macro: return "Macro"
    case .loop: return "LoopContext"
    case .generator: return "generator"
    case .range: return "range"
    case .view(let name, _): return name
    case .cycler: return "Cycler"
    case .joiner: return "Joiner"
    case .method, .function: return "function"
    }
  }

  func isTrue(_ value: TemplateValue) throws(TemplateError) -> Bool {
    switch value {
    case .undefined, .null: false
    case .bool(let flag): flag
    case .int(let number): number != 0
    case .double(let number): number != 0
    case .string(let text): !text.isEmpty
    case .array(let items), .tuple(let items): !items.isEmpty
    case .object(let object): object.count > 0
    case .reference(let reference):
      switch stored(reference) {
      case .range(let range): range.count > 0
      case .view(_, let items): !items.isEmpty
      case .loop(let state): try length(of: state) > 0
      default: true
      }
    }
  }

  func areEqual(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
    if case .reference(let a) = left, case .reference(let b) = right,
      case .range(let first) = stored(a), case .range(let second) = stored(b)
    {
      return first.count == second.count && first.items == second.items
    }
    return looselyEqual(left, right)
  }

  // MARK: Texts

  /// Python's `str`.
  func text(of value: TemplateValue) throws(TemplateError) -> String {
    if case .string(let text) = value { return text }
    if case .undefined = value { return "" }
    return try representation(of: value)
  }

  /// Python's `repr`.
  func representation(of value: TemplateValue) throws(TemplateError) -> String {
    try spend()
    try stack.check()
    switch value {
    case .undefined: return "Undefined"
    case .null: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .int(let number): return String(number)
    case .double(let number): return FloatText.shortest(number)
    case .string(let text):
      try spend(textBytes: text.utf8.count)
      return text.pythonRepresentation
    case .array(let items): return try representation(of: items, "[", "]")
    case .tuple(let items): return try representation(of: items, "(", items.count == 1 ? ",)" : ")")
    case .object(let object): return try representation(of: object)
    case .reference(let reference): return try representation(of: stored(reference))
    }
  }

  private func representation(
    of items: [TemplateValue], _ opening: String, _ closing: String
  ) throws(TemplateError) -> String {
    var text = opening
    for (position, item) in items.enumerated() {
      if position > 0 { text += ", " }
      text += try representation(of: item)
      try checkLength(text.utf8.count)
    }
    return text + closing
  }

  private func representation(of object: TemplateObject) throws(TemplateError) -> String {
    var text = "{"
    for (position, entry) in object.entries.enumerated() {
      if position > 0 { text += ", " }
      text += try representation(of: entry.key) + ": " + representation(of: entry.value)
      try checkLength(text.utf8.count)
    }
    return text + "}"
  }

  private func representation(of object: StoredObject) throws(TemplateError) -> String {
    switch object {
    case .namespace(let members): "<Namespace \(try representation(of: members))>"
    case .macro(let macro, _): "<Macro '\(macro.name)'>"
    case .loop(let state): "<LoopContext \(state.index0 + 1)/\(try length(of: state))>"
    case .generator: "<generator object>"
    case .range(let range):
      "range(\(range.start), \(range.stop)\(range.step == 1 ? "" : ", \(range.step)"))"
    case .view(let name, let items): "\(name)(\(try representation(of: items, "[", "]")))"
    case .cycler: "<Cycler>"
    case .joiner: "<Joiner>"
    case .method(_, let name): "<method '\(name)'>"
    case .function(let function): "<function '\(function.rawValue)'>"
    }
  }

  // MARK: Sequences

  /// The generator behind a value, if there is one.
  func generator(of value: TemplateValue) -> Generator? {
    guard case .reference(let reference) = value, case .generator(let generator) = stored(reference) else { return nil }
    return generator
  }

  /// The items that iterating over a value gives; a generator has none left afterwards.
  func items(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
    let items: [TemplateValue]
    switch value {
    case .undefined: return []
    case .array(let elements), .tuple(let elements): items = elements
    case .object(let object): items = object.entries.map(\.key)
    case .string(let text):
      try spend(elements: text.utf8.count / 4)
      items = text.unicodeScalars.map { .string(String($0)) }
    case .reference(let reference):
      switch stored(reference) {
      case .range(let range): items = range.items
      case .view(_, let elements): items = elements
      case .generator(let generator):
        items = Array(generator.items[generator.position...])
        generator.position = generator.items.count
      default: throw TemplateError(.type, "a '\(typeName(of: value))' cannot be iterated over")
      }
    default: throw TemplateError(.type, "a '\(typeName(of: value))' cannot be iterated over")
    }
    try spend(elements: items.count)
    return items
  }

  /// Python's `len`; nil for a value without one.
  func count(of value: TemplateValue) throws(TemplateError) -> Int? {
    switch value {
    case .undefined: return 0
    case .string(let text):
      try spend(textBytes: text.utf8.count)
      return text.unicodeScalars.count
    case .array(let items), .tuple(let items): return items.count
    case .object(let object): return object.count
    case .reference(let reference):
      switch stored(reference) {
      case .range(let range): return range.count
      case .view(_, let items): return items.count
      case .loop(let state): return try length(of: state)
      default: return nil
      }
    default: return nil
    }
  }

  /// Python's `in`.
  func contains(_ container: TemplateValue, _ value: TemplateValue) throws(TemplateError) -> Bool {
    switch container {
    case .string(let text):
      guard case .string(let part) = value else {
        throw TemplateError(.type, "'in' needs a text on the left of a text, not a '\(typeName(of: value))'")
      }
      try spend(textBytes: text.utf8.count)
      return TextSearch.first(part, in: text) != nil
    case .object(let object): return object.value(of: try key(value)) != nil
    default:
      for item in try items(of: container) where areEqual(item, value) { return true }
      return false
    }
  }

  func slice(_ value: TemplateValue, _ bounds: Slice) throws(TemplateError) -> TemplateValue {
    switch value {
    case .string(let text):
      try spend(textBytes: text.utf8.count)
      if let ascii = try bounds.applied(toASCII: text) { return .string(ascii) }
      let scalars = Array(text.unicodeScalars)
      var result = String.UnicodeScalarView()
      for position in try bounds.positions(count: scalars.count) { result.append(scalars[position]) }
      return .string(String(result))
    case .array(let items): return .array(try bounds.positions(count: items.count).map { items[$0] })
    case .tuple(let items): return .tuple(try bounds.positions(count: items.count).map { items[$0] })
    case .undefined(let missing): throw missing.error
    case .reference(let reference):
      guard case .range(let range) = stored(reference) else { break }
      return store(.range(try range.sliced(bounds)))
    default: break
    }
    throw TemplateError(.type, "a '\(typeName(of: value))' cannot be sliced")
  }
}

/// The bounds of `value[lower:upper:step]`.
struct Slice {
  var lower: Int?
  var upper: Int?
  var step: Int?

  /// Where the slice of `count` elements begins and ends (exclusively), and its step.
  func resolved(count: Int) throws(TemplateError) -> (from: Int, to: Int, by: Int) {
    let step = self.step ?? 1
    guard step != 0 else { throw TemplateError(.value, "the step of a slice must not be 0") }
    func clamp(_ bound: Int, _ range: ClosedRange<Int>) -> Int {
      let position = bound < 0 ? max(bound, -count - 1) + count : bound
      return min(max(position, range.lowerBound), range.upperBound)
    }
    // No step needs to be longer than the sequence.
    let bounded = min(max(step, -count - 1), count + 1)
    if step > 0 { return (clamp(lower ?? 0, 0...count), clamp(upper ?? count, 0...count), bounded) }
    let range = -1...max(count - 1, -1)
    return (lower.map { clamp($0, range) } ?? count - 1, upper.map { clamp($0, range) } ?? -1, bounded)
  }

  /// The positions that Python selects from `count` elements.
  func positions(count: Int) throws(TemplateError) -> StrideTo<Int> {
    let (from, to, by) = try resolved(count: count)
    return stride(from: from, to: to, by: by)
  }

  /// The slice of a text in which every scalar is one byte, without unpacking it; nil for other texts.
  func applied(toASCII text: String) throws(TemplateError) -> String? {
    guard (step ?? 1) == 1, text.utf8.allSatisfy({ $0 < 0x80 }) else { return nil }
    let (from, to, _) = try resolved(count: text.utf8.count)
    let start = text.utf8.index(text.startIndex, offsetBy: from)
    return String(text[start..<text.utf8.index(start, offsetBy: max(0, to - from))])
  }
}
