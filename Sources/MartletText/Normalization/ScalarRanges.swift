/// A set of scalars as ascending ranges.
struct ScalarRanges: Sendable {
  private let bounds: [(first: UInt32, last: UInt32)]

  /// The ranges that `text` lists, one or two hexadecimal numbers each.
  private init(_ text: StaticString) {
    var bounds: [(first: UInt32, last: UInt32)] = []
    NormalizationTable.forEachEntry(of: text) { bounds.append(($0[0], $0[$0.count - 1])) }
    self.bounds = bounds
  }

  /// Whether `scalar` is in the set.
  func contains(_ scalar: UInt32) -> Bool {
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if bounds[middle].last < scalar { low = middle + 1 } else { high = middle }
    }
    return low < bounds.count && bounds[low].first <= scalar
  }

  /// What `\w` matches: letters, marks, digits and connectors.
  static let words = ScalarRanges(NormalizationTable.words)
  /// What the pre-tokenizer `Punctuation` isolates.
  static let punctuation = ScalarRanges(NormalizationTable.punctuation)
  /// What the normalizer `StripAccents` takes out.
  static let accents = ScalarRanges(NormalizationTable.accents)

  /// Beyond ASCII the lower case of what has one.
  static let lowercase: [UInt32: [UInt32]] = {
    var mapping: [UInt32: [UInt32]] = [:]
    NormalizationTable.forEachEntry(of: NormalizationTable.lowercase) { mapping[$0[0]] = Array($0.dropFirst()) }
    return mapping
  }()
}
