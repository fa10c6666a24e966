internal import MartletModels
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// Measures a decoder: tokens a second of reading a prompt and of generating, beside what the machine could do at most.
///
/// - *Prompt*: one sequence from an empty cache in the engine's steps, with the logits of the last
///   token.
/// - *Generate*: `batch` sequences, each with `depth` tokens in its cache, make one token a step. Each step's token is the
///   one with the largest logit of the step before. Rates count the tokens of all sequences.
///
/// Each is run once without a clock and then `repetitions` times, with the machine's limits measured in turn. The definitions are those of llama.cpp's `llama-bench`.
package struct Benchmark {
  private static let seed: UInt64 = 20_260_101

  private let subject: BenchmarkSubject
  private let settings: BenchmarkSettings
  /// Blocks of the cache that each sequence owns.
  private let blocksPerSequence: Int
  private var pass: Pass
  private var random = SplitMix64(seed: Self.seed)

  /// Takes memory for the cache.
  /// - Throws: `RequestError` if the settings do not fit the model, `TensorError` if there is no memory.
  package init(_ subject: BenchmarkSubject, _ settings: BenchmarkSettings) throws {
    try settings.validate(contextLength: subject.contextLength)
    self.subject = subject
    self.settings = settings
    let sequenceTokens = max(settings.promptTokens, settings.depth + settings.generateTokens)
    blocksPerSequence = (sequenceTokens + PagedCache.blockSize - 1) / PagedCache.blockSize
    guard blocksPerSequence * PagedCache.blockSize <= Int(Int32.max) / settings.batch else {
      throw RequestError.outOfRange(
        field: "the batch times the tokens of a sequence", found: "\(settings.batch) times \(sequenceTokens)",
        expected: "less than two thousand million; take a smaller batch or depth")
    }
    let cache = try KVCache(
      subject.decoder.configuration, blockCount: blocksPerSequence * settings.batch, subject.decoder.cacheType,
      on: subject.stream.runtime)
    pass = try Pass(subject.decoder, cache: cache, on: subject.stream)
  }

  /// Measures everything.
  /// - Parameter progress: called after each measurement with the share done, 0 to 1.
  package mutating func run(progress: (Double) -> Void = { _ in }) throws -> BenchmarkReport {
    let probe = try LimitsProbe(of: subject.stream, products: products)
    var limits: [MachineLimits] = []
    let tests: [BenchmarkResult.Test] =
      (settings.promptTokens > 0 ? [.prompt] : []) + (settings.generateTokens > 0 ? [.generate] : [])
    let runs = settings.repetitions + 1
    var results: [BenchmarkResult] = []
    for (index, test) in tests.enumerated() {
      results.append(
        try measure(test, probe, &limits) { progress(Double(index * runs + $0) / Double(tests.count * runs)) })
    }
    return BenchmarkReport(
      model: subject.name, device: "\(subject.stream.device)", threads: subject.stream.pool.threadCount,
      instructionSet: subject.stream.instructionSet.name, weightType: subject.decoder.weightType.name,
      limits: MachineLimits(
        bandwidth: Spread(limits.map(\.bandwidth)).median, operations: Spread(limits.map(\.operations)).median,
        products: limits[0].products), isDeterministic: settings.isDeterministic, results: results)
  }

  /// What the layers multiply.
  private var products: MachineLimits.Products {
    let type = subject.decoder.weightType
    return type.isQuantized ? .bytes : type == .bf16 ? .bf16 : .f32
  }

  private mutating func measure(
    _ test: BenchmarkResult.Test, _ probe: LimitsProbe, _ limits: inout [MachineLimits], progress: (Int) -> Void
  ) throws -> BenchmarkResult {
    let (depth, sequences, count) =
      switch test {
      case .prompt: (0, 1, settings.promptTokens)
      case .generate: (settings.depth, settings.batch, settings.generateTokens)
      }
    // What lies in the cache before a test stays there: every repetition writes the same places after it.
    for sequence in 0..<sequences { try read(randomTokens(depth), into: sequence, wantsLogits: false) }
    var rates: [Double] = []
    var shares: [(bandwidth: Double, operations: Double)] = []
    let clock = ContinuousClock()
    for repetition in 0...settings.repetitions {
      let limit = try probe.measure()
      let tokens = randomTokens(test == .prompt ? count : sequences)
      let start = clock.now
      let cost =
        switch test {
        case .prompt: try read(tokens, into: 0, wantsLogits: true)
        case .generate: try generate(count, after: tokens)
        }
      let seconds = (clock.now - start).seconds
      if repetition > 0 {
        rates.append(Double(count * sequences) / seconds)
        shares.append((cost.bytes / seconds / limit.bandwidth, cost.operations / seconds / limit.operations))
        limits.append(limit)
      }
      progress(repetition + 1)
    }
    return BenchmarkResult(
      test: test, tokens: count, depth: depth, batch: sequences, tokensPerSecond: Spread(rates),
      bandwidthShare: Spread(shares.map(\.bandwidth)).median,
      operationsShare: Spread(shares.map(\.operations)).median)
  }

  /// Reads tokens into an empty sequence; returns what that costs at least.
  @discardableResult
  private mutating func read(_ tokens: [Int32], into sequence: Int, wantsLogits: Bool) throws -> DecoderCost {
    var cost = DecoderCost.zero
    let step = Pass.stepTokens(on: pass.stream.device)
    for start in stride(from: 0, to: tokens.count, by: step) {
      let end = min(start + step, tokens.count)
      let logitRows = wantsLogits && end == tokens.count ? [Int32(end - start - 1)] : []
      let batch = Batch(
        tokens: Array(tokens[start..<end]), positions: (start..<end).map { Int32($0) },
        slots: (start..<end).map { slot(of: $0, in: sequence) }, starts: [0, Int32(end - start)],
        blockTables: [blockTable(of: sequence, tokens: end)], logitRows: logitRows)
      _ = try pass.forward(batch)
      cost =
        cost + subject.decoder.cost(tokens: end - start, depth: start, sequences: 1, logitRows: logitRows.count)
    }
    try pass.stream.synchronize()
    return cost
  }

  /// Generates `count` tokens a sequence, greedily; returns what that costs at least.
  private mutating func generate(_ count: Int, after first: [Int32]) throws -> DecoderCost {
    var cost = DecoderCost.zero
    var tokens = first
    let rows = (0..<Int32(tokens.count)).map { $0 }
    for position in settings.depth..<settings.depth + count {
      var batch = Batch(
        tokens: tokens, positions: rows.map { _ in Int32(position) },
        slots: tokens.indices.map { slot(of: position, in: $0) }, starts: rows + [Int32(rows.count)],
        blockTables: tokens.indices.map { blockTable(of: $0, tokens: position + 1) }, logitRows: rows)
      batch.isBatchInvariant = settings.isDeterministic
      tokens = try pass.mostProbable(batch).map(\.token)
      cost =
        cost + subject.decoder.cost(tokens: 1, depth: position, sequences: rows.count, logitRows: rows.count)
    }
    return cost
  }

  private mutating func randomTokens(_ count: Int) -> [Int32] {
    (0..<count).map { _ in subject.tokens[Int.random(in: 0..<subject.tokens.count, using: &random)] }
  }

  /// Where the key and value of a sequence's token go.
  private func slot(of position: Int, in sequence: Int) -> Int32 {
    Int32(sequence * blocksPerSequence * PagedCache.blockSize + position)
  }

  /// The blocks that hold the first `tokens` tokens of a sequence.
  private func blockTable(of sequence: Int, tokens: Int) -> [Int32] {
    let first = sequence * blocksPerSequence
    let count = (tokens + PagedCache.blockSize - 1) / PagedCache.blockSize
    return (first..<first + count).map { Int32($0) }
  }
}
