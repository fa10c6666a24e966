/// The contents of the files that describe a tokenizer in a folder of Hugging Face.
public struct TokenizerFiles: Sendable {
  /// `tokenizer.json`.
  public var tokenizer: [UInt8]
  /// `tokenizer_config.json`: which tokens begin and end a text.
  public var configuration: [UInt8]?
  /// `special_tokens_map.json`: the same for what the configuration leaves out.
  public var specialTokens: [UInt8]?
  /// `generation_config.json`: which tokens end generation.
  public var generation: [UInt8]?

  /// The contents given; only the first is needed.
  public init(
    tokenizer: [UInt8], configuration: [UInt8]? = nil, specialTokens: [UInt8]? = nil, generation: [UInt8]? = nil
  ) {
    self.tokenizer = tokenizer
    self.configuration = configuration
    self.specialTokens = specialTokens
    self.generation = generation
  }

  static let tokenizerName = "tokenizer.json"
  static let configurationName = "tokenizer_config.json"
  static let specialTokensName = "special_tokens_map.json"
  static let generationName = "generation_config.json"
}
