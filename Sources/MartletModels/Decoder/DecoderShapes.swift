/// Well-known models by their numbers alone, for measuring without their files.
///
/// The numbers are those of the models' published `config.json`.
package enum DecoderShape: String, CaseIterable, Sendable {
  case smolLM2 = "smollm2-135m"
  case tinyLlama = "tinyllama-1.1b"
  case llama1B = "llama-3.2-1b"
  case r1Qwen = "r1-qwen-1.5b"
  case llama3B = "llama-3.2-3b"
  case llama8B = "llama-3.1-8b"

  /// Sizes and constants. Llama 3's scaling of rotary frequencies changes no cost and is left out.
  package var configuration: DecoderConfiguration {
    switch self {
    case .smolLM2:
      DecoderConfiguration(
        layerCount: 30, hiddenSize: 576, feedForwardSize: 1536, headCount: 9, keyHeadCount: 3, headDimension: 64,
        vocabularySize: 49_152, contextLength: 8192, normEpsilon: 1e-5, ropeTheta: 100_000, tiesEmbeddings: true)
    case .tinyLlama:
      DecoderConfiguration(
        layerCount: 22, hiddenSize: 2048, feedForwardSize: 5632, headCount: 32, keyHeadCount: 4, headDimension: 64,
        vocabularySize: 32_000, contextLength: 2048, normEpsilon: 1e-5, ropeTheta: 10_000, tiesEmbeddings: false)
    case .llama1B:
      DecoderConfiguration(
        layerCount: 16, hiddenSize: 2048, feedForwardSize: 8192, headCount: 32, keyHeadCount: 8, headDimension: 64,
        vocabularySize: 128_256, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 500_000, tiesEmbeddings: true)
    case .r1Qwen:
      DecoderConfiguration(
        layerCount: 28, hiddenSize: 1536, feedForwardSize: 8960, headCount: 12, keyHeadCount: 2, headDimension: 128,
        vocabularySize: 151_936, contextLength: 131_072, normEpsilon: 1e-6, ropeTheta: 10_000, biases: .queryKeyValue,
        tiesEmbeddings: false)
    case .llama3B:
      DecoderConfiguration(
        layerCount: 28, hiddenSize: 3072, feedForwardSize: 8192, headCount: 24, keyHeadCount: 8, headDimension: 128,
        vocabularySize: 128_256, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 500_000, tiesEmbeddings: true)
    case .llama8B:
      DecoderConfiguration(
        layerCount: 32, hiddenSize: 4096, feedForwardSize: 14_336, headCount: 32, keyHeadCount: 8, headDimension: 128,
        vocabularySize: 128_256, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 500_000, tiesEmbeddings: false)
    }
  }
}
