internal import MartletModels
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// How probable a model finds each token of a text.
package enum TokenScores {
  /// Tokens that are computed at once; bounds the memory for logits.
  private static let stepTokens = 128

  /// The natural logarithm of each token's probability after the ones before it, under the model's own distribution; NaN
  /// for the first token, which nothing comes before.
  /// - Throws: `RequestError` if the text is empty, longer than the model's context, or has ids beyond the vocabulary.
  package static func logProbabilities(of tokens: [Int32], model: LoadedModel) throws -> [Float] {
    let decoder = model.decoder
    guard (1...model.contextLength).contains(tokens.count) else {
      throw RequestError.outOfRange(
        field: "the text", found: "\(tokens.count) tokens", expected: "1 to \(model.contextLength), the context")
    }
    let size = decoder.configuration.vocabularySize
    if let token = tokens.first(where: { $0 < 0 || $0 >= size }) {
      throw RequestError.unknownToken(field: "the text", token: token, vocabularySize: size)
    }
    let stream = try model.makeStream()
    let blocks = (tokens.count + PagedCache.blockSize - 1) / PagedCache.blockSize
    let cache = try KVCache(decoder.configuration, blockCount: blocks, decoder.cacheType, on: stream.runtime)
    var pass = try Pass(decoder, cache: cache, on: stream)
    var result: [Float] = [.nan]
    for start in stride(from: 0, to: tokens.count - 1, by: stepTokens) {
      let end = min(start + stepTokens, tokens.count - 1)
      var batch = Batch(
        sequence: Array(tokens[start..<end]), from: start, logitRows: (0..<Int32(end - start)).map { $0 })
      batch.rotaryLengths = decoder.rotaryLengths(start..<end, promptLength: tokens.count)
      guard let logits = try pass.forward(batch) else { continue }
      try stream.synchronize()
      for row in 0..<end - start {
        result.append(Float(Perplexity.logLikelihood(logits, row: row, of: Int(tokens[start + row + 1]))))
      }
    }
    return result
  }
}
