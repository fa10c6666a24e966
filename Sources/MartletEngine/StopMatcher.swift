/// Finds stop strings in streamed text, also across the borders of its pieces, and holds back what may yet become one.
///
/// All strings are followed at once, byte by byte (Knuth, Morris and Pratt, 1977). The match that ends first wins, of
/// several the longest; the text before it is delivered, and nothing after. Strings are compared as UTF-8, without
/// Unicode normalisation.
package struct StopMatcher: Sendable {
  private struct Pattern: Sendable {
    let bytes: [UInt8]
    /// For each prefix of `bytes`, the length of its longest proper suffix that is a prefix too.
    let fallbacks: [Int]
    var matched = 0

    init(_ text: String) {
      bytes = Array(text.utf8)
      var fallbacks = Array(repeating: 0, count: bytes.count)
      var length = 0
      for index in bytes.indices.dropFirst() {
        while length > 0, bytes[index] != bytes[length] { length = fallbacks[length - 1] }
        if bytes[index] == bytes[length] { length += 1 }
        fallbacks[index] = length
      }
      self.fallbacks = fallbacks
    }

    mutating func advance(_ byte: UInt8) -> Bool {
      while matched > 0, bytes[matched] != byte { matched = fallbacks[matched - 1] }
      if bytes[matched] == byte { matched += 1 }
      return matched == bytes.count
    }
  }

  private var patterns: [Pattern]
  /// Bytes that begin a stop string and have not been delivered.
  private var held: [UInt8] = []
  /// The stop string that was found.
  package private(set) var match: String?

  /// Watches for any of `stopStrings`; empty ones are ignored.
  package init(_ stopStrings: [String]) {
    patterns = stopStrings.filter { !$0.isEmpty }.map(Pattern.init)
  }

  /// Takes the next piece of text, which must be whole characters, and returns what may be delivered now. After a match
  /// everything is swallowed.
  package mutating func append(_ piece: String) -> String {
    guard match == nil else { return "" }
    guard !patterns.isEmpty else { return piece }
    for byte in piece.utf8 {
      held.append(byte)
      var longest: Int?
      for index in patterns.indices where patterns[index].advance(byte) {
        if patterns[index].bytes.count > longest.map({ patterns[$0].bytes.count }) ?? 0 { longest = index }
      }
      if let longest {
        match = String(decoding: patterns[longest].bytes, as: UTF8.self)
        return take(held.count - patterns[longest].bytes.count, keeping: false)
      }
    }
    // A stop string's first byte begins a character, so this never cuts one.
    return take(held.count - (patterns.map(\.matched).max() ?? 0), keeping: true)
  }

  /// Ends the text and returns what was held back.
  package mutating func finish() -> String {
    take(held.count, keeping: false)
  }

  private mutating func take(_ count: Int, keeping: Bool) -> String {
    let text = String(decoding: held[..<count], as: UTF8.self)
    if keeping { held.removeFirst(count) } else { held = [] }
    return text
  }
}
