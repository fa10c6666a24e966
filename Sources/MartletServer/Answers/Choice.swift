internal import Martlet
internal import MartletText

/// One answer of several, or a piece of it: what was generated since the last piece, or altogether.
struct Choice: Sendable {
  let index: Int
  /// Whether the answer begins with this piece.
  var isFirst = true
  var text = ""
  var tokens: [GeneratedToken] = []
  /// Where each token's text begins in the answer, counted in Unicode scalars as in Python.
  var offsets: [Int] = []
  /// The prompt's scored tokens, where they were asked for.
  var promptTokens: [PromptToken]?
  var summary: GenerationSummary?
  /// Unicode scalars of the answer so far.
  private var length = 0

  init(index: Int) { self.index = index }

  /// Whether there is something to tell.
  var isEmpty: Bool { text.isEmpty && tokens.isEmpty && promptTokens == nil && summary == nil && !isFirst }

  mutating func append(text piece: String) {
    text += piece
    length += piece.unicodeScalars.count
  }

  mutating func take(_ event: GenerationEvent) {
    switch event {
    case .prompt(let tokens): promptTokens = tokens
    case .token(let token, let piece):
      tokens.append(token)
      offsets.append(length)
      append(text: piece)
    case .text(let piece): append(text: piece)
    case .finished(let summary): self.summary = summary
    }
  }

  /// Takes what there is as a piece and begins the next one.
  mutating func takePiece() -> Choice {
    let piece = self
    isFirst = false
    text = ""
    tokens = []
    offsets = []
    promptTokens = nil
    return piece
  }
}
