/// Turns the token ids of one sequence into text piece by piece, never giving half a character.
package protocol TokenTextDecoder {
  /// Takes a token and returns the text that is complete now; may be empty.
  mutating func append(_ token: Int32) -> String
  /// Ends the sequence and returns what was kept back.
  mutating func finish() -> String
}

/// The last stage of a generation: token ids in, text out, until a stop string is met. Whoever consumes the tokens ends
/// their stream when `isStopped` becomes true, which frees the sequence's blocks.
package struct TextOutput<Decoder: TokenTextDecoder> {
  private var decoder: Decoder
  private var matcher: StopMatcher

  /// Decodes with `decoder` and stops at any of the request's stop strings.
  package init(decoder: Decoder, stopStrings: [String]) {
    self.decoder = decoder
    matcher = StopMatcher(stopStrings)
  }

  /// Whether a stop string was found; no text follows.
  package var isStopped: Bool { matcher.match != nil }

  /// Takes a token and returns the text that can be shown now.
  package mutating func append(_ token: Int32) -> String {
    isStopped ? "" : matcher.append(decoder.append(token))
  }

  /// Ends the generation and returns the rest of the text.
  package mutating func finish() -> String {
    isStopped ? "" : matcher.append(decoder.finish()) + matcher.finish()
  }
}

extension TextOutput: Sendable where Decoder: Sendable {}
