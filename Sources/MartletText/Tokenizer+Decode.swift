extension Tokenizer {
  /// The bytes that `id` stands for, or nil if the vocabulary has no such token. They need not be whole characters; a
  /// control token stands for its name.
  public func bytes(of id: Int32) -> [UInt8]? {
    guard id >= 0, Int(id) < vocabularySize else { return nil }
    var bytes: [UInt8] = []
    appendBytes(of: Int(id), to: &bytes)
    return bytes
  }

  /// The token that is spelled `text`: a control token by its name, another by the text it stands for or by its spelling
  /// in the vocabulary's own alphabet (`Ġthe`, `▁the`).
  public func token(for text: String) -> Int32? {
    var text = text
    return text.withUTF8 { utf8 in
      if let id = find(utf8) { return id }
      switch vocabulary.merging {
      case .merges:
        return ByteAlphabet.decode(utf8).flatMap { $0.withUnsafeBufferPointer { find($0) } }
      case .scores:
        var plain: [UInt8] = []
        for byte in utf8 {
          if byte == 0x20 { plain.append(contentsOf: Vocabulary.metaspace) } else { plain.append(byte) }
        }
        return plain.withUnsafeBufferPointer { find($0) }
      }
    }
  }

  private func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard let base = bytes.baseAddress else { return nil }
    return withExtendedLifetime(vocabulary) {
      let id = vocabulary.index.view.find(base, bytes.count)
      return id >= 0 ? id : nil
    }
  }

  /// The text of `ids`. What is not UTF-8 becomes U+FFFD, as in Python's `errors="replace"`. The space that SentencePiece
  /// puts before every text is taken off again.
  /// - Parameter skipSpecial: Leaves out control and unknown tokens.
  /// - Throws: ``TextError/tokenOutOfRange(role:id:vocabularySize:)``.
  public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) throws(TextError) -> String {
    var bytes: [UInt8] = []
    for id in ids {
      guard id >= 0, Int(id) < vocabularySize else {
        throw .tokenOutOfRange(role: "an id to decode", id: id, vocabularySize: vocabularySize)
      }
      if skipSpecial && isSpecial(id) { continue }
      appendBytes(of: Int(id), to: &bytes)
    }
    if addsSpacePrefix && bytes.first == 0x20 { bytes.removeFirst() }
    return UTF8Repair.string(bytes)
  }

  /// Appends the bytes that `id`, an id of the vocabulary, stands for.
  func appendBytes(of id: Int, to output: inout [UInt8]) {
    withExtendedLifetime(vocabulary) {
      let index = vocabulary.index
      let range = Int(index.offsets.base[id])..<Int(index.offsets.base[id + 1])
      let stored = UnsafeBufferPointer(start: index.bytes.base + range.lowerBound, count: range.count)
      guard case .scores = vocabulary.merging else { return output.append(contentsOf: stored) }
      switch vocabulary.kinds[id] {
      case .byte:
        if let byte = Vocabulary.byte(spelledBy: Array(stored)[...]) { output.append(byte) }
      case .control, .unknown, .userDefined:
        output.append(contentsOf: stored)
      case .normal, .unused:
        var place = 0
        while place < stored.count {
          if stored[place...].starts(with: Vocabulary.metaspace) {
            output.append(0x20)
            place += Vocabulary.metaspace.count
          } else {
            output.append(stored[place])
            place += 1
          }
        }
      }
    }
  }
}
