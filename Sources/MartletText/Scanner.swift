/// Steps over UTF-8 text by scalars and their classes: what the split patterns are written in.
///
/// The text is valid UTF-8 and every `end` given is a scalar's boundary, so that no sequence reaches beyond it.
package struct Scanner {
  let text: UnsafePointer<UInt8>
  let classes: UnicodeClass.View

  /// A scanner of `text` with the classes of `UnicodeClass`.
  package init(text: UnsafePointer<UInt8>) {
    self.text = text
    classes = UnicodeClass.view
  }

  /// The scalar at `index` and its length in bytes.
  @inline(__always)
  func scalar(at index: Int) -> (value: UInt32, length: Int) { Self.scalar(text, index) }

  /// The scalar at `index` of `text`, which is valid UTF-8, and its length in bytes.
  @inline(__always)
  static func scalar(_ text: UnsafePointer<UInt8>, _ index: Int) -> (value: UInt32, length: Int) {
    let first = UInt32(text[index])
    if first < 0x80 { return (first, 1) }
    let second = UInt32(text[index + 1] & 0x3F)
    if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
    let third = UInt32(text[index + 2] & 0x3F)
    if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
    return ((first & 0x07) << 18 | second << 12 | third << 6 | UInt32(text[index + 3] & 0x3F), 4)
  }

  /// The class bits of the scalar at `index` and its length in bytes.
  @inline(__always)
  func step(at index: Int) -> (bits: UInt8, length: Int) {
    let byte = text[index]
    if byte < 0x80 { return (classes.bits(ascii: byte), 1) }
    let (value, length) = scalar(at: index)
    return (classes.bits(value), length)
  }

  /// The class bits of the scalar at `index`, none at `end`.
  @inline(__always)
  func bits(at index: Int, before end: Int) -> UInt8 {
    index < end ? step(at: index).bits : 0
  }

  /// Where the run of scalars from `index` ends that have any bit of `mask`.
  @inline(__always)
  func run(of mask: UInt8, from index: Int, to end: Int) -> Int {
    var index = index
    while index < end {
      let (bits, length) = step(at: index)
      if bits & mask == 0 { break }
      index += length
    }
    return index
  }

  /// Where the run of scalars from `index` ends that have no bit of `mask`.
  @inline(__always)
  func run(without mask: UInt8, from index: Int, to end: Int) -> Int {
    var index = index
    while index < end {
      let (bits, length) = step(at: index)
      if bits & mask != 0 { break }
      index += length
    }
    return index
  }

  /// Where the run of line ends (`[\r\n]*`) from `index` ends.
  @inline(__always)
  func newlines(from index: Int, to end: Int) -> Int {
    var index = index
    while index < end && (text[index] == 0x0A || text[index] == 0x0D) { index += 1 }
    return index
  }

  /// Where the scalar that ends at `index` begins.
  @inline(__always)
  func previous(_ index: Int) -> Int {
    var index = index - 1
    while text[index] & 0xC0 == 0x80 { index -= 1 }
    return index
  }

  /// `\s+(?!\S)|\s+` at white space: all of it at the end of the text, else all but its last scalar, which the next
  /// piece takes; a lone one is a piece itself.
  @inline(__always)
  func whiteSpace(from index: Int, to end: Int) -> Int {
    let runEnd = run(of: UnicodeClass.whiteSpace, from: index, to: end)
    if runEnd == end { return end }
    let last = previous(runEnd)
    return last == index ? runEnd : last
  }

  /// `\s*[\r\n]+|\s+(?!\S)|\s+` at white space: up to the last line end of the run if it has one.
  @inline(__always)
  func whiteSpaceOrNewlines(from index: Int, to end: Int) -> Int {
    let runEnd = run(of: UnicodeClass.whiteSpace, from: index, to: end)
    var lineEnd = runEnd
    while lineEnd > index && text[lineEnd - 1] != 0x0A && text[lineEnd - 1] != 0x0D { lineEnd -= 1 }
    if lineEnd > index { return lineEnd }
    if runEnd == end { return end }
    let last = previous(runEnd)
    return last == index ? runEnd : last
  }

  /// `'s|'t|'re|'ve|'m|'ll|'d` at an apostrophe: where it ends, or `index` if there is none. Without regard to case
  /// U+017F, the long s, is an s too, as in every engine that folds case by Unicode's rules.
  @inline(__always)
  func contraction(at index: Int, to end: Int, ignoringCase: Bool) -> Int {
    guard index + 1 < end else { return index }
    let fold: UInt8 = ignoringCase ? 0x20 : 0
    switch text[index + 1] | fold {
    case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
      return index + 2
    case UInt8(ascii: "r"), UInt8(ascii: "v"):
      return index + 2 < end && text[index + 2] | fold == UInt8(ascii: "e") ? index + 3 : index
    case UInt8(ascii: "l"):
      return index + 2 < end && text[index + 2] | fold == UInt8(ascii: "l") ? index + 3 : index
    default:
      let isLongS = ignoringCase && text[index + 1] == 0xC5 && text[index + 2] == 0xBF
      return isLongS ? index + 3 : index
    }
  }
}
