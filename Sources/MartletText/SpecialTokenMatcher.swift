/// Finds tokens that stand for themselves, such as `<|im_start|>`, inside text: the leftmost first, of those that begin at
/// the same place the longest.
struct SpecialTokenMatcher: Sendable {
  /// The texts, sorted bytewise, so that each prefix is a contiguous range.
  private let texts: [[UInt8]]
  private let ids: [Int32]
  /// For each first byte the range of texts that begin with it.
  private let ranges: [Range<Int>]

  /// A matcher for `tokens`. Texts that are empty or not UTF-8 are left out: they could cut a character in two.
  init(_ tokens: [(text: [UInt8], id: Int32)]) {
    let sorted =
      tokens
      .filter { !$0.text.isEmpty && String(validating: $0.text, as: UTF8.self) != nil }
      .sorted { $0.text.lexicographicallyPrecedes($1.text) }
    texts = sorted.map(\.text)
    ids = sorted.map(\.id)
    var ranges = [Range<Int>](repeating: 0..<0, count: 256)
    var start = 0
    while start < sorted.count {
      let byte = sorted[start].text[0]
      var end = start
      while end < sorted.count && sorted[end].text[0] == byte { end += 1 }
      ranges[Int(byte)] = start..<end
      start = end
    }
    self.ranges = ranges
  }

  /// Whether there is nothing to find.
  var isEmpty: Bool { texts.isEmpty }

  /// The first match at or after `start` in `text`.
  func nextMatch(in text: UnsafeBufferPointer<UInt8>, from start: Int) -> (range: Range<Int>, id: Int32)? {
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
  ) -> (range: Range<Int>, id: Int32)? {
    var low = candidates.lowerBound
    var high = candidates.upperBound
    var depth = 1
    var found: Int?
    while low < high {
      // In this order a text that ends here comes before all that go on.
      while low < high && texts[low].count == depth {
        found = low
        low += 1
      }
      guard low < high, start + depth < text.count else { break }
      let byte = text[start + depth]
      let lower = partition(low, high) { texts[$0][depth] < byte }
      high = partition(lower, high) { texts[$0][depth] <= byte }
      low = lower
      depth += 1
    }
    return found.map { (start..<start + texts[$0].count, ids[$0]) }
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
