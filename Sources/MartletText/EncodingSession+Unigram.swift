/// The best way to each place of a word: scratch memory of ``UnigramModel``.
struct ViterbiPaths {
  /// The end of the best piece that ends here.
  struct Node {
    var score: Double
    /// Where the piece begins, or -1 if none ends here.
    var start: Int32
    var token: Int32
  }

  fileprivate var nodes: [Node] = []
  /// The pieces of the best path, last first.
  fileprivate var pieces: [(start: Int, end: Int, token: Int32)] = []
}

extension UnigramModel: SessionModel {
  func encode(_ range: Range<Int>, _ session: inout EncodingSession) {
    var start = range.lowerBound
    // Every path goes through the places where text is cut. The score goes on there, so that sums are rounded, and ties
    // broken, as they are in the whole.
    var score = 0.0
    while start < range.upperBound {
      var end = session.wordEnd(from: start, to: range.upperBound, cutsBeforeMetaspace: cutsBeforeMetaspace)
      if end - start > EncodingSession.longestWord {
        end = start + EncodingSession.longestWord
        while session.text[end] & 0xC0 == 0x80 { end -= 1 }
      }
      score = session.encodeBestPath(start..<end, self, score)
      start = end
    }
  }
}

extension EncodingSession {
  /// Adds the tokens of the best path through `word`, to whose start the best score is `score`, and returns the best
  /// score to its end.
  fileprivate mutating func encodeBestPath(_ word: Range<Int>, _ model: UnigramModel, _ score: Double) -> Double {
    let size = word.count
    let base = text + word.lowerBound
    paths.nodes.removeAll(keepingCapacity: true)
    paths.nodes.append(contentsOf: repeatElement(ViterbiPaths.Node(score: 0, start: -1, token: -1), count: size + 1))
    paths.nodes[0].score = score
    let index = index
    let isText = isText
    paths.nodes.withUnsafeMutableBufferPointer { nodes in
      var start = 0
      while start < size {
        let till = nodes[start].score
        var end = start + 1
        while end < size && base[end] & 0xC0 == 0x80 { end += 1 }
        let characterEnd = end
        var hasSingle = false
        func offer(_ end: Int, _ candidate: Double, _ token: Int32) {
          if nodes[end].start < 0 || candidate > nodes[end].score {
            nodes[end] = .init(score: candidate, start: Int32(truncatingIfNeeded: start), token: token)
          }
        }
        var last = characterEnd
        if start + 1 < size {
          let longest = model.longest.base[Int(base[start]) << 8 | Int(base[start + 1])]
          last = min(size, max(last, start + Int(longest)))
        }
        while end <= last {
          let id = index.find(base + start, end - start)
          if id >= 0 && isText[Int(id)] {
            offer(end, model.scores.base[Int(id)] + till, id)
            if end == characterEnd { hasSingle = true }
          }
          if end == size { break }
          end += 1
          while end < size && base[end] & 0xC0 == 0x80 { end += 1 }
        }
        if !hasSingle { offer(characterEnd, model.unknownScore + till, model.unknownToken) }
        start = characterEnd
      }
    }
    collectPieces(size, model)
    for piece in paths.pieces.reversed() { appendPiece(piece, word.lowerBound, model) }
    return paths.nodes[size].score
  }

  /// Walks the best path back; unknown neighbours are one piece.
  private mutating func collectPieces(_ size: Int, _ model: UnigramModel) {
    paths.pieces.removeAll(keepingCapacity: true)
    var end = size
    while end > 0 {
      let node = paths.nodes[end]
      let start = Int(node.start)
      if node.token == model.unknownToken, let last = paths.pieces.last, last.token == model.unknownToken {
        paths.pieces[paths.pieces.count - 1].start = start
      } else {
        paths.pieces.append((start, end, node.token))
      }
      end = start
    }
  }

  private mutating func appendPiece(
    _ piece: (start: Int, end: Int, token: Int32), _ wordStart: Int, _ model: UnigramModel
  ) {
    if piece.token != model.unknownToken { return output.append(piece.token) }
    // What is unknown bit by bit may be a token as a whole.
    let id = textToken(wordStart + piece.start, piece.end - piece.start)
    if id >= 0 { return output.append(id) }
    let places = wordStart + piece.start..<wordStart + piece.end
    if let bytes = model.byteTokens?.base, places.allSatisfy({ bytes[Int(text[$0])] >= 0 }) {
      for place in places { output.append(bytes[Int(text[place])]) }
    } else {
      output.append(model.unknownToken)
    }
  }
}
