/// A step of a pre-tokenizer that rewrites each piece rather than cut it.
enum Rewrite: Sendable, Equatable {
  /// When `Metaspace` puts its character before a piece that does not begin with it.
  enum PrependScheme: String, Sendable, CaseIterable {
    case first, always, never
  }

  /// Puts a space before a piece that does not begin with one (`ByteLevel` with `add_prefix_space`).
  case prefixSpace
  /// Turns each space into a character, usually `▁`.
  case metaspace([UInt8], PrependScheme)

  /// Appends `piece`, rewritten.
  func append(_ piece: UnsafeBufferPointer<UInt8>, to output: inout [UInt8], startsAtOrigin: inout Bool) {
    switch self {
    case .prefixSpace:
      if piece.first != 0x20 { output.append(0x20) }
      output += piece
    case .metaspace(let character, let scheme):
      let isPrefixed = piece.first == 0x20 || piece.starts(with: character)
      let prepends = scheme == .always || scheme == .first && startsAtOrigin
      if prepends && !isPrefixed { output += character }
      var copied = 0
      for (place, byte) in piece.enumerated() where byte == 0x20 {
        output += piece[copied..<place]
        output += character
        copied = place + 1
      }
      output += piece[copied...]
    }
  }
}
