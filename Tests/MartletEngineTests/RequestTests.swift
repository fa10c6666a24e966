import MartletEngine
import Testing

@Suite struct RequestTests {
  typealias Change = @Sendable (inout Request) -> Void

  static let refused: [(field: String, found: String, change: Change)] = [
    ("temperature", "-0.5", { $0.sampling.temperature = -0.5 }),
    ("temperature", "nan", { $0.sampling.temperature = .nan }),
    ("temperature", "inf", { $0.sampling.temperature = .infinity }),
    ("top_k", "-1", { $0.sampling.topK = -1 }),
    ("top_p", "0.0", { $0.sampling.topP = 0 }),
    ("top_p", "1.5", { $0.sampling.topP = 1.5 }),
    ("top_p", "nan", { $0.sampling.topP = .nan }),
    ("min_p", "-0.1", { $0.sampling.minP = -0.1 }),
    ("min_p", "2.0", { $0.sampling.minP = 2 }),
    ("repetition_penalty", "0.0", { $0.sampling.repetitionPenalty = 0 }),
    ("repetition_penalty", "inf", { $0.sampling.repetitionPenalty = .infinity }),
    ("presence_penalty", "3.0", { $0.sampling.presencePenalty = 3 }),
    ("frequency_penalty", "-2.5", { $0.sampling.frequencyPenalty = -2.5 }),
    ("frequency_penalty", "nan", { $0.sampling.frequencyPenalty = .nan }),
    ("logprobs", "-1", { $0.sampling.logprobs = -1 }),
    ("logprobs", "101", { $0.sampling.logprobs = 101 }),
    ("logit_bias[5]", "inf", { $0.sampling.logitBias = [5: .infinity] }),
    ("logit_bias[5]", "nan", { $0.sampling.logitBias = [5: .nan] }),
    ("max_tokens", "0", { $0.maxTokens = 0 }),
  ]

  @Test(arguments: refused.indices)
  func outOfRangeIsNamed(index: Int) {
    let (field, found, change) = Self.refused[index]
    var request = Request(prompt: [1])
    change(&request)
    do {
      try request.validate()
      Issue.record("\(field) = \(found) was accepted")
    } catch {
      guard case .outOfRange(field, found, let expected) = error else {
        Issue.record("\(field) = \(found) gave \(error)")
        return
      }
      #expect("\(error)".contains(field) && "\(error)".contains(found) && "\(error)".contains(expected))
    }
  }

  @Test func theEdgesOfTheRangesAreAccepted() throws {
    var request = Request(prompt: [0], maxTokens: 1, stopStrings: ["x"])
    try request.validate()
    request.sampling = SamplingParameters(temperature: 2, topK: .max, topP: 1, minP: 1, seed: .max)
    request.sampling.logprobs = 100
    request.sampling.presencePenalty = -2
    request.sampling.frequencyPenalty = 2
    request.sampling.logitBias = [0: -.infinity, 1: 100]
    try request.validate()
  }

  @Test func emptyThingsAreRefused() {
    #expect(throws: RequestError.empty(field: "prompt")) { try Request(prompt: []).validate() }
    #expect(throws: RequestError.empty(field: "stop")) { try Request(prompt: [1], stopStrings: [""]).validate() }
  }
}
