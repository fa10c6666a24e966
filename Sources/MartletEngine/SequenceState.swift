/// A request on its way through the scheduler. (`Sequence` is Swift's own.)
struct SequenceState: Sendable {
  let id: SequenceID
  let request: Request
  /// The prompt and what has been generated.
  var tokens: [Int32]
  /// How many of `tokens` have their keys and values in `blockTable`.
  var computedCount = 0
  /// The cache blocks held, in order; empty while waiting.
  var blockTable: [Int32] = []
  /// How many of the first blocks have been offered to the prefix index.
  var publishedCount = 0
  /// How many of the prompt's tokens after the first have their log-probabilities, where these are wanted.
  var scoredCount = 0
  let tenant: FairShares.Slot
  /// What the tenant had used when the sequence first got blocks; nil before. The smaller, the sooner its turn.
  var start: UInt64?
  /// How many of `tokens` the tenant has been charged for or had from the cache.
  var chargedCount = 0
  /// Tokens that the first admission found in the cache; nil before it.
  var cachedTokenCount: Int?
  /// The hashes of the first full blocks of `tokens`, as far as they were needed.
  private var hashes: [PrefixHash] = []

  /// The prompt's length where keys depend on it: such blocks are shared only with prompts of the same length.
  private let keyLength: Int?

  init(id: SequenceID, request: Request, tenant: FairShares.Slot, rotaryContext: Int?) {
    self.id = id
    self.tenant = tenant
    keyLength = rotaryContext.flatMap { request.prompt.count > $0 ? request.prompt.count : nil }
    self.request = request
    tokens = request.prompt
  }

  /// Tokens that wait to be computed; one of them at least, or the sequence would be finished.
  var remainingCount: Int { tokens.count - computedCount }

  var generatedCount: Int { tokens.count - request.prompt.count }

  /// Whether the prompt's log-probabilities are wanted and not all there yet.
  var isScoring: Bool { request.promptLogprobs != nil && scoredCount < request.prompt.count - 1 }

  /// Which of the tokens after `positions` are still to be scored.
  func scoring(_ positions: Range<Int>) -> Step.Scoring? {
    guard let topCount = request.promptLogprobs else { return nil }
    let scored = positions.clamped(to: scoredCount..<max(scoredCount, request.prompt.count - 1))
    guard !scored.isEmpty else { return nil }
    return Step.Scoring(
      positions: scored, tokens: request.prompt[(scored.lowerBound + 1)..<(scored.upperBound + 1)], topCount: topCount)
  }

  /// Whether this sequence, which has begun, is scheduled before another one that has: by priority, then by its tenant's
  /// share, then by arrival.
  func precedes(_ other: SequenceState) -> Bool {
    (other.request.priority, start ?? 0, id) < (request.priority, other.start ?? 0, other.id)
  }

  /// The sequence's place in the line of those that wait.
  var place: WaitingLine.Place { WaitingLine.Place(id: id, priority: request.priority, tenant: tenant, start: start) }

  /// The hash of a full block of `tokens`. Tokens never change once appended, so each hash is made once.
  mutating func hash(ofBlock block: Int, blockSize: Int, key: PrefixHash.Key) -> PrefixHash {
    while hashes.count <= block {
      let parent =
        hashes.last ?? .root(key: key, adapter: request.adapter, salt: request.cacheSalt, length: keyLength)
      let start = hashes.count * blockSize
      hashes.append(parent.child(key: key, tokens: tokens[start..<(start + blockSize)]))
    }
    return hashes[block]
  }
}
