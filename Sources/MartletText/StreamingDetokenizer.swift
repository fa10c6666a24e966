/// Text out of tokens as they come, whole characters only: what may still become a character is held back until it is
/// one or cannot be any more. All that is returned, put together, is ``Tokenizer/decode(_:skipSpecial:)`` of all tokens,
/// but where byte tokens (`<0xNN>`) spell whole characters and ill-formed bytes after them: those characters stay, while
/// `decode` replaces every byte of such a run.
public struct StreamingDetokenizer: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  private var state: DecodingState

  /// A detokenizer at the start of a text.
  /// - Parameters:
  ///   - skipSpecial: Leaves out control and unknown tokens.
  ///   - continuesText: The tokens go on after other text, so that a space that SentencePiece put before the first one is
  ///     part of the text and stays.
  public init(_ tokenizer: Tokenizer, skipSpecial: Bool = true, continuesText: Bool = false) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
    state = DecodingState(tokenizer.decoder, continuesText: continuesText)
  }

  /// Takes the next token and returns the text that it completes, often empty. An id beyond the vocabulary, which padded
  /// models have logits for, stands for nothing.
  public mutating func append(_ id: Int32) -> String {
    guard id >= 0, Int(id) < tokenizer.vocabularySize, !(skipSpecial && tokenizer.isSpecial(id)) else { return "" }
    state.append(Int(id), isEager: true)
    let held = UTF8Repair.incompleteSuffix(of: state.output)
    let text = UTF8Repair.string(Array(state.output.dropLast(held)))
    state.output.removeFirst(state.output.count - held)
    return text
  }

  /// Ends the text: what was held back becomes U+FFFD.
  public mutating func finish() -> String {
    state.finish()
    let text = UTF8Repair.string(state.output)
    state.output.removeAll()
    return text
  }
}
