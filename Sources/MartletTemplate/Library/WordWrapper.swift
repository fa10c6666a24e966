/// Breaks a line at blanks and hyphens, like Python's `textwrap` as the `wordwrap` filter calls it.
struct WordWrapper {
  let width: Int
  let breaksLongWords: Bool
  let breaksOnHyphens: Bool

  func wrap(_ line: String) -> [String] {
    var chunks = Array(chunks(of: line).reversed())
    var lines: [String] = []
    while !chunks.isEmpty {
      var current: [[Unicode.Scalar]] = []
      var length = 0
      // Blanks that begin a line other than the first are dropped.
      if !lines.isEmpty, isBlank(chunks[chunks.count - 1]) { chunks.removeLast() }
      while let chunk = chunks.last, length + chunk.count <= width {
        current.append(chunk)
        length += chunk.count
        chunks.removeLast()
      }
      if let chunk = chunks.last, chunk.count > width {
        breakWord(&chunks, &current, room: width - length)
      }
      if let last = current.last, isBlank(last) { current.removeLast() }
      if !current.isEmpty {
        var text = String.UnicodeScalarView()
        for chunk in current { text.append(contentsOf: chunk) }
        lines.append(String(text))
      }
    }
    return lines
  }

  private func isBlank(_ chunk: [Unicode.Scalar]) -> Bool { chunk.allSatisfy { $0.isPythonSpace } }

  /// Fills the line with a part of a word that no line can hold.
  private func breakWord(_ chunks: inout [[Unicode.Scalar]], _ current: inout [[Unicode.Scalar]], room: Int) {
    let chunk = chunks[chunks.count - 1]
    if breaksLongWords {
      var end = room
      if breaksOnHyphens, chunk.count > room, let hyphen = chunk.prefix(room).lastIndex(of: "-"), hyphen > 0,
        chunk[..<hyphen].contains(where: { $0 != "-" })
      {
        end = hyphen + 1
      }
      // Without room the part is empty, and takes the place of the blank that the end of a line loses.
      current.append(Array(chunk[..<end]))
      chunks[chunks.count - 1] = Array(chunk[end...])
    } else if current.isEmpty {
      current.append(chunks.removeLast())
    }
  }

  /// Runs of blanks and words; a word may be cut after a hyphen between letters.
  private func chunks(of line: String) -> [[Unicode.Scalar]] {
    var chunks: [[Unicode.Scalar]] = []
    var chunk: [Unicode.Scalar] = []
    let scalars = Array(line.unicodeScalars)
    for (position, scalar) in scalars.enumerated() {
      if let last = chunk.last {
        let changesKind = last.isPythonSpace != scalar.isPythonSpace
        let followsHyphen =
          breaksOnHyphens && last == "-" && position >= 2 && scalars[position - 2].isPythonAlphabetic
          && scalar.isPythonAlphabetic
        if changesKind || followsHyphen {
          chunks.append(chunk)
          chunk = []
        }
      }
      chunk.append(scalar)
    }
    if !chunk.isEmpty { chunks.append(chunk) }
    return chunks
  }
}
