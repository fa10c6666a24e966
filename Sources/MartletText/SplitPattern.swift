/// A pattern that text is cut by, written by hand: no regular expressions at run time.
enum SplitPattern: Sendable, Equatable {
  /// GPT-2: `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
  case gpt2
  /// Llama 3 (three digits) and Qwen 2 (one digit):
  /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,D}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`.
  case llama3(digits: Int)
  /// The last pattern of DeepSeek-V3: ``[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|
  /// ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+``.
  case deepSeekV3
  /// `\p{N}{1,limit}`.
  case numbers(limit: Int)
  /// Each digit for itself.
  case digits
  /// `\s`.
  case whiteSpace
  /// `\w+|[^\w\s]+`.
  case wordsOrSigns
  /// Each scalar of ``ScalarRanges/punctuation`` for itself.
  case punctuationMark
  /// A text of so many of the bytes given, lowest first.
  case literal(UInt64, count: Int)
  /// `[\r\n]`.
  case newlines
  /// `\s+$`.
  case trailingWhiteSpace
  /// `\s?\p{L}+`.
  case letters
  /// `\s?\p{P}+`.
  case punctuation
  /// `[set]+`, or `\s?[set]+` if a white space may lead.
  case scalars(ScalarSet, leadingWhiteSpace: Bool)

  /// The first match in `[start, end)` of `scanner`'s text; an empty one at `end` if there is none.
  @inline(__always)
  func nextMatch(_ scanner: Scanner, from start: Int, to end: Int) -> Range<Int> {
    if self == .trailingWhiteSpace {
      var first = end
      while first > start {
        let previous = scanner.previous(first)
        if scanner.step(at: previous).bits & UnicodeClass.whiteSpace == 0 { break }
        first = previous
      }
      return first..<end
    }
    var index = start
    while index < end {
      let matchEnd = match(scanner, at: index, to: end)
      if matchEnd > index { return index..<matchEnd }
      index += scanner.step(at: index).length
    }
    return end..<end
  }

  /// Where the match at `index` ends, or `index` if there is none.
  @inline(__always)
  private func match(_ scanner: Scanner, at index: Int, to end: Int) -> Int {
    typealias Bits = UnicodeClass
    switch self {
    case .gpt2:
      return Self.gpt2(scanner, index, end)
    case .llama3(let digits):
      return Self.llama3(scanner, index, end, digits)
    case .deepSeekV3:
      return Self.deepSeekV3(scanner, index, end)
    case .numbers(let limit):
      return Self.numbers(scanner, index, end, limit)
    case .digits:
      let (bits, length) = scanner.step(at: index)
      return bits & Bits.digit != 0 ? index + length : index
    case .newlines:
      return scanner.step(at: index).bits & Bits.newline != 0 ? index + 1 : index
    case .whiteSpace:
      let (bits, length) = scanner.step(at: index)
      return bits & Bits.whiteSpace != 0 ? index + length : index
    case .wordsOrSigns:
      return Self.wordsOrSigns(scanner, index, end)
    case .punctuationMark:
      let (scalar, length) = scanner.scalar(at: index)
      return ScalarRanges.punctuation.contains(scalar) ? index + length : index
    case .literal(let bytes, let count):
      guard end - index >= count else { return index }
      for offset in 0..<count where scanner.text[index + offset] != UInt8(truncatingIfNeeded: bytes >> (8 * offset)) {
        return index
      }
      return index + count
    case .trailingWhiteSpace:
      return index
    case .letters:
      return Self.spaced(Bits.letter, scanner, index, end)
    case .punctuation:
      return Self.spaced(Bits.punctuation, scanner, index, end)
    case .scalars(let set, let leadingWhiteSpace):
      var first = index
      if leadingWhiteSpace && !set.contains(scanner.scalar(at: index).value) {
        let (bits, length) = scanner.step(at: index)
        if bits & Bits.whiteSpace == 0 { return index }
        first += length
      }
      var last = first
      while last < end {
        let (value, length) = scanner.scalar(at: last)
        if !set.contains(value) { break }
        last += length
      }
      return last > first ? last : index
    }
  }

  /// The pattern of `text`, or nil if it is empty or longer than eight bytes.
  static func literal(_ text: String) -> SplitPattern? {
    guard (1...8).contains(text.utf8.count) else { return nil }
    return .literal(text.utf8.reversed().reduce(0) { $0 << 8 | UInt64($1) }, count: text.utf8.count)
  }

  private static func wordsOrSigns(_ scanner: Scanner, _ index: Int, _ end: Int) -> Int {
    let words = ScalarRanges.words
    var last = index
    var isWord: Bool?
    while last < end {
      let (bits, length) = scanner.step(at: last)
      if bits & UnicodeClass.whiteSpace != 0 { break }
      let isMore = words.contains(scanner.scalar(at: last).value)
      if isMore != isWord ?? isMore { break }
      isWord = isMore
      last += length
    }
    return last
  }

  @inline(__always)
  private static func gpt2(_ scanner: Scanner, _ index: Int, _ end: Int) -> Int {
    typealias Bits = UnicodeClass
    var first = index
    var (bits, length) = scanner.step(at: index)
    if scanner.text[index] == 0x27 {
      let contraction = scanner.contraction(at: index, to: end, ignoringCase: false)
      if contraction > index { return contraction }
    } else if scanner.text[index] == 0x20 {
      let next = scanner.bits(at: index + 1, before: end)
      if index + 1 == end || next & Bits.whiteSpace != 0 { return scanner.whiteSpace(from: index, to: end) }
      first += 1
      bits = next
      length = 0
    }
    if bits & Bits.letter != 0 { return scanner.run(of: Bits.letter, from: first + length, to: end) }
    if bits & Bits.number != 0 { return scanner.run(of: Bits.number, from: first + length, to: end) }
    if bits & Bits.whiteSpace != 0 { return scanner.whiteSpace(from: index, to: end) }
    return scanner.run(without: Bits.whiteSpace | Bits.letter | Bits.number, from: first + length, to: end)
  }

  @inline(__always)
  private static func llama3(_ scanner: Scanner, _ index: Int, _ end: Int, _ digits: Int) -> Int {
    typealias Bits = UnicodeClass
    let (bits, length) = scanner.step(at: index)
    if bits & Bits.letter != 0 { return scanner.run(of: Bits.letter, from: index + length, to: end) }
    if bits & Bits.number != 0 { return numbers(scanner, index, end, digits) }
    if scanner.text[index] == 0x27 {
      let contraction = scanner.contraction(at: index, to: end, ignoringCase: true)
      if contraction > index { return contraction }
    }
    let next = scanner.bits(at: index + length, before: end)
    if bits & Bits.newline == 0 && next & Bits.letter != 0 {
      return scanner.run(of: Bits.letter, from: index + length, to: end)
    }
    let other = Bits.whiteSpace | Bits.letter | Bits.number
    if bits & Bits.whiteSpace == 0 {
      return scanner.newlines(from: scanner.run(without: other, from: index + length, to: end), to: end)
    }
    if scanner.text[index] == 0x20 && index + 1 < end && next & other == 0 {
      return scanner.newlines(from: scanner.run(without: other, from: index + 1, to: end), to: end)
    }
    return scanner.whiteSpaceOrNewlines(from: index, to: end)
  }

  @inline(__always)
  private static func deepSeekV3(_ scanner: Scanner, _ index: Int, _ end: Int) -> Int {
    typealias Bits = UnicodeClass
    let word = Bits.letter | Bits.mark
    let sign = Bits.punctuation | Bits.symbol
    let (bits, length) = scanner.step(at: index)
    if scanner.text[index] < 0x80 && bits & sign != 0 {
      var last = index + 1
      while last < end && (scanner.text[last] | 0x20) &- 0x61 < 26 { last += 1 }
      if last > index + 1 { return last }
    }
    if bits & word != 0 { return scanner.run(of: word, from: index + length, to: end) }
    let next = scanner.bits(at: index + length, before: end)
    if bits & (sign | Bits.newline) == 0 && next & word != 0 {
      return scanner.run(of: word, from: index + length, to: end)
    }
    if bits & sign != 0 || (scanner.text[index] == 0x20 && next & sign != 0) {
      return scanner.newlines(from: scanner.run(of: sign, from: index + length, to: end), to: end)
    }
    return bits & Bits.whiteSpace != 0 ? scanner.whiteSpaceOrNewlines(from: index, to: end) : index
  }

  @inline(__always)
  private static func numbers(_ scanner: Scanner, _ index: Int, _ end: Int, _ limit: Int) -> Int {
    var last = index
    for _ in 0..<limit where last < end {
      let (bits, length) = scanner.step(at: last)
      if bits & UnicodeClass.number == 0 { break }
      last += length
    }
    return last
  }

  @inline(__always)
  private static func spaced(_ mask: UInt8, _ scanner: Scanner, _ index: Int, _ end: Int) -> Int {
    let (bits, length) = scanner.step(at: index)
    if bits & mask != 0 { return scanner.run(of: mask, from: index + length, to: end) }
    if bits & UnicodeClass.whiteSpace == 0 { return index }
    let last = scanner.run(of: mask, from: index + length, to: end)
    return last > index + length ? last : index
  }
}
