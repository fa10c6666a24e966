import MartletEngine
import Synchronization

/// A model whose every output depends on every token before it. Its "keys and values" are one word a slot: a digest of
/// the slot's token and of the word that the sequence's block table gives for the position before. So a wrong slot, a
/// stale block, a wrong prefix or a lost update changes every token that follows.
///
/// Where the limits are deterministic it is like a device on which results depend on what is computed together, unless a step
/// forbids that.
struct FakeModel {
  let vocabularySize: Int
  let blockSize: Int
  private let dependsOnCompany: Bool
  private var cache: [UInt64]

  init(limits: EngineLimits) {
    vocabularySize = limits.vocabularySize
    blockSize = limits.blockSize
    dependsOnCompany = limits.isDeterministic
    cache = Array(repeating: 0xdead, count: limits.cacheTokens)
  }

  /// Computes a step from the same arrays that a real runner's batch is made of; gives the next token of each entry that
  /// wants logits.
  mutating func run(_ step: Step) -> [(entry: Int, token: Int32)] {
    let (tokens, positions, slots, offsets) = (step.tokens, step.positions, step.slots, step.queryOffsets)
    let company = dependsOnCompany && !step.isBatchInvariant ? [Int32(step.tokenCount), Int32(step.entries.count)] : []
    for (index, entry) in step.entries.enumerated() {
      for packed in Int(offsets[index])..<Int(offsets[index + 1]) {
        let position = Int(positions[packed])
        let before = position == 0 ? Self.root(entry.adapter) : read(position - 1, through: entry.blockTable)
        cache[Int(slots[packed])] = company.reduce(Self.digest(before, tokens[packed]), Self.digest)
      }
    }
    // Reading comes after all writing, as in a layer of a real model.
    return step.logits.map { wanted in
      let entry = step.entries[wanted.entry]
      precondition(positions[Int(wanted.row)] == Int32(wanted.position))
      precondition(!wanted.isSampled || wanted.row == offsets[wanted.entry + 1] - 1)
      let state = read(wanted.position, through: entry.blockTable)
      return (wanted.entry, Self.token(state, vocabularySize))
    }
  }

  private func read(_ position: Int, through table: [Int32]) -> UInt64 {
    cache[Int(table[position / blockSize]) * blockSize + position % blockSize]
  }

  /// What `request` generates where it has the model to itself.
  static func expected(_ request: Request, limits: EngineLimits) -> (tokens: [Int32], reason: FinishReason) {
    var state = request.prompt.reduce(root(request.adapter), digest)
    var tokens: [Int32] = []
    while true {
      let next = token(state, limits.vocabularySize)
      if request.stopTokens.contains(next) { return (tokens, .stop) }
      tokens.append(next)
      state = digest(state, next)
      let isFull = request.prompt.count + tokens.count >= min(limits.contextLength, limits.cacheTokens)
      if isFull || tokens.count == request.maxTokens { return (tokens, .length) }
    }
  }

  private static func root(_ adapter: String?) -> UInt64 {
    (adapter ?? "").utf8.reduce(1) { digest($0, Int32($1)) }
  }

  private static func digest(_ state: UInt64, _ token: Int32) -> UInt64 {
    var generator = SplitMix64(state: state ^ (UInt64(UInt32(bitPattern: token)) &* 0xd6e8_feb8_6659_fd93))
    return generator.next()
  }

  private static func token(_ state: UInt64, _ vocabularySize: Int) -> Int32 { Int32(state % UInt64(vocabularySize)) }
}

/// The fake model behind the engine's protocol: logits whose greatest is the next token's. Answers to what it is told
/// from outside.
struct FakeRunner: StepRunner {
  /// Shared with the test.
  final class Control: Sendable {
    struct State {
      var delay: Duration = .zero
      var failure: (@Sendable (Step) -> (any Error)?)?
      var poison: (@Sendable (Step.Entry) -> Bool)?
      var largestBatch = 0
      var stepCount = 0
      var threads: Set<UInt> = []
    }
    let state = Mutex(State())
  }

  private var model: FakeModel
  private let control: Control

  init(limits: EngineLimits, control: Control = Control()) {
    model = FakeModel(limits: limits)
    self.control = control
  }

  mutating func run(_ step: Step, logits body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws {
    let (delay, failure, poison) = control.state.withLock { state in
      state.largestBatch = max(state.largestBatch, step.entries.count)
      state.stepCount += 1
      state.threads.insert(currentThread())
      return (state.delay, state.failure, state.poison)
    }
    if delay > .zero { sleepThread(delay) }
    if let error = failure?(step) { throw error }
    var row = Array(repeating: Float(0), count: model.vocabularySize)
    for (entry, token) in model.run(step) {
      for index in row.indices { row[index] = -Float(index % 7) }
      row[Int(token)] = 20
      if poison?(step.entries[entry]) == true { row[1] = .nan }
      row.withUnsafeMutableBufferPointer { body(entry, $0) }
    }
  }
}

/// Steele, Lea and Flood's generator: small, seeded, good enough for tests.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  mutating func chance(_ probability: Double) -> Bool { Double.random(in: 0..<1, using: &self) < probability }
}
