/// A mapping that keeps the order of insertion. Keys are texts when it comes from JSON; a template can also make
/// mappings with numbers, `none` or tuples as keys.
public struct TemplateObject: Sendable {
  typealias Entry = (key: TemplateValue, value: TemplateValue)

  private(set) var entries: [Entry] = []
  /// Positions by key, kept only for objects large enough that a scan would be slower.
  private var positions: [ObjectKey: Int]?
  private static let scanLimit = 8

  /// An empty mapping.
  public init() {}

  /// A mapping of texts in the order given; a key that comes again replaces the value and keeps the first place.
  public init(_ pairs: some Sequence<(key: String, value: TemplateValue)>) {
    for pair in pairs { self[pair.key] = pair.value }
  }

  /// How many keys there are.
  public var count: Int { entries.count }

  /// The keys that are texts, in order.
  public var keys: [String] { entries.compactMap { $0.key.plainText } }

  /// The value of a text key. Assigning adds or replaces; assigning nil does nothing, for mappings only grow.
  public subscript(key: String) -> TemplateValue? {
    get { position(of: key).map { entries[$0].value } }
    set {
      guard let newValue else { return }
      if let position = position(of: key) {
        entries[position].value = newValue
      } else {
        append(ObjectKey.text(key), .string(key), newValue)
      }
    }
  }

  /// The value of any key.
  func value(of key: ObjectKey) -> TemplateValue? {
    position(of: key).map { entries[$0].value }
  }

  /// Adds or replaces the value of any key.
  mutating func set(_ key: ObjectKey, _ original: TemplateValue, _ value: TemplateValue) {
    if let position = position(of: key) {
      entries[position].value = value
    } else {
      append(key, original, value)
    }
  }

  private mutating func append(_ key: ObjectKey, _ original: TemplateValue, _ value: TemplateValue) {
    positions?[key] = entries.count
    entries.append((original, value))
    if positions == nil, entries.count > TemplateObject.scanLimit {
      var table: [ObjectKey: Int] = [:]
      // Every key in here was accepted as a key once, so none is dropped.
      for (position, entry) in entries.enumerated() {
        if let key = ObjectKey(entry.key) { table[key] = position }
      }
      positions = table
    }
  }

  private func position(of key: String) -> Int? {
    if let positions { return positions[.text(key)] }
    for (position, entry) in entries.enumerated() {
      if case .string(let text) = entry.key, sameText(text, key) { return position }
    }
    return nil
  }

  private func position(of key: ObjectKey) -> Int? {
    if let positions { return positions[key] }
    return entries.firstIndex { ObjectKey($0.key) == key }
  }
}

extension TemplateObject: Equatable {
  /// Whether both hold the same keys and values in the same order.
  public static func == (left: TemplateObject, right: TemplateObject) -> Bool {
    left.entries.elementsEqual(right.entries) { $0.key == $1.key && $0.value == $1.value }
  }
}

/// A hashable value as Python sees it: `1`, `1.0` and `true` are one key, texts differ when their bytes do.
enum ObjectKey: Hashable, Sendable {
  case text(String)
  case int(Int)
  case double(Double)
  case null
  case undefined
  case tuple([ObjectKey])
  case reference(TemplateReference)

  /// Nil for lists and mappings, which cannot be keys.
  init?(_ value: TemplateValue) {
    switch value {
    case .string(let text): self = .text(text)
    case .int(let number): self = .int(number)
    case .bool(let flag): self = .int(flag ? 1 : 0)
    case .double(let number):
      if let whole = Int(exactly: number) { self = .int(whole) } else { self = .double(number) }
    case .null: self = .null
    case .undefined: self = .undefined
    case .reference(let reference): self = .reference(reference)
    case .tuple(let items):
      var keys: [ObjectKey] = []
      for item in items {
        guard let key = ObjectKey(item) else { return nil }
        keys.append(key)
      }
      self = .tuple(keys)
    case .array, .object: return nil
    }
  }

  static func == (left: ObjectKey, right: ObjectKey) -> Bool {
    switch (left, right) {
    case (.text(let a), .text(let b)): sameText(a, b)
    case (.int(let a), .int(let b)): a == b
    case (.double(let a), .double(let b)): a == b
    case (.null, .null), (.undefined, .undefined): true
    case (.tuple(let a), .tuple(let b)): a == b
    case (.reference(let a), .reference(let b)): a == b
    default: false
    }
  }

  func hash(into hasher: inout Hasher) {
    switch self {
    case .text(let text):
      hasher.combine(0)
      for byte in text.utf8 { hasher.combine(byte) }
    case .int(let number): hasher.combine(number)
    case .double(let number): hasher.combine(number)
    case .null: hasher.combine(1)
    case .undefined: hasher.combine(2)
    case .tuple(let keys): hasher.combine(keys)
    case .reference(let reference): hasher.combine(reference)
    }
  }
}
