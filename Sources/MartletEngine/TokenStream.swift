/// Why the engine ended a request that it had accepted.
package enum EngineError: Error, CustomStringConvertible {
  /// The model could not compute a step of the request.
  case stepFailed(any Error)
  /// The request's time limit has passed.
  case timedOut(limit: Duration, generatedTokens: Int)

  package var description: String {
    switch self {
    case .stepFailed(let error): "the model failed while computing this request: \(error)"
    case .timedOut(let limit, let count):
      "the request's limit of \(limit.seconds) s has passed after \(count) tokens; ask for fewer or allow more time"
    }
  }
}

/// The tokens of one request as they are generated. One task may iterate it, once.
package struct TokenStream: AsyncSequence, Sendable {
  /// The engine's name for the request.
  package let id: SequenceID
  private let stream: AsyncThrowingStream<TokenEvent, any Error>

  init(id: SequenceID, _ stream: AsyncThrowingStream<TokenEvent, any Error>) {
    self.id = id
    self.stream = stream
  }

  package func makeAsyncIterator() -> AsyncThrowingStream<TokenEvent, any Error>.Iterator {
    stream.makeAsyncIterator()
  }
}
