extension EncodingSession {
  /// A ``ByteLevelModel`` in plain pointers.
  struct ByteLevel: SessionModel {
    let merges: MergeTable.View
    let byteTokens: UnsafePointer<Int32>
    let ignoresMerges: Bool
    let unknown: UnknownRule

    init(_ model: ByteLevelModel) {
      merges = model.merges.view
      byteTokens = model.byteTokens.base
      ignoresMerges = model.ignoresMerges
      unknown = model.unknown
    }

    @inline(__always)
    func encode(_ range: Range<Int>, _ session: inout EncodingSession) {
      guard let hash = session.output.appendKnown(session.text, range.lowerBound, range.count) else { return }
      let tokenStart = session.output.count
      session.mergeBytes(range, self)
      session.output.remember(range.lowerBound, range.count, hash: hash, tokenStart: tokenStart)
    }
  }

  fileprivate mutating func mergeBytes(_ word: Range<Int>, _ model: ByteLevel) {
    if word.count > Self.longestWord {
      let middle = word.lowerBound + Self.longestWord
      mergeBytes(word.lowerBound..<middle, model)
      return mergeBytes(middle..<word.upperBound, model)
    }
    if model.ignoresMerges {
      let id = textToken(word.lowerBound, word.count)
      if id >= 0 { return output.append(id) }
    }
    merger.begin(symbolCount: word.count)
    for place in word {
      let start = UInt32(truncatingIfNeeded: place - word.lowerBound)
      let id = model.byteTokens[Int(text[place])]
      if id >= 0 {
        merger.append(Symbol(id: id, start: start, length: 1))
      } else {
        merger.appendUnknown(model.unknown, start: start, length: 1)
      }
    }
    merger.run(model.merges)
    for place in 0..<merger.count { output.append(merger.symbols[place].id) }
  }

  /// A ``CharacterModel`` in plain pointers.
  struct Characters: SessionModel {
    let rule: CharacterModel.Rule
    let byteTokens: UnsafePointer<Int32>?
    let cutsBeforeMetaspace: Bool
    let ignoresMerges: Bool
    let unknown: UnknownRule

    init(_ model: CharacterModel) {
      rule = model.rule
      byteTokens = model.byteTokens?.base
      cutsBeforeMetaspace = model.cutsBeforeMetaspace
      ignoresMerges = model.ignoresMerges
      unknown = model.unknown
    }

    func encode(_ range: Range<Int>, _ session: inout EncodingSession) {
      if ignoresMerges {
        let id = session.textToken(range.lowerBound, range.count)
        if id >= 0 { return session.output.append(id) }
      }
      var start = range.lowerBound
      while start < range.upperBound {
        let end = session.wordEnd(from: start, to: range.upperBound, cutsBeforeMetaspace: cutsBeforeMetaspace)
        if let hash = session.output.appendKnown(session.text, start, end - start) {
          let tokenStart = session.output.count
          session.mergeCharacters(start..<end, self)
          session.output.remember(start, end - start, hash: hash, tokenStart: tokenStart)
        }
        start = end
      }
    }
  }

  fileprivate mutating func mergeCharacters(_ word: Range<Int>, _ model: Characters) {
    if word.count > Self.longestWord {
      var middle = word.lowerBound + Self.longestWord
      while text[middle] & 0xC0 == 0x80 { middle -= 1 }
      mergeCharacters(word.lowerBound..<middle, model)
      return mergeCharacters(middle..<word.upperBound, model)
    }
    merger.begin(symbolCount: word.count)
    let base = text + word.lowerBound
    switch model.rule {
    case .merges(let table):
      forEachCharacter(of: word) { session, start, length in
        let id = session.textToken(word.lowerBound + start, length)
        let place = UInt32(truncatingIfNeeded: start)
        if id >= 0 {
          session.merger.append(Symbol(id: id, start: place, length: UInt32(truncatingIfNeeded: length)))
        } else if let bytes = model.byteTokens, (0..<length).allSatisfy({ bytes[Int(base[start + $0])] >= 0 }) {
          // An unknown token that waits to be fused comes after these bytes, as in Hugging Face tokenizers.
          for offset in 0..<length {
            session.merger.insertBeforeUnknown(
              Symbol(id: bytes[Int(base[start + offset])], start: place + UInt32(truncatingIfNeeded: offset), length: 1)
            )
          }
        } else {
          session.merger.appendUnknown(model.unknown, start: place, length: UInt32(truncatingIfNeeded: length))
        }
      }
      merger.run(table.view)
      for place in 0..<merger.count { output.append(merger.symbols[place].id) }
    case .scores(let ranks):
      forEachCharacter(of: word) { session, start, length in
        let id = session.index.find(base + start, length)
        session.merger.append(
          Symbol(
            id: id >= 0 && ranks.base[Int(id)] != .max ? id : -1, start: UInt32(truncatingIfNeeded: start),
            length: UInt32(truncatingIfNeeded: length)))
      }
      merger.run(SentencePieceRule(word: base, index: index, ranks: ranks.base, longest: longestToken))
      for place in 0..<merger.count { appendOrFallBack(merger.symbols[place], base, model) }
    }
  }

  /// Calls `body` with the place within `word` and the length of each of its characters.
  @inline(__always)
  private mutating func forEachCharacter(of word: Range<Int>, _ body: (inout Self, Int, Int) -> Void) {
    var start = word.lowerBound
    while start < word.upperBound {
      var end = start + 1
      while end < word.upperBound && text[end] & 0xC0 == 0x80 { end += 1 }
      body(&self, start - word.lowerBound, end - start)
      start = end
    }
  }

  /// Adds the token of `symbol`; where it has none, those of its bytes, or the unknown token for what lacks these too.
  private mutating func appendOrFallBack(_ symbol: Symbol, _ word: UnsafePointer<UInt8>, _ model: Characters) {
    if symbol.id >= 0 { return output.append(symbol.id) }
    let places = Int(symbol.start)..<Int(symbol.start) + Int(symbol.length)
    if let bytes = model.byteTokens, places.allSatisfy({ bytes[Int(word[$0])] >= 0 }) {
      for place in places { output.append(bytes[Int(word[place])]) }
    } else if let unknown = model.unknown.token {
      output.append(unknown)
    }
  }
}
