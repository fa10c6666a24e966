extension SplitPattern {
  /// The scanner for a regular expression that vocabularies split by, or nil if there is none for it.
  init?(regex: String) {
    // Files spell line ends within brackets as escapes or as themselves.
    var spelling = ""
    for scalar in regex.unicodeScalars {
      switch scalar {
      case "\r": spelling += #"\r"#
      case "\n": spelling += #"\n"#
      default: spelling.unicodeScalars.append(scalar)
      }
    }
    guard let known = Self.known[spelling] else { return nil }
    self = known
  }

  private static let known: [String: SplitPattern] = {
    var known: [String: SplitPattern] = [
      #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2,
      #"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2,
      ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"##:
        .deepSeekV3,
      #"[\r\n]"#: .newlines,
      #"\s+$"#: .trailingWhiteSpace,
      #"\s?\p{L}+"#: .letters,
      #"\s?\p{P}+"#: .punctuation,
      "[一-龥\u{0800}-一가-\u{D7FF}]+": .scalars(.deepSeekIdeographs, leadingWhiteSpace: false),
      "[一-龥\u{3040}-ゟ゠-ヿ]+": .scalars(.ideographsAndKana, leadingWhiteSpace: false),
      "\\s?[!-/:-~！-／：-～‘-‟\u{3000}-。]+": .scalars(.deepSeekPunctuation, leadingWhiteSpace: true),
      #"\s?["# + ScalarSet.deepSeekLettersPattern + "]+": .scalars(.deepSeekLetters, leadingWhiteSpace: true),
    ]
    let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    for (digits, spelling) in [(1, #"\p{N}"#), (1, #"\p{N}{1}"#), (2, #"\p{N}{1,2}"#), (3, #"\p{N}{1,3}"#)] {
      known[#"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"# + spelling + rest] = .llama3(digits: digits)
      known[spelling] = .numbers(limit: digits)
    }
    return known
  }()
}
