/// A text that always becomes one token where it stands, and how it is looked for.
struct AddedToken: Sendable {
  var text: [UInt8]
  var id: Int32
  /// Takes the white space before it along.
  var stripsLeft = false
  /// Takes the white space after it along.
  var stripsRight = false
  /// Does not count beside a letter or another character of words.
  var isSingleWord = false
  /// Is looked for, so that no shorter token is found in its place, but stays plain text.
  var isIgnored = false
}

/// Finds added tokens, such as `<|im_start|>`, inside text: the leftmost first, of those that begin at the same place the
/// longest.
struct AddedTokenMatcher: Sendable {
  /// The tokens, their texts sorted bytewise, so that each prefix is a contiguous range.
  private let tokens: [AddedToken]
  /// For each first byte the range of tokens that begin with it.
  private let ranges: [Range<Int>]

  /// A matcher for `tokens`. Texts that are empty or not UTF-8 are left out: they could cut a character in two.
  init(_ tokens: [AddedToken]) {
    let sorted =
      tokens
      .filter { !$0.text.isEmpty && String(validating: $0.text, as: UTF8.self) != nil }
      .sorted { $0.text.lexicographicallyPrecedes($1.text) }
    var ranges = [Range<Int>](repeating: 0..<0, count: 256)
    var start = 0
    while start < sorted.count {
      let byte = sorted[start].text[0]
      var end = start
      while end < sorted.count && sorted[end].text[0] == byte { end += 1 }
      ranges[Int(byte)] = start..<end
      start = end
    }
    self.tokens = sorted
    self.ranges = ranges
  }

  /// Whether there is nothing to find.
  var isEmpty: Bool { tokens.isEmpty }

  /// Cuts `range` of `text`: calls `body` with each stretch of plain text, and with each token's place and id.
  func forEachPart(
    of text: UnsafeBufferPointer<UInt8>, _ range: Range<Int>, _ body: (Range<Int>, Int32?) -> Void
  ) {
    let fragment = UnsafeBufferPointer(rebasing: text[range])
    var start = 0
    var searched = 0
    if !isEmpty, let base = fragment.baseAddress {
      let scanner = Scanner(text: base)
      while let match = nextMatch(in: fragment, from: searched) {
        searched = match.range.upperBound
        let token = tokens[match.token]
        if token.isIgnored || token.isSingleWord && Self.touchesWord(match.range, scanner, fragment.count) { continue }
        var place = match.range
        if token.stripsLeft {
          var first = place.lowerBound
          while first > 0, scanner.step(at: scanner.previous(first)).bits & UnicodeClass.whiteSpace != 0 {
            first = scanner.previous(first)
          }
          // White space that the token before took along is not there any more.
          place = max(first, start)..<max(place.upperBound, start)
        }
        if token.stripsRight {
          let last = scanner.run(of: UnicodeClass.whiteSpace, from: place.upperBound, to: fragment.count)
          place = place.lowerBound..<last
        }
        if start < place.lowerBound { body(range.lowerBound + start..<range.lowerBound + place.lowerBound, nil) }
        body(range.lowerBound + place.lowerBound..<range.lowerBound + place.upperBound, token.id)
        start = place.upperBound
      }
    }
    if start < fragment.count { body(range.lowerBound + start..<range.upperBound, nil) }
  }

  private static func touchesWord(_ place: Range<Int>, _ scanner: Scanner, _ end: Int) -> Bool {
    let words = ScalarRanges.words
    if place.lowerBound > 0, words.contains(scanner.scalar(at: scanner.previous(place.lowerBound)).value) {
      return true
    }
    return place.upperBound < end && words.contains(scanner.scalar(at: place.upperBound).value)
  }

  /// The first match at or after `start` in `text`.
  private func nextMatch(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (range: Range<Int>, token: Int)? {
    ranges.withUnsafeBufferPointer { ranges in
      var index = start
      while index < text.count {
        let candidates = ranges[Int(text[index])]
        if !candidates.isEmpty, let match = longestMatch(in: text, at: index, candidates) { return match }
        index += 1
      }
      return nil
    }
  }

  /// Narrows the range of texts that agree with `text` byte by byte, and keeps the last one that ended.
  private func longestMatch(
    in text: UnsafeBufferPointer<UInt8>, at start: Int, _ candidates: Range<Int>
  ) -> (range: Range<Int>, token: Int)? {
    var low = candidates.lowerBound
    var high = candidates.upperBound
    var depth = 1
    var found: Int?
    while low < high {
      // In this order a text that ends here comes before all that go on.
      while low < high && tokens[low].text.count == depth {
        found = low
        low += 1
      }
      guard low < high, start + depth < text.count else { break }
      let byte = text[start + depth]
      let lower = partition(low, high) { tokens[$0].text[depth] < byte }
      high = partition(lower, high) { tokens[$0].text[depth] <= byte }
      low = lower
      depth += 1
    }
    return found.map { (start..<start + tokens[$0].text.count, $0) }
  }

  /// The first index of `low..<high` for which `isBefore` no longer holds.
  private func partition(_ low: Int, _ high: Int, _ isBefore: (Int) -> Bool) -> Int {
    var low = low
    var high = high
    while low < high {
      let middle = (low + high) / 2
      if isBefore(middle) { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
