internal import MartletOperators

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
/// transformers does not have, come here as in vLLM,) temperature, top-k, top-p, min-p. Logits are f32; from the temperature on
/// a `SamplingRule` says what is chosen, on the processor and elsewhere.
package struct Sampler: Sendable {
  package let parameters: SamplingParameters
  private let seed: UInt64
  /// Tokens of prompt and output, each once; kept only where a penalty asks for them.
  private var seen: Set<Int32> = []
  private var outputCounts: [Int32: Int] = [:]

  /// `parameters` must be valid and the tokens of `prompt` in the vocabulary. `seed` is taken where they have none.
  package init(parameters: SamplingParameters, prompt: [Int32], seed: UInt64) {
    self.parameters = parameters
    self.seed = parameters.seed ?? seed
    if parameters.repetitionPenalty != 1 { seen = Set(prompt) }
  }

  /// Whether it takes the token of the largest logit as the model gives it, and says nothing about others.
  var takesMostProbable: Bool {
    parameters.temperature == 0 && takesRawLogits
  }

  /// Whether ``rule(position:)`` alone says which token is chosen from the logits that the model gives.
  var takesRawLogits: Bool {
    parameters.logprobs == nil && parameters.logitBias.isEmpty && !parameters.hasPenalties
  }

  /// How the token that comes to stand at `position` is chosen from processed logits.
  func rule(position: Int) -> SamplingRule {
    SamplingRule(
      temperature: parameters.temperature, topK: Int32(clamping: parameters.topK), topP: parameters.topP,
      minP: parameters.minP, seed: seed, position: UInt64(position))
  }

  /// Chooses the token that comes to stand at `position` of the sequence, and counts it for the penalties. The row
  /// holds the vocabulary's raw logits and is overwritten.
  mutating func sample(
    _ row: UnsafeMutableBufferPointer<Float>, position: Int, scratch: inout SamplingScratch
  ) throws(SamplingError) -> GeneratedToken {
    for token in row.indices where !(row[token] < .infinity) {
      throw .notFinite(token: token, value: "\(row[token])")
    }
    var logNormalizer: Float = 0
    var top: [TokenLogprob] = []
    var raw: [Float] = []
    if let count = parameters.logprobs {
      logNormalizer = Self.logSumExp(row)
      top = scratch.mostProbable(count, of: UnsafeBufferPointer(row)).map {
        TokenLogprob(token: $0.token, logprob: $0.logit - logNormalizer)
      }
      raw = Array(row)
    }

    process(row)
    let rule = rule(position: position)
    guard let token = rule.choose(from: UnsafeBufferPointer(row), scratch: &scratch) else {
      throw Self.reason(row)
    }
    record(token)
    let logprob = parameters.logprobs == nil ? nil : raw[Int(token)] - logNormalizer
    return GeneratedToken(token: token, logprob: logprob, top: top)
  }

  /// How probable `token` is by a row of the model's raw logits, and the tokens that are most probable.
  static func score(
    _ token: Int32, by row: UnsafeMutableBufferPointer<Float>, topCount: Int, scratch: inout SamplingScratch
  ) throws(SamplingError) -> PromptToken {
    for token in row.indices where !(row[token] < .infinity) {
      throw .notFinite(token: token, value: "\(row[token])")
    }
    let normalizer = logSumExp(row)
    let logit = row[Int(token)]
    let top = scratch.mostProbable(topCount, of: UnsafeBufferPointer(row)).map {
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

  /// Why no token can be chosen from processed logits.
  private static func reason(_ row: UnsafeMutableBufferPointer<Float>) -> SamplingError {
    row.firstIndex(of: .infinity).map { .overflow(token: $0) } ?? .nothingLeft
  }

  private static func logSumExp(_ row: UnsafeMutableBufferPointer<Float>) -> Float {
    let highest = row.reduce(-Float.infinity, max)
    guard highest > -.infinity else { return 0 }
    return highest + Float(log(row.reduce(0.0) { $0 + Double(exp($1 - highest)) }))
  }
}
