// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import Martlet
internal import MartletEngine
internal import MartletText

extension martlet_request {
  static var defaults: martlet_request {
    let sampling = SamplingParameters()
    var request = martlet_request()
    request.temperature = sampling.temperature
    request.top_p = sampling.topP
    request.min_p = sampling.minP
    request.repetition_penalty = sampling.repetitionPenalty
    request.logprobs = -1
    return request
  }
}

@c @implementation
public func martlet_request_init(
  _ request: UnsafeMutablePointer<martlet_request>?, _ struct_size: Int
) -> martlet_status {
  boundary {
    try Versioned.initialize(try required(request, "request"), size: struct_size, defaults: .defaults)
  }
}

/// The generation that a request asks of a model, checked.
func generation(_ model: Model, _ request: UnsafePointer<martlet_request>?) throws -> Generation {
  let request = try Versioned.read(
    try required(request, "request"), defaults: .defaults, "request", flags: [\.has_seed, \.ignore_end])
  let generation = model.generate(try prompt(of: request, model), options: try GenerationOptions(request))
  try generation.validate()
  return generation
}

private func prompt(of request: martlet_request, _ model: Model) throws -> [Int32] {
  guard [request.tokens != nil, request.text != nil, request.messages != nil].count(where: { $0 }) == 1 else {
    throw Failure(MARTLET_INVALID_ARGUMENT, "request: set exactly one of tokens, text and messages")
  }
  if request.tokens != nil { return Array(try list(request.tokens, request.token_count, "request->tokens")) }
  let text = try textModel(model)
  if request.text != nil {
    let utf8 = try bytes(request.text, request.text_length, "request->text").assumingMemoryBound(to: UInt8.self)
    return text.tokenizer.encode(utf8, addSpecial: true)
  }
  return text.encodeRendered(try render(text, request.messages, request.tools, addGenerationPrompt: true))
}

extension GenerationOptions {
  fileprivate init(_ request: martlet_request) throws {
    self.init()
    guard request.max_tokens >= 0 else {
      throw Failure.argument("request->max_tokens", expected: "0 (no limit) or more", found: "\(request.max_tokens)")
    }
    guard request.logprobs >= -1 else {
      throw Failure.argument("request->logprobs", expected: "-1 (none) or more", found: "\(request.logprobs)")
    }
    maxTokens = request.max_tokens == 0 ? nil : Int(request.max_tokens)
    ignoresEndOfText = request.ignore_end
    stop = try list(request.stop, request.stop_count, "request->stop").enumerated().map { index, text in
      try string(text, "request->stop[\(index)]")
    }
    sampling.temperature = request.temperature
    sampling.topK = Int(request.top_k)
    sampling.topP = request.top_p
    sampling.minP = request.min_p
    sampling.repetitionPenalty = request.repetition_penalty
    sampling.presencePenalty = request.presence_penalty
    sampling.frequencyPenalty = request.frequency_penalty
    sampling.seed = request.has_seed ? request.seed : nil
    sampling.logprobs = request.logprobs < 0 ? nil : Int(request.logprobs)
    for bias in try list(request.logit_bias, request.logit_bias_count, "request->logit_bias") {
      sampling.logitBias[bias.token] = bias.bias
    }
  }
}
