import Glibc
internal import MartletModels
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor
internal import MartletText

/// How well a model predicts a text, by `llama-perplexity`'s protocol.
///
/// The text's tokens are cut into chunks of `context` tokens; what does not fill a chunk is left out. Each chunk is read
/// on its own, its first token replaced by the token that begins a document where the model wants one. Only its second
/// half is scored: the logits at positions `context/2` to `context - 2` predict the tokens one further.
/// The perplexity is exp of the mean negative log-likelihood.
public struct Perplexity: Sendable {
  /// The result.
  public let perplexity: Double
  /// Tokens that were scored.
  public let tokens: Int
  /// Chunks that were read.
  public let chunks: Int

  /// Tokens that are computed at once; bounds the memory for logits.
  private static let stepTokens = 128

  /// Scores `tokens`.
  /// - Parameter progress: called after each chunk with the chunks done, their number, and the perplexity so far.
  /// - Throws: `RequestError` if there is not one chunk of tokens or the context does not fit the model.
  package init(
    of tokens: [Int32], model: LoadedModel, context: Int, progress: (Int, Int, Double) -> Void = { _, _, _ in }
  ) throws {
    guard context >= 4, context <= model.decoder.configuration.contextLength else {
      throw RequestError.outOfRange(
        field: "context", found: "\(context)", expected: "4 to \(model.decoder.configuration.contextLength)")
    }
    let chunkCount = tokens.count / context
    guard chunkCount > 0 else {
      throw RequestError.outOfRange(
        field: "the text", found: "\(tokens.count) tokens", expected: "at least one chunk of \(context)")
    }
    if let token = tokens.first(where: { $0 < 0 || $0 >= model.decoder.configuration.vocabularySize }) {
      throw RequestError.unknownToken(
        field: "the text", token: token, vocabularySize: model.decoder.configuration.vocabularySize)
    }
    let stream = try model.makeStream()
    let blocks = (context + PagedCache.blockSize - 1) / PagedCache.blockSize
    let cache = try KVCache(
      model.decoder.configuration, blockCount: blocks, model.decoder.cacheType, on: stream.runtime)
    var pass = try Pass(model.decoder, cache: cache, on: stream)
    var sum = 0.0
    var count = 0
    for chunk in 0..<chunkCount {
      var ids = Array(tokens[chunk * context..<(chunk + 1) * context])
      if let tokenizer = model.text?.tokenizer, tokenizer.addsBeginToken, let begin = tokenizer.beginToken {
        ids[0] = begin
      }
      let first = context / 2
      for start in stride(from: 0, to: context, by: Self.stepTokens) {
        let end = min(start + Self.stepTokens, context)
        let scored = max(start, first)..<max(max(start, first), min(end, context - 1))
        var batch = Batch(
          sequence: Array(ids[start..<end]), from: start, logitRows: scored.map { Int32($0 - start) })
        batch.rotaryLengths = model.decoder.rotaryLengths(start..<end, promptLength: context)
        guard let logits = try pass.forward(batch) else { continue }
        try stream.synchronize()
        for (row, position) in scored.enumerated() {
          sum -= Self.logLikelihood(logits, row: row, of: Int(ids[position + 1]))
          count += 1
        }
      }
      progress(chunk + 1, chunkCount, exp(sum / Double(count)))
    }
    perplexity = exp(sum / Double(count))
    self.tokens = count
    chunks = chunkCount
  }

  /// The natural logarithm of a token's probability by one row of logits.
  static func logLikelihood(_ logits: Tensor, row: Int, of token: Int) -> Double {
    let width = logits.shape[1]
    let values = UnsafeBufferPointer(start: logits.pointer(as: Float.self) + row * width, count: width)
    var largest = -Float.infinity
    for value in values where value > largest { largest = value }
    var sum = 0.0
    for value in values { sum += Double(expf(value - largest)) }
    return Double(values[token] - largest) - log(sum)
  }
}
