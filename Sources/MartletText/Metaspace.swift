/// `▁` (U+2581), which stands for a space in vocabularies of SentencePiece.
enum Metaspace {
  static let bytes: [UInt8] = [0xE2, 0x96, 0x81]

  /// Whether one stands at `place` of `text`.
  @inline(__always)
  static func stands(at place: Int, of text: UnsafePointer<UInt8>, end: Int) -> Bool {
    text[place] == 0xE2 && end - place >= 3 && text[place + 1] == 0x96 && text[place + 2] == 0x81
  }

  /// Whether one follows something else in `token`.
  static func isInner(of token: UnsafeBufferPointer<UInt8>) -> Bool {
    guard let base = token.baseAddress else { return false }
    var place = 0
    while place < token.count, stands(at: place, of: base, end: token.count) { place += 3 }
    while place < token.count {
      if stands(at: place, of: base, end: token.count) { return true }
      place += 1
    }
    return false
  }
}
