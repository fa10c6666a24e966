/// How the next token is chosen from the model's logits.
///
/// The defaults change nothing and choose greedily. The meaning of every field follows Hugging Face transformers'
/// logits processors, and for what transformers does not have (presence and frequency penalty) the OpenAI API.
public struct SamplingParameters: Sendable, Hashable {
  /// Divides the logits; 0 takes the most probable token (ties go to the lowest id).
  public var temperature: Float = 0
  /// Keeps the `topK` highest logits and whatever ties with the last of them; 0 keeps all.
  public var topK: Int = 0
  /// Keeps the smallest set of most probable tokens whose probabilities reach `topP`; 1 keeps all.
  public var topP: Float = 1
  /// Keeps tokens at least `minP` times as probable as the most probable one; 0 keeps all.
  public var minP: Float = 0
  /// Divides positive and multiplies negative logits of tokens that occur in the prompt or the output; 1 is off.
  public var repetitionPenalty: Float = 1
  /// Is subtracted once from the logit of each token that occurs in the output.
  public var presencePenalty: Float = 0
  /// Is subtracted from the logit of a token for each of its occurrences in the output.
  public var frequencyPenalty: Float = 0
  /// The seed of the random choices: the same seed gives the same text whatever else is in the batch. The engine draws
  /// one where this is nil.
  public var seed: UInt64?
  /// Is added to the logits of single tokens before anything else; `-infinity` forbids a token.
  public var logitBias: [Int32: Float] = [:]
  /// Asks for the chosen token's log-probability and the `logprobs` most probable tokens beside it.
  public var logprobs: Int?

  /// Greedy decoding.
  public init() {}

  /// Sampling with the usual controls; what is left out is off.
  public init(temperature: Float, topK: Int = 0, topP: Float = 1, minP: Float = 0, seed: UInt64? = nil) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.seed = seed
  }

  /// The largest `logprobs` that a request may ask for.
  public static let maximumLogprobs = 100

  /// Whether the choice depends on which tokens came before.
  var hasPenalties: Bool { repetitionPenalty != 1 || presencePenalty != 0 || frequencyPenalty != 0 }

  /// Refuses what is outside its range, by the field's name, the value found and the range.
  package func validate() throws(RequestError) {
    func check(_ field: String, _ value: Float, _ isValid: Bool, _ range: String) throws(RequestError) {
      guard isValid else { throw .outOfRange(field: field, found: "\(value)", expected: range) }
    }
    // Comparisons with NaN are false, so every condition below refuses it.
    try check("temperature", temperature, temperature >= 0 && temperature.isFinite, "0 (greedy) or a positive number")
    try check("top_p", topP, topP > 0 && topP <= 1, "above 0 and at most 1")
    try check("min_p", minP, minP >= 0 && minP <= 1, "from 0 to 1")
    try check(
      "repetition_penalty", repetitionPenalty, repetitionPenalty > 0 && repetitionPenalty.isFinite, "a positive number")
    try check("presence_penalty", presencePenalty, abs(presencePenalty) <= 2, "from -2 to 2")
    try check("frequency_penalty", frequencyPenalty, abs(frequencyPenalty) <= 2, "from -2 to 2")
    guard topK >= 0 else { throw .outOfRange(field: "top_k", found: "\(topK)", expected: "0 (off) or more") }
    if let logprobs, !(0...Self.maximumLogprobs).contains(logprobs) {
      throw .outOfRange(field: "logprobs", found: "\(logprobs)", expected: "from 0 to \(Self.maximumLogprobs)")
    }
    for (token, bias) in logitBias where !(bias < .infinity) {
      throw .outOfRange(field: "logit_bias[\(token)]", found: "\(bias)", expected: "a finite number or -infinity")
    }
  }
}
