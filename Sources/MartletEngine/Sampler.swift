#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why no token could be chosen from a row of logits.
public enum SamplingError: Error, Equatable, CustomStringConvertible {
  /// A logit is NaN or positive infinity: the model or its weights are broken.
  case notFinite(token: Int, value: String)
  /// Logit bias and penalties have pushed a logit beyond what f32 holds.
  case overflow(token: Int)
  /// Every token is forbidden.
  case nothingLeft

  /// What was found, and where to look.
  public var description: String {
    switch self {
    case .notFinite(let token, let value):
      "the model's logit of token \(token) is \(value); its weights may be damaged, or overflow in the chosen compute "
        + "type (f32 is the reference)"
    case .overflow(let token):
      "the logit of token \(token) overflows under logit_bias and repetition_penalty; use moderate values"
    case .nothingLeft:
      "every token has logit -infinity; relax logit_bias"
    }
  }
}

/// Chooses the tokens of one request from rows of logits.
///
/// The order is that of Hugging Face transformers: logit bias, repetition penalty, (presence and frequency penalty, which
/// transformers does not have, come here as in vLLM,) temperature, top-k, top-p, min-p. All in f32, sums in f64. The
/// random number of a choice is a function of the seed and the token's position alone.
package struct Sampler: Sendable {
  package let parameters: SamplingParameters
  private let seed: UInt64
  /// Tokens of prompt and output, each once; kept only where a penalty asks for them.
  private var seen: Set<Int32> = []
  private var outputCounts: [Int32: Int] = [:]

  /// Memory that choosing needs, reused from row to row.
  package struct Scratch: Sendable {
    var candidates: [Candidate] = []
    package init() {}
  }

  /// A token that may be chosen, with its processed logit and, later, its weight.
  struct Candidate: Sendable {
    var logit: Float
    var token: Int32
    var weight: Float = 0
  }

  /// `parameters` must be valid and the tokens of `prompt` in the vocabulary. `seed` is taken where they have none.
  package init(parameters: SamplingParameters, prompt: [Int32], seed: UInt64) {
    self.parameters = parameters
    self.seed = parameters.seed ?? seed
    if parameters.repetitionPenalty != 1 { seen = Set(prompt) }
  }

  /// Whether it takes the token of the largest logit as the model gives it, and says nothing about others.
  var takesMostProbable: Bool {
    parameters.temperature == 0 && parameters.logprobs == nil && parameters.logitBias.isEmpty
      && !parameters.hasPenalties
  }

  /// Chooses the token that comes to stand at `position` of the sequence, and counts it for the penalties. The row
  /// holds the vocabulary's raw logits and is overwritten.
  package mutating func sample(
    _ row: UnsafeMutableBufferPointer<Float>, position: Int, scratch: inout Scratch
  ) throws(SamplingError) -> GeneratedToken {
    for token in row.indices where !(row[token] < .infinity) {
      throw .notFinite(token: token, value: "\(row[token])")
    }
    var logNormalizer: Float = 0
    var top: [TokenLogprob] = []
    var raw: [Float] = []
    if let count = parameters.logprobs {
      logNormalizer = Self.logSumExp(row)
      top = Self.mostProbable(count, of: row, scratch: &scratch).map {
        TokenLogprob(token: $0.token, logprob: $0.logit - logNormalizer)
      }
      raw = Array(row)
    }

    process(row)
    let token: Int32
    if parameters.temperature == 0 {
      token = try Self.argmax(row)
    } else {
      try selectCandidates(row, scratch: &scratch)
      token = draw(from: scratch.candidates, position: position)
    }
    record(token)
    let logprob = parameters.logprobs == nil ? nil : raw[Int(token)] - logNormalizer
    return GeneratedToken(token: token, logprob: logprob, top: top)
  }

  /// How probable `token` is by a row of the model's raw logits, and the tokens that are most probable.
  static func score(
    _ token: Int32, by row: UnsafeMutableBufferPointer<Float>, topCount: Int, scratch: inout Scratch
  ) throws(SamplingError) -> PromptToken {
    for token in row.indices where !(row[token] < .infinity) {
      throw .notFinite(token: token, value: "\(row[token])")
    }
    let normalizer = logSumExp(row)
    let logit = row[Int(token)]
    let top = mostProbable(topCount, of: row, scratch: &scratch).map {
      TokenLogprob(token: $0.token, logprob: $0.logit - normalizer)
    }
    return PromptToken(token: token, logprob: logit - normalizer, rank: 1 + row.count { $0 > logit }, top: top)
  }

  /// Applies logit bias and penalties.
  func process(_ row: UnsafeMutableBufferPointer<Float>) {
    for (token, bias) in parameters.logitBias { row[Int(token)] += bias }
    guard parameters.hasPenalties else { return }
    let penalty = parameters.repetitionPenalty
    for token in seen {
      let logit = row[Int(token)]
      row[Int(token)] = logit < 0 ? logit * penalty : logit / penalty
    }
    for (token, count) in outputCounts {
      row[Int(token)] -= parameters.presencePenalty + parameters.frequencyPenalty * Float(count)
    }
  }

  /// Counts an output token for the penalties.
  mutating func record(_ token: Int32) {
    guard parameters.hasPenalties else { return }
    if parameters.repetitionPenalty != 1 { seen.insert(token) }
    outputCounts[token, default: 0] += 1
  }

  /// The token of the highest logit, the lowest of several.
  static func argmax(_ row: UnsafeMutableBufferPointer<Float>) throws(SamplingError) -> Int32 {
    var (best, highest) = (-1, -Float.infinity)
    for token in row.indices where row[token] > highest { (best, highest) = (token, row[token]) }
    guard best >= 0 else { throw .nothingLeft }
    guard highest < .infinity else { throw .overflow(token: best) }
    return Int32(best)
  }

  private static func logSumExp(_ row: UnsafeMutableBufferPointer<Float>) -> Float {
    let highest = row.reduce(-Float.infinity, max)
    guard highest > -.infinity else { return 0 }
    return highest + Float(log(row.reduce(0.0) { $0 + Double(exp($1 - highest)) }))
  }

  private static func mostProbable(
    _ count: Int, of row: UnsafeMutableBufferPointer<Float>, scratch: inout Scratch
  ) -> [Candidate] {
    let bound = lowerBound(ofRank: count, in: row, scratch: &scratch)
    scratch.candidates.removeAll(keepingCapacity: true)
    for token in row.indices where row[token] >= bound {
      scratch.candidates.append(Candidate(logit: row[token], token: Int32(token)))
    }
    return scratch.candidates.withUnsafeMutableBufferPointer { buffer in
      var queue = DescendingCandidates(buffer)
      return (0..<min(count, row.count)).compactMap { _ in queue.next() }
    }
  }

  /// A logit that at least `rank` tokens reach, and few more. Of disjoint runs of tokens, `rank` have a maximum that is no
  /// lower than the `rank`-th highest maximum; so one pass over the row and a look at few maxima spare the sorting.
  private static func lowerBound(
    ofRank rank: Int, in row: UnsafeMutableBufferPointer<Float>, scratch: inout Scratch
  ) -> Float {
    // With eight runs for each token wanted, two of these are seldom in one run.
    let runLength = rank > 0 ? row.count / 8 / rank : 0
    guard runLength > 1 else { return -.infinity }
    scratch.candidates.removeAll(keepingCapacity: true)
    for start in stride(from: 0, to: row.count, by: runLength) {
      var highest = -Float.infinity
      for token in start..<min(start + runLength, row.count) where row[token] > highest { highest = row[token] }
      scratch.candidates.append(Candidate(logit: highest, token: Int32(start)))
    }
    return scratch.candidates.withUnsafeMutableBufferPointer { buffer in
      var queue = DescendingCandidates(buffer)
      for _ in 1..<rank { _ = queue.next() }
      return queue.peek?.logit ?? -.infinity
    }
  }

  // MARK: - Random choice

  /// Fills `scratch.candidates` with the tokens that temperature, top-k, top-p and min-p leave, weighted in proportion to
  /// their probabilities. No more is sorted than is kept.
  func selectCandidates(
    _ row: UnsafeMutableBufferPointer<Float>, scratch: inout Scratch
  ) throws(SamplingError) {
    let highest = row[Int(try Self.argmax(row))]
    let temperature = parameters.temperature
    let hasTopK = parameters.topK > 0 && parameters.topK < row.count
    var mass = 0.0
    // How far below the highest a logit may lie. These bounds let a little too much through, which is cut off exactly
    // below; they only keep most of the vocabulary from being weighed and sorted.
    var reach: Float
    if hasTopK {
      // min-p must wait: top-p comes before it and is normalised over what top-k keeps.
      reach = Self.lowerBound(ofRank: parameters.topK, in: row, scratch: &scratch) - highest
    } else {
      reach = temperature * (log(parameters.minP) - 1)
      if parameters.topP < 1 {
        for token in row.indices { mass += Double(exp((row[token] - highest) / temperature)) }
        // All tokens below this share of the mass have together less than top-p leaves out.
        let share = (1 - Double(parameters.topP)) * mass / Double(row.count)
        reach = max(reach, temperature * (Float(log(share)) - 1))
      }
    }
    let floor = hasTopK ? 0 : parameters.minP
    scratch.candidates.removeAll(keepingCapacity: true)
    for token in row.indices where row[token] - highest >= reach {
      let weight = exp((row[token] - highest) / temperature)
      if weight >= floor, weight > 0 {
        scratch.candidates.append(Candidate(logit: row[token], token: Int32(token), weight: weight))
      }
    }
    guard hasTopK || parameters.topP < 1 else { return }

    let keptCount = scratch.candidates.withUnsafeMutableBufferPointer { buffer in
      keepMostProbable(buffer, limit: hasTopK ? min(parameters.topK, buffer.count) : nil, mass: mass)
    }
    // The queue leaves what it gave out at the buffer's end, the most probable last.
    scratch.candidates.removeFirst(scratch.candidates.count - keptCount)
  }

  /// Moves what top-k, top-p and min-p keep to the end of the buffer, and returns its number. `mass` is the weight of the
  /// whole vocabulary.
  private func keepMostProbable(
    _ buffer: UnsafeMutableBufferPointer<Candidate>, limit: Int?, mass: Double
  ) -> Int {
    var queue = DescendingCandidates(buffer)
    var mass = mass
    if let limit {
      for _ in 0..<limit { _ = queue.next() }
      // What ties with the last one stays too, as in transformers.
      let last = buffer[queue.count].logit
      while let next = queue.peek, next.logit == last { _ = queue.next() }
      mass = buffer[queue.count...].reduce(0.0) { $0 + Double($1.weight) }
    }
    let available = limit == nil ? buffer.count : buffer.count - queue.count
    let wanted = parameters.topP < 1 ? Double(parameters.topP) * mass : .infinity
    var (kept, before) = (0, 0.0)
    while kept < available, before < wanted {
      // The queue has run ahead where top-k has asked it already.
      if kept == buffer.count - queue.count { _ = queue.next() }
      let weight = buffer[buffer.count - 1 - kept].weight
      guard weight >= parameters.minP else { break }
      before += Double(weight)
      kept += 1
    }
    return kept
  }

  private func draw(from candidates: [Candidate], position: Int) -> Int32 {
    let mass = candidates.reduce(0.0) { $0 + Double($1.weight) }
    let target = Philox.uniform(seed: seed, position: UInt64(position)) * mass
    var sum = 0.0
    for candidate in candidates {
      sum += Double(candidate.weight)
      if target < sum { return candidate.token }
    }
    // Summed in the same order, the sum reaches the mass, which is above the target; candidates are never empty.
    return candidates[candidates.count - 1].token
  }
}
