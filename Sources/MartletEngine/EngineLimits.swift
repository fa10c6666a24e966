/// The sizes that the model, its KV cache and the operator set for the engine.
package struct EngineLimits: Sendable, Hashable {
  /// Token ids are below this.
  package var vocabularySize: Int
  /// The most tokens of one sequence, prompt and output together.
  package var contextLength: Int
  /// Tokens in one block of the KV cache.
  package var blockSize: Int
  /// Blocks in the KV cache.
  package var blockCount: Int
  /// The most sequences that hold blocks at a time.
  package var maximumSequences: Int
  /// The most sequences beyond `maximumSequences` that the engine takes; they wait, and a request beyond is refused. Nil
  /// sets no limit.
  package var maximumWaiting: Int?
  /// The most tokens that one step computes; longer prompts are cut into chunks.
  package var tokensPerStep: Int
  /// The names of the adapters that the runner has loaded.
  package var adapters: Set<String>
  /// The trained context if keys depend on the length of a prompt that is longer; nil if they never do.
  package var rotaryContext: Int?
  /// Whether a sequence is computed by steps that depend on its own request only, whatever else is in the batch: for devices
  /// on which the bits of a token depend on the tokens beside it. See ``Scheduler``.
  package var isDeterministic: Bool

  /// All sizes must be positive, and the cache's slots must be countable in an `Int32`.
  package init(
    vocabularySize: Int, contextLength: Int, blockSize: Int = 16, blockCount: Int, maximumSequences: Int = 256,
    tokensPerStep: Int = 512, adapters: Set<String> = [], rotaryContext: Int? = nil,
    maximumWaiting: Int? = nil, isDeterministic: Bool = false
  ) {
    let sizes = [vocabularySize, contextLength, blockSize, blockCount, maximumSequences, tokensPerStep]
    precondition(sizes.allSatisfy { $0 > 0 }, "every limit of the engine must be positive")
    let (slots, overflow) = blockCount.multipliedReportingOverflow(by: blockSize)
    precondition(!overflow && slots <= Int(Int32.max), "the KV cache's slots must be countable in 32 bits")
    self.vocabularySize = vocabularySize
    self.contextLength = contextLength
    self.blockSize = blockSize
    self.blockCount = blockCount
    self.maximumSequences = maximumSequences
    self.tokensPerStep = tokensPerStep
    self.adapters = adapters
    self.rotaryContext = rotaryContext
    self.maximumWaiting = maximumWaiting
    self.isDeterministic = isDeterministic
  }

  /// The tokens that the whole KV cache holds.
  package var cacheTokens: Int { blockCount * blockSize }

  /// The most tokens that one sequence can ever have.
  package var sequenceTokens: Int { min(contextLength, cacheTokens) }
}
