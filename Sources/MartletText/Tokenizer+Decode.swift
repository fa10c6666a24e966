extension Tokenizer {
  /// The bytes that `id` stands for, or nil if the vocabulary has no such token. They need not be whole characters; a
  /// control token stands for its name.
  public func bytes(of id: Int32) -> [UInt8]? {
    guard id >= 0, Int(id) < vocabularySize else { return nil }
    if let byte = decoder.byteValues?.base[Int(id)], byte >= 0 { return [UInt8(truncatingIfNeeded: byte)] }
    var bytes: [UInt8] = []
    decoder.pieces.append(Int(id), to: &bytes)
    return bytes
  }

  /// The token that is spelled `text`: a control token by its name, another by the text it stands for or by its spelling
  /// in the vocabulary's own alphabet (`Ġthe`, `▁the`).
  public func token(for text: String) -> Int32? {
    var text = text
    return text.withUTF8 { utf8 in
      if let id = find(utf8) { return id }
      switch pipeline.vocabulary.model {
      case .byteLevel:
        return ByteAlphabet.decode(utf8).flatMap { $0.withUnsafeBufferPointer { find($0) } }
      case .characters, .unigram:
        var plain: [UInt8] = []
        for byte in utf8 {
          if byte == 0x20 { plain += Metaspace.bytes } else { plain.append(byte) }
        }
        return plain.withUnsafeBufferPointer { find($0) }
      }
    }
  }

  private func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32? {
    guard let base = bytes.baseAddress else { return nil }
    return withExtendedLifetime(pipeline) {
      let id = pipeline.vocabulary.index.view.find(base, bytes.count)
      return id >= 0 ? id : nil
    }
  }

  /// The text of `ids`. What is not UTF-8 becomes U+FFFD, as in Python's `errors="replace"`; of byte tokens in a row
  /// (`<0xNN>`) that are not, each becomes one. The space that SentencePiece puts before every text is taken off again.
  /// - Parameter skipSpecial: Leaves out control and unknown tokens.
  /// - Throws: ``TextError/tokenOutOfRange(role:id:vocabularySize:)``.
  public func decode(_ ids: some Sequence<Int32>, skipSpecial: Bool = true) throws(TextError) -> String {
    var state = DecodingState(decoder)
    for id in ids {
      guard id >= 0, Int(id) < vocabularySize else {
        throw .tokenOutOfRange(role: "an id to decode", id: id, vocabularySize: vocabularySize)
      }
      if skipSpecial && isSpecial(id) { continue }
      state.append(Int(id), isEager: false)
    }
    state.finish()
    return UTF8Repair.string(state.output)
  }
}
