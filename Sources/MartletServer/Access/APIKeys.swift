internal import Crypto
package import Martlet
internal import MartletTemplate

/// The keys that clients may present, as a file has them. Only their SHA-256 is kept in memory.
package struct APIKeys: Sendable {
  /// A key and what it allows.
  package struct Entry: Sendable {
    /// The tenant's name: in the log, in the metrics, and in the shares of the engine.
    package let name: String
    fileprivate let digest: [UInt8]
    package let scopes: Set<Scope>
    /// Tokens that may be used in each window; nil is without limit.
    package let budget: TokenBudget.Limit?
    /// The highest priority that requests may ask for.
    package let priority: Int
  }

  package let entries: [Entry]

  /// Reads the text of a key file:
  ///
  /// ```json
  /// {"keys": [{"name": "web", "key": "…", "scopes": ["generate"], "budget": {"tokens": 100000, "seconds": 3600}}]}
  /// ```
  ///
  /// In place of `key`, `sha256` gives the hash of it in hexadecimal. `scopes` is all where it is left out, `budget` none,
  /// `priority` 0.
  /// - Throws: ``MartletError`` that names the entry and what is wrong with it, and never shows a key.
  package init(json bytes: some Sequence<UInt8>, path: String) throws(MartletError) {
    func wrong(_ message: String) -> MartletError { MartletError(.invalidArgument, "\(path): \(message)") }
    let value: TemplateValue
    do { value = try TemplateValue(strict: bytes) } catch { throw wrong("\(error)") }
    guard case .object(let top) = value, top.keys == ["keys"], case .array(let items)? = top["keys"], !items.isEmpty
    else {
      throw wrong("a key file is an object with one member, 'keys', a list of at least one key")
    }
    var entries: [Entry] = []
    for (index, item) in items.enumerated() {
      guard case .object(let object) = item else { throw wrong("keys[\(index)] is not an object") }
      do {
        entries.append(try Entry(object))
      } catch {
        throw wrong("keys[\(index)]: \(error.message)")
      }
    }
    guard Set(entries.map(\.name)).count == entries.count else { throw wrong("two keys have the same name") }
    guard Set(entries.map(\.digest)).count == entries.count else { throw wrong("two names have the same key") }
    self.entries = entries
  }

  /// The entry of a key that a client presents; nil if there is none. Takes the same time whichever key it is and however
  /// much of it is right: hashes are compared, all of them and to their ends.
  package func entry(presenting key: String) -> Entry? {
    let digest = Array(SHA256.hash(data: Array(key.utf8)))
    var found: Int?
    for (index, entry) in entries.enumerated() {
      var difference: UInt8 = 0
      for (left, right) in zip(digest, entry.digest) { difference |= left ^ right }
      if difference == 0 { found = index }
    }
    return found.map { entries[$0] }
  }
}

private struct KeyFault: Error {
  let message: String
}

extension APIKeys.Entry {
  fileprivate init(_ object: TemplateObject) throws(KeyFault) {
    let known = ["name", "key", "sha256", "scopes", "budget", "priority"]
    if let key = object.keys.first(where: { !known.contains($0) }) {
      throw KeyFault(message: "'\(key)' is not known; known are \(known.joined(separator: ", "))")
    }
    guard case .string(let name)? = object["name"], (1...64).contains(name.utf8.count),
      name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C })
    else { throw KeyFault(message: "'name' must be 1 to 64 letters, digits and signs without blanks") }
    self.name = name
    digest = try Self.digest(object)
    scopes = try Self.scopes(object)
    budget = try Self.budget(object)
    switch object["priority"] {
    case nil: priority = 0
    case .int(let value)? where (-100...100).contains(value): priority = value
    default: throw KeyFault(message: "'priority' must be a whole number from -100 to 100")
    }
  }

  /// The fewest bytes that a key may have: what 16 random bytes take in hexadecimal is 32, in base64 22.
  private static let shortestKey = 16

  private static func digest(_ object: TemplateObject) throws(KeyFault) -> [UInt8] {
    switch (object["key"], object["sha256"]) {
    case (.string(let key)?, nil):
      guard key.utf8.count >= shortestKey, key.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
        throw KeyFault(message: "'key' must have at least \(shortestKey) characters of ASCII without blanks")
      }
      return Array(SHA256.hash(data: Array(key.utf8)))
    case (nil, .string(let text)?):
      let digits = text.compactMap(\.hexDigitValue)
      guard digits.count == 64, text.count == 64 else { break }
      return stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    default: break
    }
    throw KeyFault(message: "give one of 'key', a text, and 'sha256', 64 hexadecimal digits")
  }

  private static func scopes(_ object: TemplateObject) throws(KeyFault) -> Set<Scope> {
    guard let value = object["scopes"] else { return Set(Scope.allCases) }
    guard case .array(let items) = value else { throw KeyFault(message: "'scopes' must be a list") }
    var scopes: Set<Scope> = []
    for item in items {
      guard case .string(let name) = item, let scope = Scope(rawValue: name) else {
        let names = Scope.allCases.map(\.rawValue).joined(separator: ", ")
        throw KeyFault(message: "'scopes' has \(FieldValue.summary(item)); known are \(names)")
      }
      scopes.insert(scope)
    }
    return scopes
  }

  private static func budget(_ object: TemplateObject) throws(KeyFault) -> TokenBudget.Limit? {
    guard let value = object["budget"] else { return nil }
    guard case .object(let members) = value, Set(members.keys) == ["tokens", "seconds"],
      case .int(let tokens)? = members["tokens"], tokens > 0, case .int(let seconds)? = members["seconds"], seconds > 0
    else { throw KeyFault(message: "'budget' must be an object with whole numbers above 0: tokens and seconds") }
    return TokenBudget.Limit(tokens: tokens, window: .seconds(seconds))
  }
}
