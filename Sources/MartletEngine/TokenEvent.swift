/// Why a generation ended by itself.
public enum FinishReason: String, Sendable, Hashable {
  /// The model gave a stop token, or its text reached a stop string.
  case stop
  /// `maxTokens`, the context or the KV cache was exhausted.
  case length
}

/// A token and the logarithm of its probability under the model's own distribution: no penalty, bias or temperature.
public struct TokenLogprob: Sendable, Hashable {
  /// The token's id.
  public let token: Int32
  /// The natural logarithm of its probability.
  public let logprob: Float

  /// Pairs a token with its log-probability.
  public init(token: Int32, logprob: Float) {
    self.token = token
    self.logprob = logprob
  }
}

/// A generated token.
public struct GeneratedToken: Sendable, Hashable {
  /// The token's id.
  public let token: Int32
  /// Its log-probability, where the request asked for log-probabilities.
  public let logprob: Float?
  /// The most probable tokens, best first, as many as the request asked for.
  public let top: [TokenLogprob]

  /// A token, with log-probabilities where they were asked for.
  public init(token: Int32, logprob: Float? = nil, top: [TokenLogprob] = []) {
    self.token = token
    self.logprob = logprob
    self.top = top
  }
}

/// A token of a prompt with its log-probability after the tokens before it.
public struct PromptToken: Sendable, Hashable {
  /// The token's id.
  public let token: Int32
  /// The natural logarithm of its probability under the model's own distribution.
  public let logprob: Float
  /// How many tokens are more probable, plus one.
  public let rank: Int
  /// The most probable tokens, best first, as many as the request asked for.
  public let top: [TokenLogprob]
}

/// What a generation came to.
public struct GenerationSummary: Sendable, Hashable {
  /// Why it ended.
  public internal(set) var reason: FinishReason
  /// Tokens of the prompt, cached ones included.
  public let promptTokenCount: Int
  /// Prompt tokens that were not computed because the KV cache had them.
  public let cachedTokenCount: Int
  /// Tokens delivered; a stop token is not one of them.
  public internal(set) var generatedTokenCount: Int
  /// From submission to the start of the first step that computed something of the request.
  public let queueTime: Duration
  /// From submission to the first sampled token.
  public let firstTokenTime: Duration
  /// From submission to the end.
  public let totalTime: Duration
}

extension GenerationSummary {
  /// Prompt tokens computed per second until the first token was there; nil if the cache had them all.
  public var promptTokensPerSecond: Double? {
    Self.rate(promptTokenCount - cachedTokenCount, firstTokenTime - queueTime)
  }

  /// Tokens per second after the first one; nil if there were not two.
  public var tokensPerSecond: Double? { Self.rate(generatedTokenCount - 1, totalTime - firstTokenTime) }

  private static func rate(_ count: Int, _ time: Duration) -> Double? {
    count > 0 && time > .zero ? Double(count) / time.seconds : nil
  }
}

extension Duration {
  /// The duration as a number of seconds.
  public var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

/// What the stream of a request delivers: any number of tokens and, last, the summary.
package enum TokenEvent: Sendable, Hashable {
  /// The prompt's tokens after the first one, where the request asked for their log-probabilities; before any other.
  case prompt([PromptToken])
  case token(GeneratedToken)
  case finished(GenerationSummary)
}
