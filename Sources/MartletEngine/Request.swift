/// One generation asked of the engine: a plain description, which may be submitted any number of times.
package struct Request: Sendable, Hashable {
  /// The tokens to continue; at least one.
  package var prompt: [Int32]
  package var sampling: SamplingParameters
  /// The most tokens to generate; nil generates until the context or the KV cache is full.
  package var maxTokens: Int?
  /// Tokens that end the generation without being part of it.
  package var stopTokens: Set<Int32>
  /// Texts that end the generation and are cut off. Tokens know no text, so `TextOutput` watches for these.
  package var stopStrings: [String]
  /// A higher priority is scheduled first; equals in the order of arrival.
  package var priority: Int
  /// The adapter to run with; nil is the base model.
  package var adapter: String?
  /// Requests share cached prefixes only with requests of the same salt: one per tenant keeps tenants apart.
  package var cacheSalt: String?
  /// Who asks. Of requests of equal priority, those of a tenant that has had less of the engine go first.
  package var tenant: String?
  /// Ends the request with an error if it has not ended by itself so long after its submission.
  package var timeLimit: Duration?
  /// Asks for the log-probability of each token of the prompt and the most probable ones beside it, so many. The prompt is
  /// then computed whole, whatever the cache has of it.
  package var promptLogprobs: Int?

  package init(
    prompt: [Int32], sampling: SamplingParameters = SamplingParameters(), maxTokens: Int? = nil,
    stopTokens: Set<Int32> = [], stopStrings: [String] = [], priority: Int = 0, adapter: String? = nil,
    cacheSalt: String? = nil, tenant: String? = nil, timeLimit: Duration? = nil, promptLogprobs: Int? = nil
  ) {
    self.prompt = prompt
    self.sampling = sampling
    self.maxTokens = maxTokens
    self.stopTokens = stopTokens
    self.stopStrings = stopStrings
    self.priority = priority
    self.adapter = adapter
    self.cacheSalt = cacheSalt
    self.tenant = tenant
    self.timeLimit = timeLimit
    self.promptLogprobs = promptLogprobs
  }

  /// Refuses what no model could honour.
  package func validate() throws(RequestError) {
    guard !prompt.isEmpty else { throw .empty(field: "prompt") }
    if let maxTokens, maxTokens < 1 {
      throw .outOfRange(field: "max_tokens", found: "\(maxTokens)", expected: "1 or more")
    }
    guard !stopStrings.contains("") else { throw .empty(field: "stop") }
    let most = SamplingParameters.maximumLogprobs
    if let promptLogprobs, !(0...most).contains(promptLogprobs) {
      throw .outOfRange(field: "prompt_logprobs", found: "\(promptLogprobs)", expected: "from 0 to \(most)")
    }
    try sampling.validate()
  }

  /// Refuses what this model and this KV cache cannot honour: unknown tokens and adapters, a prompt that never fits.
  package func validate(for limits: EngineLimits) throws(RequestError) {
    try validate()
    let size = limits.vocabularySize
    for (field, tokens) in [("prompt", prompt), ("logit_bias", Array(sampling.logitBias.keys))] {
      if let token = tokens.first(where: { $0 < 0 || Int($0) >= size }) {
        throw .unknownToken(field: field, token: token, vocabularySize: size)
      }
    }
    if let adapter, !limits.adapters.contains(adapter) {
      throw .unknownAdapter(name: adapter, loaded: limits.adapters.sorted())
    }
    guard prompt.count < limits.contextLength else {
      throw .exceedsContext(promptTokens: prompt.count, contextLength: limits.contextLength)
    }
    guard prompt.count < limits.cacheTokens else {
      throw .exceedsCache(promptTokens: prompt.count, cacheTokens: limits.cacheTokens)
    }
  }
}
