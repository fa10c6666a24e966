public import MartletEngine
internal import MartletHub
internal import MartletModels
public import MartletRuntime
internal import MartletTemplate
public import MartletText

/// A language model, loaded and ready: the door to Martlet for a Swift program.
///
/// ```swift
/// let model = try await Model.load("smollm2")
/// for try await text in model.respond(to: "Why is the sky blue?").text {
///   print(text, terminator: "")
/// }
/// ```
///
/// Any number of tasks may generate at once; their tokens are computed together, and each gets the same tokens as alone: on a
/// processor always, on a GPU to the last bit with ``ModelOptions/isDeterministic``.
public final class Model: Sendable {
  /// The name or path that the model was loaded by.
  public let name: String
  private let loaded: LoadedModel
  private let engine: Engine

  /// Loads a model.
  /// - Parameters:
  ///   - name: a `.gguf` file, a folder of safetensors with `config.json`, a model in the local Hugging Face cache (`owner/name`, `owner/name@revision`, `owner/name/file.gguf`), or a short name (`smollm2`).
  ///   - options: device, types, threads, context.
  ///   - progress: called with the share done, 0 to 1, on the loading thread; what it throws ends the loading.
  /// - Throws: ``MartletError`` that says what is wrong and what to do.
  public static func load(
    _ name: String, options: ModelOptions = ModelOptions(), progress: @Sendable (Double) throws -> Void = { _ in }
  ) async throws(MartletError) -> Model {
    try MartletError.wrapping { try Model(name, options: options, progress: progress) }
  }

  /// Loads a model on the calling thread; see ``load(_:options:progress:)``.
  package init(_ name: String, options: ModelOptions, progress: (Double) throws -> Void) throws {
    self.name = name
    let path = try ModelFiles.path(of: name, needsWeights: true)
    (loaded, engine) = try MartletError.reading(path) {
      let loaded = try LoadedModel(path: path, options: options, progress: progress)
      return (loaded, try loaded.makeEngine())
    }
  }

  /// Where the model runs.
  public var device: Device { loaded.device }
  /// The most tokens of one sequence, prompt and output together.
  public var contextLength: Int { loaded.contextLength }
  /// The vocabulary; nil for files without one, which take and give token ids only.
  public var tokenizer: Tokenizer? { loaded.text?.tokenizer }
  /// Fields of the model's `generation_config.json` by which transformers would choose other tokens, such as
  /// `repetition_penalty`. Martlet does not apply them: ``GenerationOptions`` say how tokens are chosen.
  public var unappliedGenerationFields: [String] { loaded.unappliedGenerationFields }
  /// The vocabulary and the chat template; nil for files without.
  package var text: TextModel? { loaded.text }
  /// The most tokens that one sequence can ever have: what the context and the KV cache allow.
  package var sequenceTokens: Int { engine.limits.sequenceTokens }
  /// What is behind this model, for the command line and tests.
  package var internals: LoadedModel { loaded }
  /// The engine that computes this model's generations.
  package var generationEngine: Engine { engine }

  /// Answers one prompt through the model's chat template.
  public func respond(
    to prompt: String, system: String? = nil, options: GenerationOptions = GenerationOptions()
  ) throws(MartletError) -> Generation {
    try respond(to: (system.map { [.system($0)] } ?? []) + [.user(prompt)], options: options)
  }

  /// Continues a conversation through the model's chat template. What earlier turns have in common with it is taken from
  /// the cache.
  public func respond(
    to messages: [Message], options: GenerationOptions = GenerationOptions()
  ) throws(MartletError) -> Generation {
    let text = try textModel()
    let prompt = try MartletError.wrapping {
      text.encodeRendered(try text.render(.array(messages.map(\.templateValue))))
    }
    return generate(prompt, options: options)
  }

  /// Continues plain text.
  public func complete(
    _ text: String, options: GenerationOptions = GenerationOptions()
  ) throws(MartletError) -> Generation {
    generate(try textModel().tokenizer.encode(text, addSpecial: true), options: options)
  }

  /// Continues token ids.
  public func generate(_ prompt: [Int32], options: GenerationOptions = GenerationOptions()) -> Generation {
    let ends = options.ignoresEndOfText ? [] : Set(loaded.endTokens)
    return Generation(
      engine: engine,
      request: Request(
        prompt: prompt, sampling: options.sampling, maxTokens: options.maxTokens, stopTokens: ends,
        stopStrings: options.stop, priority: options.priority, cacheSalt: options.cacheSalt, tenant: options.tenant,
        timeLimit: options.timeLimit, promptLogprobs: options.promptLogprobs),
      tokenizer: tokenizer)
  }

  /// How well the model predicts token ids; see ``Perplexity``.
  public func perplexity(
    of tokens: [Int32], context: Int = 512, progress: (Int, Int, Double) -> Void = { _, _, _ in }
  ) throws(MartletError) -> Perplexity {
    try MartletError.wrapping { try Perplexity(of: tokens, model: loaded, context: context, progress: progress) }
  }

  /// The natural logarithm of each token's probability after the ones before it, under the model's own distribution; NaN
  /// for the first, which nothing comes before.
  /// - Throws: ``MartletError`` if the tokens are none, too many for the context, or beyond the vocabulary.
  public func logProbabilities(of tokens: [Int32]) throws(MartletError) -> [Float] {
    try MartletError.wrapping { try TokenScores.logProbabilities(of: tokens, model: loaded) }
  }

  private func textModel() throws(MartletError) -> TextModel {
    guard let text = loaded.text else {
      throw MartletError(
        .unsupportedModel, "\(loaded.path) has no vocabulary: give token ids (generate, or --prompt-ids)")
    }
    return text
  }
}
