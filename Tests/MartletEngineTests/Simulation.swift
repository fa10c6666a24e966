import MartletEngine
import Testing

/// A scheduler with the fake model, and a shadow of what each sequence has, kept with plain dictionaries. Every mutation
/// is followed by the scheduler's own check of its invariants; `step()` checks what it is given against the shadow, and
/// the end of every sequence against the model run alone.
struct Simulation {
  var scheduler: Scheduler
  var model: FakeModel
  var requests: [SequenceID: Request] = [:]
  var outputs: [SequenceID: [Int32]] = [:]
  var computed: [SequenceID: Int] = [:]
  /// Sequences in the order in which they got blocks; again after a preemption.
  var admissions: [SequenceID] = []
  var finished: [SequenceID] = []
  var outcomes: [SequenceID: Scheduler.Outcome] = [:]
  private(set) var chunkCount = 0

  init(limits: EngineLimits) {
    scheduler = Scheduler(limits: limits, key: .init(3, 4))
    model = FakeModel(limits: limits)
  }

  @discardableResult
  mutating func add(_ request: Request) throws -> SequenceID {
    defer { scheduler._checkInvariants() }
    let id = try scheduler.add(request)
    requests[id] = request
    outputs[id] = []
    return id
  }

  mutating func cancel(_ id: SequenceID) {
    #expect(scheduler.cancel(id) == (requests[id] != nil))
    scheduler._checkInvariants()
    requests[id] = nil
  }

  /// Makes, computes and completes one step.
  @discardableResult
  mutating func step() -> Step? { step { _ in } }

  /// A step that must be there.
  mutating func requireStep() throws -> Step {
    let step = step()
    return try #require(step)
  }

  /// Makes, computes and completes one step; `during` runs while the step is pending.
  @discardableResult
  mutating func step(during: (inout Simulation) throws -> Void) rethrows -> Step? {
    let step = scheduler.schedule()
    scheduler._checkInvariants()
    guard let step else { return nil }
    check(step)
    let results = model.run(step)
    try during(&self)
    var sampled: [SequenceID: Int32] = [:]
    for (entry, token) in results { sampled[step.entries[entry].id] = token }
    let events = scheduler.complete(step, sampled: sampled)
    scheduler._checkInvariants()
    for entry in step.entries { computed[entry.id] = entry.positions.upperBound }
    for event in events { take(event) }
    return step
  }

  mutating func drain() {
    var steps = 0
    while step() != nil {
      steps += 1
      if steps > 10_000 {
        Issue.record("the scheduler does not come to an end")
        return
      }
    }
    #expect(scheduler.isIdle)
    #expect(scheduler.freeBlockCount == scheduler.limits.blockCount)
  }

  private mutating func check(_ step: Step) {
    let limits = scheduler.limits
    #expect(step.tokenCount > 0 && step.tokenCount <= limits.tokensPerStep)
    #expect(Set(step.entries.map(\.id)).count == step.entries.count)
    #expect(Set(step.slots).count == step.tokenCount, "two tokens are written to one slot")
    let decodes = step.entries.prefix(step.decodeCount)
    #expect(decodes.allSatisfy { $0.tokens.count == 1 && ($0.wantsLogits || limits.isDeterministic) })
    #expect(step.isBatchInvariant == (limits.isDeterministic && step.tokenCount == step.entries.count))
    if limits.isDeterministic { #expect(step.isBatchInvariant || step.entries.count == 1) }
    for entry in step.entries {
      guard let request = requests[entry.id], let output = outputs[entry.id] else {
        Issue.record("\(entry.id) is computed but not known")
        continue
      }
      let tokens = request.prompt + output
      #expect(entry.tokens == Array(tokens[entry.positions]))
      #expect(entry.wantsLogits == (entry.positions.upperBound == tokens.count))
      let isContinued = computed[entry.id] == entry.positions.lowerBound && entry.positions.lowerBound > 0
      if !isContinued {
        // Only whole blocks can come from the cache.
        #expect(entry.positions.lowerBound % limits.blockSize == 0)
        admissions.append(entry.id)
      }
      if !entry.wantsLogits { chunkCount += 1 }
    }
  }

  private mutating func take(_ event: Scheduler.Event) {
    switch event {
    case .token(let id, let token):
      #expect(requests[id] != nil)
      outputs[id]?.append(token)
    case .finished(let id, let outcome):
      guard let request = requests.removeValue(forKey: id) else {
        Issue.record("\(id) ended but is not known")
        return
      }
      finished.append(id)
      outcomes[id] = outcome
      let expected = expected(request)
      #expect(outputs[id] == expected.tokens)
      #expect(outcome.reason == expected.reason)
      #expect(outcome.generatedTokenCount == expected.tokens.count)
    }
  }

  /// What a request generates where it has the model to itself; where results depend on what is computed together, as a
  /// scheduler of its own computes it.
  private func expected(_ request: Request) -> (tokens: [Int32], reason: FinishReason?) {
    guard scheduler.limits.isDeterministic else { return FakeModel.expected(request, limits: scheduler.limits) }
    var alone = Scheduler(limits: scheduler.limits, key: .init(3, 4))
    var model = FakeModel(limits: scheduler.limits)
    var tokens: [Int32] = []
    var reason: FinishReason?
    guard let id = try? alone.add(request) else { return ([], nil) }
    while let step = alone.schedule() {
      let sampled = model.run(step).reduce(into: [:]) { $0[id] = $1.token }
      for event in alone.complete(step, sampled: sampled) {
        switch event {
        case .token(_, let token): tokens.append(token)
        case .finished(_, let outcome): reason = outcome.reason
        }
      }
    }
    #expect(alone.preemptionCount == 0)
    return (tokens, reason)
  }
}
