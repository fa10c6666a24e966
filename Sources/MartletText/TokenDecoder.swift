/// How tokens become text again.
struct TokenDecoder: Sendable {
  /// What each token stands for.
  let pieces: PieceTable
  /// What each token stands for at the beginning of a text, where that is something else.
  var firstPieces: PieceTable?
  /// For each token the byte that it stands for, or -1; nil without byte fallback.
  var byteValues: FrozenBuffer<Int16>?
  /// Stands between two tokens.
  var separator: [UInt8] = []
  /// An ASCII character that is taken off the beginning of the text, and how often at most.
  var leading: (character: UInt8, count: Int) = (0x20, 0)

  /// Byte strings by token, in one piece of memory.
  struct PieceTable: Sendable {
    let bytes: FrozenBuffer<UInt8>
    let offsets: FrozenBuffer<UInt32>

    init(bytes: FrozenBuffer<UInt8>, offsets: FrozenBuffer<UInt32>) {
      self.bytes = bytes
      self.offsets = offsets
    }

    init(_ table: ByteStringTable) {
      self.init(bytes: FrozenBuffer(table.bytes), offsets: FrozenBuffer(table.offsets))
    }

    func isEmpty(_ id: Int) -> Bool { offsets.base[id] == offsets.base[id + 1] }

    func append(_ id: Int, to output: inout [UInt8]) {
      let start = Int(offsets.base[id])
      withExtendedLifetime(bytes) {
        output += UnsafeBufferPointer(start: bytes.base + start, count: Int(offsets.base[id + 1]) - start)
      }
    }
  }
}

/// Where a decoder stands within a text: bytes that wait to be whole characters, what is still to be taken off the
/// beginning.
struct DecodingState: Sendable {
  private let decoder: TokenDecoder
  private var isFirst: Bool
  private var leadingLeft: Int
  /// The bytes of byte tokens in a row.
  private var run: [UInt8] = []
  /// What came out and was not taken yet.
  var output: [UInt8] = []

  /// The state before the first token, or within a text that other tokens began if `continuesText`.
  init(_ decoder: TokenDecoder, continuesText: Bool = false) {
    self.decoder = decoder
    isFirst = !continuesText
    leadingLeft = continuesText ? 0 : decoder.leading.count
  }

  /// Takes a token of the vocabulary. Byte tokens in a row are text if all together are UTF-8, else one U+FFFD each, as in
  /// Hugging Face tokenizers.
  /// - Parameter isEager: Lets bytes go as soon as they are whole characters.
  mutating func append(_ id: Int, isEager: Bool) {
    let byte = decoder.byteValues?.base[id] ?? -1
    // An id that the vocabulary leaves out is as if it were not there.
    if byte < 0 && decoder.pieces.isEmpty(id) { return }
    let start = output.count
    if !isFirst { output += decoder.separator }
    if byte >= 0 {
      run.append(UInt8(truncatingIfNeeded: byte))
      if isEager && run.withUnsafeBufferPointer(UTF8Repair.isValid) { flushRun() }
    } else {
      flushRun()
      (isFirst ? decoder.firstPieces ?? decoder.pieces : decoder.pieces).append(id, to: &output)
    }
    isFirst = false
    strip(from: start)
  }

  /// Ends the text.
  mutating func finish() {
    let start = output.count
    flushRun()
    strip(from: start)
  }

  private mutating func flushRun() {
    if run.isEmpty { return }
    if run.withUnsafeBufferPointer(UTF8Repair.isValid) {
      output += run
    } else {
      for _ in run { output += UTF8Repair.replacement }
    }
    run.removeAll(keepingCapacity: true)
  }

  private mutating func strip(from start: Int) {
    while leadingLeft > 0 && start < output.count {
      if output[start] != decoder.leading.character {
        leadingLeft = 0
        return
      }
      output.remove(at: start)
      leadingLeft -= 1
    }
  }
}
