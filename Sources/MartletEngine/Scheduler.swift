/// Decides what each step computes. A value with no I/O, no lock and no clock: requests and sampled tokens go in, steps
/// and events come out, and the same inputs give the same outputs.
///
/// A step takes first the decodes and then chunks of prompts up to a budget of tokens; within both, higher priority
/// goes first, then the tenant that has had less (`FairShares`), then earlier arrival. A sequence gets the blocks for all
/// its tokens when it is admitted, after whatever prefix the cache has, and one more whenever a decode crosses a block's
/// end. Where none is left then, the last in order loses its blocks and waits again, ahead of all that came after it; what
/// it had computed stays in the cache as long as nobody needs the room. So do the last in order where a sequence of higher
/// priority waits for room: never for one of equal priority, or two would take each other's blocks in turns.
///
/// A waiting sequence whose next block a running one is about to compute lets it, so that many samples of one prompt, or
/// many users of one system prompt, read it once; others pass it meanwhile. It does not wait so for one of lower priority.
///
/// Where the limits are deterministic, a step has either one chunk of one prompt, or generated tokens, one of each sequence,
/// in turns as long as there is both. What a sequence sees of that is decided by its own request: see
/// ``computeCount(of:)`` and ``reusableBlockCount(of:)``.
///
/// A step must be completed or abandoned before the next one is made. Between the two, requests may be added and
/// cancelled: blocks freed then are not given away before the step has ended.
package struct Scheduler: Sendable {
  package let limits: EngineLimits
  let key: PrefixHash.Key
  var pool: BlockPool
  var sequences: [SequenceID: SequenceState] = [:]
  /// Sequences without blocks.
  var waiting = WaitingLine()
  /// Sequences with blocks, in scheduling order.
  var running: [SequenceID] = []
  var shares = FairShares()
  private var nextID: UInt64 = 0
  private(set) var isStepPending = false
  /// Whether the last step was of a prompt.
  private var wasPromptStep = false
  /// How often a sequence lost its blocks to another.
  package private(set) var preemptionCount = 0

  /// What became of a sequence in a completed step.
  package enum Event: Sendable, Equatable {
    /// A token was appended.
    case token(SequenceID, Int32)
    /// The sequence has ended and is forgotten.
    case finished(SequenceID, Outcome)
  }

  /// How a sequence ended.
  package struct Outcome: Sendable, Hashable {
    package let reason: FinishReason
    package let generatedTokenCount: Int
    /// Prompt tokens that were not computed because the cache had them.
    package let cachedTokenCount: Int
  }

  package init(limits: EngineLimits, key: PrefixHash.Key) {
    self.limits = limits
    self.key = key
    pool = BlockPool(count: limits.blockCount)
  }

  /// Whether no sequence is waiting or running.
  package var isIdle: Bool { sequences.isEmpty }

  package var waitingCount: Int { waiting.count }
  package var runningCount: Int { running.count }
  package var freeBlockCount: Int { pool.freeCount }

  /// The most prompt tokens that one step scores: their logits take memory, a vocabulary's width for each.
  static let scoredPerStep = 128

  /// Queues a request. Throws what `Request.validate(for:)` throws, having changed nothing.
  package mutating func add(_ request: Request) throws(RequestError) -> SequenceID {
    try request.validate(for: limits)
    let id = SequenceID(rawValue: nextID)
    nextID += 1
    let state = SequenceState(
      id: id, request: request, tenant: shares.enter(request.tenant), rotaryContext: limits.rotaryContext)
    waiting.insert(state.place)
    sequences[id] = state
    return id
  }

  /// Forgets a sequence and frees its blocks, also while a step computes it. Returns false where it is not known.
  @discardableResult
  package mutating func cancel(_ id: SequenceID) -> Bool {
    guard sequences[id] != nil else { return false }
    remove(id)
    return true
  }

  /// Tokens that a sequence has generated so far; 0 where it is not known.
  package func generatedCount(of id: SequenceID) -> Int { sequences[id]?.generatedCount ?? 0 }

  /// Prompt tokens of a sequence that the cache had when it began; 0 before, or where it is not known.
  package func cachedCount(of id: SequenceID) -> Int { sequences[id]?.cachedTokenCount ?? 0 }

  /// Ends a sequence as a stop token would. Returns nil where it is not known.
  package mutating func stop(_ id: SequenceID) -> Outcome? {
    guard let state = sequences[id] else { return nil }
    remove(id)
    return Outcome(
      reason: .stop, generatedTokenCount: state.generatedCount, cachedTokenCount: state.cachedTokenCount ?? 0)
  }

  /// The next step; nil where there is nothing to compute.
  package mutating func schedule() -> Step? {
    precondition(!isStepPending, "the last step was neither completed nor abandoned")
    var entries: [Step.Entry] = []
    var budget = Budget(tokens: limits.tokensPerStep, scored: Self.scoredPerStep)
    makeRoomForPriority()
    guard limits.isDeterministic else {
      appendDecodes(to: &entries, &budget)
      let decodeCount = entries.count
      appendPrefills(to: &entries, &budget)
      return step(entries, decodeCount: decodeCount)
    }
    var decodeCount = 0
    if !wasPromptStep { appendPrefills(to: &entries, &budget, most: 1) }
    if entries.isEmpty {
      appendDecodes(to: &entries, &budget)
      decodeCount = entries.count
    }
    if entries.isEmpty { appendPrefills(to: &entries, &budget, most: 1) }
    wasPromptStep = decodeCount == 0
    return step(entries, decodeCount: decodeCount)
  }

  private mutating func step(_ entries: [Step.Entry], decodeCount: Int) -> Step? {
    guard !entries.isEmpty else { return nil }
    isStepPending = true
    // A prompt of one token is like one that was generated.
    let isBatchInvariant = limits.isDeterministic && entries.allSatisfy { $0.tokens.count == 1 }
    return Step(
      blockSize: limits.blockSize, entries: entries, decodeCount: decodeCount, isBatchInvariant: isBatchInvariant)
  }

  /// Takes all sequences that have one token to compute, as far as the budget goes.
  private mutating func appendDecodes(to entries: inout [Step.Entry], _ budget: inout Budget) {
    var position = 0
    while position < running.count, budget.tokens > 0 {
      let id = running[position]
      if computeCount(of: id) == 1 {
        // The victims stand at the end of the order and so are not in this step yet.
        guard reserveBlock(for: id) else { break }
        entries.append(entry(for: id, budget: &budget))
      }
      position += 1
    }
  }

  /// Takes chunks of prompts, of those that run and of those that can begin, as far as the budget goes.
  /// - Parameter most: of so many sequences.
  private mutating func appendPrefills(
    to entries: inout [Step.Entry], _ budget: inout Budget, most: Int = .max
  ) {
    var prefills = running.filter { computeCount(of: $0) > 1 }[...]
    // Those that have not been tried in this step.
    var line = running.count < limits.maximumSequences ? waiting.places[...] : []
    while budget.tokens > 0, entries.count < most {
      if let index = WaitingLine.next(of: line, shares), prefills.first.map({ isBefore(line[index], $0) }) ?? true {
        let place = index == line.startIndex ? line.removeFirst() : line.remove(at: index)
        switch admit(place.id) {
        case .admitted: entries.append(entry(for: place.id, budget: &budget))
        case .sharesPendingBlock: break
        // Whoever is behind waits too, or a long prompt would starve.
        case .noRoom: line = []
        }
      } else if let id = prefills.popFirst() {
        entries.append(entry(for: id, budget: &budget))
      } else {
        break
      }
    }
  }

  /// Takes in that a step was computed, and the token sampled for each of its entries that wanted logits. Sequences that
  /// were cancelled meanwhile are passed over and need no token.
  package mutating func complete(_ step: Step, sampled: [SequenceID: Int32]) -> [Event] {
    precondition(isStepPending, "no step is pending")
    isStepPending = false
    var events: [Event] = []
    for entry in step.entries where sequences[entry.id] != nil {
      sequences[entry.id]!.computedCount = entry.positions.upperBound
      publishBlocks(of: entry.id)
      if let scoring = entry.scoring { sequences[entry.id]!.scoredCount = scoring.positions.upperBound }
      guard entry.wantsLogits else { continue }
      guard let token = sampled[entry.id] else { preconditionFailure("no token for \(entry.id)") }
      let reason = append(token, to: entry.id)
      if reason != .stop { events.append(.token(entry.id, token)) }
      if let reason {
        let state = sequences[entry.id]!
        let outcome = Outcome(
          reason: reason, generatedTokenCount: state.generatedCount, cachedTokenCount: state.cachedTokenCount ?? 0)
        remove(entry.id)
        events.append(.finished(entry.id, outcome))
      }
    }
    return events
  }

  /// Takes in that a step failed: its sequences stay where they were, and the next step computes the same again.
  package mutating func abandon(_ step: Step) {
    precondition(isStepPending, "no step is pending")
    isStepPending = false
  }

  // MARK: - Sequences

  /// What is left of a step.
  private struct Budget {
    var tokens: Int
    var scored: Int
  }

  /// Cuts the next chunk that the budget allows off what a sequence has to compute.
  private mutating func entry(for id: SequenceID, budget: inout Budget) -> Step.Entry {
    let state = sequences[id]!
    var count = min(computeCount(of: id), budget.tokens)
    if state.isScoring {
      count = min(count, max(1, budget.scored))
      budget.scored -= count
    }
    budget.tokens -= count
    let positions = state.computedCount..<(state.computedCount + count)
    if positions.upperBound > state.chargedCount {
      shares.charge(state.tenant, tokens: positions.upperBound - max(state.chargedCount, positions.lowerBound))
      sequences[id]!.chargedCount = positions.upperBound
    }
    return Step.Entry(
      id: id, tokens: Array(state.tokens[positions]), positions: positions, promptLength: state.request.prompt.count,
      blockTable: state.blockTable,
      wantsLogits: count == state.remainingCount, adapter: state.request.adapter, scoring: state.scoring(positions))
  }

  /// Appends a generated token, unless it is a stop token, and says whether the sequence ends with it.
  private mutating func append(_ token: Int32, to id: SequenceID) -> FinishReason? {
    let request = sequences[id]!.request
    if request.stopTokens.contains(token) { return .stop }
    sequences[id]!.tokens.append(token)
    let state = sequences[id]!
    let isFull = state.tokens.count >= limits.sequenceTokens
    return isFull || state.generatedCount >= request.maxTokens ?? .max ? .length : nil
  }

  /// Whether a waiting sequence is scheduled before a running one.
  private func isBefore(_ place: WaitingLine.Place, _ id: SequenceID) -> Bool {
    let state = sequences[id]!
    let start = place.start ?? shares.used(by: place.tenant)
    return (state.request.priority, start, place.id) < (place.priority, state.start ?? 0, id)
  }

  /// Puts a sequence where it belongs among those that run.
  private mutating func insertRunning(_ id: SequenceID) {
    let state = sequences[id]!
    var (low, high) = (0, running.count)
    while low < high {
      let middle = (low + high) / 2
      if sequences[running[middle]]!.precedes(state) { low = middle + 1 } else { high = middle }
    }
    running.insert(id, at: low)
  }

  private mutating func remove(_ id: SequenceID) {
    releaseBlocks(of: id)
    if waiting.remove(id) { shares.begin(sequences[id]!.tenant) } else { running.removeAll { $0 == id } }
    if let state = sequences.removeValue(forKey: id) { shares.end(state.tenant) }
  }

  // MARK: - Blocks

  private enum Admission {
    case admitted, noRoom, sharesPendingBlock
  }

  /// What a waiting sequence needs to run.
  struct Need {
    /// The blocks that the cache has for it.
    let hits: [Int32]
    /// The blocks that leave the free list for it.
    let blockCount: Int
  }

  /// What a sequence needs; nil where it is to wait for another one to compute some of it.
  mutating func need(of id: SequenceID) -> Need? {
    let size = limits.blockSize
    var hits: [Int32] = []
    let reusable = reusableBlockCount(of: id)
    while hits.count < reusable {
      let hash = sequences[id]!.hash(ofBlock: hits.count, blockSize: size, key: key)
      guard let block = pool.lookup(hash) else { break }
      hits.append(block)
    }
    hits.removeLast(hits.count % reusedTogether)
    let next = hits.count + reusedTogether - 1
    guard next >= reusable || !isPending(block: next, of: id) else { return nil }
    let count = (sequences[id]!.tokens.count + size - 1) / size - hits.count + hits.count { pool.isFree($0) }
    return Need(hits: hits, blockCount: count)
  }

  /// Whether there is room for what a sequence needs, if so many running ones gave back so many blocks.
  func hasRoom(for need: Need, without victimCount: Int = 0, releasing blockCount: Int = 0) -> Bool {
    let others = running.count - victimCount
    // One block to spare for each running sequence, so that its next tokens do not throw this one out again.
    return others < limits.maximumSequences && need.blockCount + others <= pool.freeCount + blockCount
  }

  /// Gives a waiting sequence its blocks and lets it run, if there is room and nothing to wait for.
  private mutating func admit(_ id: SequenceID) -> Admission {
    guard running.count < limits.maximumSequences else { return .noRoom }
    guard let need = need(of: id) else { return .sharesPendingBlock }
    guard hasRoom(for: need) else { return .noRoom }
    admit(id, need)
    return .admitted
  }

  mutating func admit(_ id: SequenceID, _ need: Need) {
    let size = limits.blockSize
    var table = need.hits
    for block in table { pool.retain(block) }
    while table.count * size < sequences[id]!.tokens.count { table.append(pool.allocate()!) }
    sequences[id]!.blockTable = table
    sequences[id]!.computedCount = need.hits.count * size
    sequences[id]!.publishedCount = need.hits.count
    sequences[id]!.cachedTokenCount = sequences[id]!.cachedTokenCount ?? need.hits.count * size
    sequences[id]!.start = sequences[id]!.start ?? shares.used(by: sequences[id]!.tenant)
    _ = waiting.remove(id)
    shares.begin(sequences[id]!.tenant)
    insertRunning(id)
  }

  /// Whether a running sequence is still to compute a block that `id` could take over from it. That sequence makes
  /// progress in every step that it is in, so whoever waits for it gets its turn; one of lower priority might be in none.
  private mutating func isPending(block: Int, of id: SequenceID) -> Bool {
    let size = limits.blockSize
    let hash = sequences[id]!.hash(ofBlock: block, blockSize: size, key: key)
    let priority = sequences[id]!.request.priority
    for other in running {
      let state = sequences[other]!
      // They stand in the order of their priorities.
      guard state.request.priority >= priority else { return false }
      guard state.publishedCount <= block, block < publishableBlockCount(of: other) else { continue }
      if sequences[other]!.hash(ofBlock: block, blockSize: size, key: key) == hash { return true }
    }
    return false
  }

  /// Makes sure that a decoding sequence has a block for its next token, preempting from the end of the order. Returns
  /// false where the sequence itself was the last.
  private mutating func reserveBlock(for id: SequenceID) -> Bool {
    let capacity = sequences[id]!.blockTable.count * limits.blockSize
    guard sequences[id]!.computedCount == capacity else { return true }
    while true {
      if let block = pool.allocate() {
        sequences[id]!.blockTable.append(block)
        return true
      }
      if preemptLast() == id { return false }
    }
  }

  /// Takes the blocks of the last running sequence, which waits again.
  @discardableResult
  mutating func preemptLast() -> SequenceID {
    let victim = running.removeLast()
    preemptionCount += 1
    releaseBlocks(of: victim)
    waiting.insert(sequences[victim]!.place)
    shares.wait(sequences[victim]!.tenant)
    return victim
  }

  /// Offers the blocks that have become full and computed to the prefix index.
  private mutating func publishBlocks(of id: SequenceID) {
    let fullCount = min(sequences[id]!.computedCount / limits.blockSize, publishableBlockCount(of: id))
    while sequences[id]!.publishedCount < fullCount {
      let block = sequences[id]!.publishedCount
      let hash = sequences[id]!.hash(ofBlock: block, blockSize: limits.blockSize, key: key)
      pool.publish(sequences[id]!.blockTable[block], as: hash)
      sequences[id]!.publishedCount += 1
    }
  }

  /// Returns all blocks, the last first: a prefix outlives what was built on it.
  private mutating func releaseBlocks(of id: SequenceID) {
    for block in sequences[id]!.blockTable.reversed() { pool.release(block) }
    sequences[id]!.blockTable = []
    sequences[id]!.computedCount = 0
    sequences[id]!.publishedCount = 0
  }
}
