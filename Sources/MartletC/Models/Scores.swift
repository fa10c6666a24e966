// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import Martlet
internal import MartletEngine

@c @implementation
public func martlet_perplexity(
  _ model: martlet_model_t?, _ tokens: UnsafePointer<Int32>?, _ count: Int, _ context: Int64,
  _ result: UnsafeMutablePointer<martlet_perplexity_result>?
) -> martlet_status {
  boundary {
    let result = try required(result, "result")
    let found = try MartletC.model(model).perplexity(
      of: Array(list(tokens, count, "tokens")), context: Int(context))
    result.pointee = martlet_perplexity_result(
      perplexity: found.perplexity, tokens: Int64(found.tokens), chunks: Int64(found.chunks))
  }
}

@c @implementation
public func martlet_log_probabilities(
  _ model: martlet_model_t?, _ tokens: UnsafePointer<Int32>?, _ count: Int, _ logprobs: UnsafeMutablePointer<Float>?
) -> martlet_status {
  boundary {
    let logprobs = try required(logprobs, "logprobs")
    let found = try MartletC.model(model).logProbabilities(of: Array(list(tokens, count, "tokens")))
    for (index, logprob) in found.enumerated() { logprobs[index] = logprob }
  }
}
