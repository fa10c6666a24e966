package import MartletText

/// What a generation delivers: text and tokens as they come, and last what it came to.
public enum GenerationEvent: Sendable, Hashable {
  /// The prompt's tokens after the first one, where their log-probabilities were asked for; before anything else.
  case prompt([PromptToken])
  /// A generated token and the text that can be shown since the last event; the text may be empty, since characters
  /// can span tokens and a stop string may have begun.
  case token(GeneratedToken, text: String)
  /// Text that was held back until the end.
  case text(String)
  /// The generation has ended.
  case finished(GenerationSummary)
}

/// What to generate and how.
public struct GenerationOptions: Sendable, Hashable {
  /// How tokens are chosen; greedy unless changed.
  public var sampling = SamplingParameters()
  /// The most tokens to generate; nil generates until the model ends or the context is full.
  public var maxTokens: Int?
  /// Texts that end the generation and are not part of it.
  public var stop: [String] = []
  /// Whether to go on past the tokens with which the model ends a text.
  public var ignoresEndOfText = false
  /// Asks for the log-probability of each token of the prompt after the first and the most probable ones beside it, so many.
  public var promptLogprobs: Int?
  /// A higher priority is computed first, where not all requests fit.
  public var priority = 0
  /// Generations share what the cache has of a prompt only with those of the same salt.
  public var cacheSalt: String?
  /// Who asks: those who ask share a busy engine in equal parts.
  public var tenant: String?
  /// Ends the generation with an error if it takes longer.
  public var timeLimit: Duration?

  /// Greedy until the model ends.
  public init() {}

  /// A shorthand for the options most used.
  public init(maxTokens: Int?, temperature: Float = 0, seed: UInt64? = nil, stop: [String] = []) {
    self.maxTokens = maxTokens
    self.stop = stop
    sampling.temperature = temperature
    sampling.seed = seed
  }
}

/// One generation: iterate it to make it run. It starts at the first element and stops when the iterating task is
/// cancelled or the iterator goes away.
public struct Generation: AsyncSequence, Sendable {
  /// The tokens that are continued.
  public let prompt: [Int32]
  private let engine: Engine
  private var request: Request
  private let tokenizer: Tokenizer?

  package init(engine: Engine, request: Request, tokenizer: Tokenizer?) {
    prompt = request.prompt
    self.engine = engine
    self.request = request
    self.tokenizer = tokenizer
  }

  /// Refuses at once what the first element would be refused for.
  /// - Throws: `RequestError` if the request cannot be honoured.
  package func validate() throws(RequestError) { try request.validate(for: engine.limits) }

  /// So many generations of this prompt, for tasks that run at the same time: the prompt is computed once and its cache
  /// shared. Where the options have a seed, sample `n` (from 0) has `seed + n`, so that each chooses differently and the
  /// first chooses as this generation does.
  public func samples(_ count: Int) -> [Generation] {
    (0..<count).map { index in
      var sample = self
      sample.request.sampling.seed = request.sampling.seed.map { $0 &+ UInt64(index) }
      return sample
    }
  }

  /// The text alone, piece by piece.
  public var text: AsyncCompactMapSequence<Generation, String> {
    compactMap { event in
      switch event {
      case .token(_, let text), .text(let text): text.isEmpty ? nil : text
      case .prompt, .finished: nil
      }
    }
  }

  /// Starts at the first call of `next`.
  public func makeAsyncIterator() -> Iterator { Iterator(self, nil) }

  /// A generation that has been submitted. One task may iterate it, once; dropping it ends it.
  package struct Started: AsyncSequence, Sendable {
    fileprivate let generation: Generation
    fileprivate let stream: TokenStream

    package func makeAsyncIterator() -> Iterator { Iterator(generation, stream) }
  }

  /// Submits generations of one model at once: all of them or, where one cannot be honoured or the queue has no room for
  /// all, none.
  package static func start(_ generations: [Generation]) throws(RequestError) -> [Started] {
    guard let engine = generations.first?.engine else { return [] }
    precondition(generations.allSatisfy { $0.engine === engine }, "the generations are not of one model")
    let streams = try engine.submit(generations.map(\.request))
    return zip(generations, streams).map { Started(generation: $0, stream: $1) }
  }

  /// The running generation.
  public struct Iterator: AsyncIteratorProtocol {
    private enum State {
      case waiting
      case running(SequenceID, AsyncThrowingStream<TokenEvent, any Error>.Iterator)
      case closing(GenerationSummary)
      case done
    }

    private let generation: Generation
    private var state = State.waiting
    private var output: TextOutput<TokenDecoder>
    private var tokenCount = 0

    fileprivate init(_ generation: Generation, _ stream: TokenStream?) {
      self.generation = generation
      if let stream { state = .running(stream.id, stream.makeAsyncIterator()) }
      output = TextOutput(
        decoder: TokenDecoder(generation.tokenizer), stopStrings: generation.request.stopStrings)
    }

    /// The next event; nil after `finished`.
    /// - Throws: `RequestError` before the first event if the request cannot be honoured, later what went wrong while
    ///   it was computed; `CancellationError` if the task was cancelled.
    public mutating func next() async throws -> GenerationEvent? {
      switch state {
      case .waiting:
        let stream = try generation.engine.submit(generation.request)
        state = .running(stream.id, stream.makeAsyncIterator())
        return try await next()
      case .running(let id, var iterator):
        while let event = try await iterator.next() {
          state = .running(id, iterator)
          // Between a stop string and the end, tokens may come that were already on their way.
          if case .token = event, output.isStopped { continue }
          let result = take(event)
          if output.isStopped, case .token = event { generation.engine.stop(id) }
          return result
        }
        state = .done
        // The stream of a cancelled task ends without a summary.
        try Task.checkCancellation()
        return nil
      case .closing(let summary):
        state = .done
        return .finished(summary)
      case .done:
        return nil
      }
    }

    private mutating func take(_ event: TokenEvent) -> GenerationEvent {
      switch event {
      case .prompt(let tokens):
        return .prompt(tokens)
      case .token(let token):
        tokenCount += 1
        return .token(token, text: output.append(token.token))
      case .finished(var summary):
        summary.generatedTokenCount = tokenCount
        // The model may have come to another end before the stop string was found in the text.
        if output.isStopped { summary.reason = .stop }
        let rest = output.finish()
        if rest.isEmpty {
          state = .done
          return .finished(summary)
        }
        state = .closing(summary)
        return .text(rest)
      }
    }
  }
}

/// Decodes with a vocabulary, or to nothing where a model has none.
struct TokenDecoder: TokenTextDecoder, Sendable {
  private var detokenizer: StreamingDetokenizer?

  init(_ tokenizer: Tokenizer?) {
    detokenizer = tokenizer.map { StreamingDetokenizer($0, skipSpecial: true, continuesText: true) }
  }

  mutating func append(_ token: Int32) -> String { detokenizer?.append(token) ?? "" }
  mutating func finish() -> String { detokenizer?.finish() ?? "" }
}
