/// A text on its way to words: what normalizers and rewriting pre-tokenizers have made of it so far, and the fragments that
/// it consists of, each plain text or an added token. As long as nothing is rewritten the caller's memory is used.
struct PreparedText: ~Copyable {
  struct Fragment {
    var range: Range<Int>
    /// The token that it is, or -1 for plain text.
    var token: Int32
    /// Whether the first character comes from the first one of the original text.
    var startsAtOrigin: Bool
  }

  private let original: UnsafeBufferPointer<UInt8>
  private var rewritten: [UInt8]?
  private(set) var fragments: [Fragment]

  /// All of `text`, which is valid UTF-8, outlives this and is not empty.
  init(_ text: UnsafeBufferPointer<UInt8>) {
    original = text
    fragments = [Fragment(range: 0..<text.count, token: -1, startsAtOrigin: true)]
  }

  /// Calls `body` with the memory that the fragments' ranges are places of.
  borrowing func withText<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    rewritten?.withUnsafeBufferPointer(body) ?? body(original)
  }

  /// Cuts added tokens out of plain fragments.
  mutating func extract(_ matcher: AddedTokenMatcher) {
    if matcher.isEmpty { return }
    cut { text, fragment, parts in
      matcher.forEachPart(of: text, fragment.range) { range, token in
        parts.append(Fragment(range: range, token: token ?? -1, startsAtOrigin: false))
      }
    }
  }

  /// Cuts plain fragments by `stage`.
  mutating func split(_ stage: SplitStage) {
    cut { text, fragment, parts in
      guard let base = text.baseAddress else { return }
      for range in stage.pieces(Scanner(text: base), fragment.range) {
        parts.append(Fragment(range: range, token: -1, startsAtOrigin: false))
      }
    }
  }

  private mutating func cut(_ body: (UnsafeBufferPointer<UInt8>, Fragment, inout [Fragment]) -> Void) {
    var parts: [Fragment] = []
    parts.reserveCapacity(fragments.count)
    withText { text in
      for fragment in fragments {
        if fragment.token >= 0 {
          parts.append(fragment)
          continue
        }
        let first = parts.count
        body(text, fragment, &parts)
        if first < parts.count, parts[first].range.lowerBound == fragment.range.lowerBound {
          parts[first].startsAtOrigin = fragment.startsAtOrigin
        }
      }
    }
    fragments = parts
  }

  /// Rewrites plain fragments: `body` appends what becomes of one, and may tell that it no longer starts at the origin.
  mutating func rewrite(_ body: (UnsafeBufferPointer<UInt8>, inout [UInt8], inout Bool) -> Void) {
    var output: [UInt8] = []
    var parts: [Fragment] = []
    parts.reserveCapacity(fragments.count)
    withText { text in
      output.reserveCapacity(text.count + text.count / 8 + 64)
      for var fragment in fragments {
        if fragment.token < 0 {
          let start = output.count
          body(UnsafeBufferPointer(rebasing: text[fragment.range]), &output, &fragment.startsAtOrigin)
          fragment.range = start..<output.count
          if fragment.range.isEmpty { continue }
        }
        parts.append(fragment)
      }
    }
    rewritten = output
    fragments = parts
  }

  /// Whether all of the text is ASCII.
  borrowing func isASCII() -> Bool {
    withText { text in
      let raw = UnsafeRawBufferPointer(text)
      var index = 0
      while index + 8 <= raw.count {
        if raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 != 0 { return false }
        index += 8
      }
      return raw[index...].allSatisfy { $0 < 0x80 }
    }
  }
}
