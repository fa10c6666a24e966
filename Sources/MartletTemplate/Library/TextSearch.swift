/// Searching in texts by bytes, in time linear in the lengths whatever the texts are.
enum TextSearch {
  /// Where `needle` begins in `text`, as byte offsets, in order. With `overlapping` false, each match begins after the
  /// one before it. An empty needle has no matches here; callers give it the meaning that fits them.
  ///
  /// Knuth, Morris and Pratt, "Fast pattern matching in strings", 1977.
  static func matches(
    _ needle: [UInt8], in text: [UInt8], limit: Int = .max, overlapping: Bool = false
  ) -> [Int] {
    guard !needle.isEmpty, needle.count <= text.count, limit > 0 else { return [] }
    var borders = [Int](repeating: 0, count: needle.count)
    var length = 0
    for position in needle.indices.dropFirst() {
      while length > 0, needle[position] != needle[length] { length = borders[length - 1] }
      if needle[position] == needle[length] { length += 1 }
      borders[position] = length
    }
    var found: [Int] = []
    var matched = 0
    for (position, byte) in text.enumerated() {
      while matched > 0, byte != needle[matched] { matched = borders[matched - 1] }
      if byte == needle[matched] { matched += 1 }
      if matched == needle.count {
        found.append(position + 1 - needle.count)
        if found.count == limit { break }
        matched = overlapping ? borders[matched - 1] : 0
      }
    }
    return found
  }

  /// The byte offset of the first occurrence.
  static func first(_ needle: String, in text: String) -> Int? {
    needle.isEmpty ? 0 : matches(Array(needle.utf8), in: Array(text.utf8), limit: 1).first
  }

  /// Up to `limit` matches counted from the end, in order.
  static func lastMatches(_ needle: [UInt8], in text: [UInt8], limit: Int) -> [Int] {
    matches(needle.reversed(), in: text.reversed(), limit: limit).map { text.count - $0 - needle.count }.reversed()
  }

  /// The pieces of `text` between `matches` of a needle of `length` bytes.
  static func pieces(of text: [UInt8], between matches: [Int], length: Int) -> [String] {
    var pieces: [String] = []
    var start = 0
    for match in matches {
      pieces.append(String(decoding: text[start..<match], as: UTF8.self))
      start = match + length
    }
    pieces.append(String(decoding: text[start...], as: UTF8.self))
    return pieces
  }

  /// Python's `split` without a separator: the runs of characters that are not white space. With a limit, the rest
  /// stays in one piece, at the end or, `fromEnd`, at the beginning.
  static func words(of text: String, limit: Int, fromEnd: Bool) -> [String] {
    var words: [String] = []
    var rest = text.unicodeScalars[...]
    while true {
      rest = fromEnd ? trimmed(rest, left: false) : trimmed(rest, right: false)
      if rest.isEmpty { break }
      if words.count == limit {
        words.append(String(rest))
        break
      }
      if fromEnd {
        let start = rest.lastIndex { $0.isPythonSpace }.map { rest.index(after: $0) } ?? rest.startIndex
        words.append(String(rest[start...]))
        rest = rest[..<start]
      } else {
        let end = rest.firstIndex { $0.isPythonSpace } ?? rest.endIndex
        words.append(String(rest[..<end]))
        rest = rest[end...]
      }
    }
    return fromEnd ? words.reversed() : words
  }

  /// `text` without characters of `set`, or white space, at the ends chosen.
  static func trimmed(
    _ text: Substring.UnicodeScalarView, of set: Set<Unicode.Scalar>? = nil, left: Bool = true, right: Bool = true
  ) -> Substring.UnicodeScalarView {
    func goes(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? scalar.isPythonSpace }
    var text = text
    if left { text = text.drop(while: goes) }
    if right {
      while let last = text.last, goes(last) { text.removeLast() }
    }
    return text
  }

  /// Python's `splitlines`.
  static func lines(of text: String, keepEnds: Bool = false) -> [String] {
    var lines: [String] = []
    let scalars = text.unicodeScalars
    var start = scalars.startIndex
    while start < scalars.endIndex {
      guard let end = scalars[start...].firstIndex(where: { $0.isPythonLineBreak }) else {
        lines.append(String(scalars[start...]))
        break
      }
      var next = scalars.index(after: end)
      if scalars[end] == "\r", next < scalars.endIndex, scalars[next] == "\n" { next = scalars.index(after: next) }
      lines.append(String(scalars[start..<(keepEnds ? next : end)]))
      start = next
    }
    return lines
  }

  /// How many characters the first `bytes` bytes hold.
  static func scalarCount(of text: [UInt8], bytes: Int) -> Int {
    text[..<bytes].count { $0 & 0xC0 != 0x80 }
  }
}
