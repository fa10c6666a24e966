public import MartletModels
internal import MartletOperators
public import MartletRuntime
internal import MartletText

/// How a model is brought to a device.
public struct ModelOptions: Sendable {
  /// The device to use; nil takes the first GPU that works, else the processor. A named device is a demand.
  public var device: Device?
  /// The types to calculate in.
  public var compute: ComputeType = .auto
  /// The type of keys and values in the cache.
  public var cache: CacheType = .auto
  /// Threads of the processor; nil uses every core that the process may run on.
  public var threads: Int?
  /// The most tokens of one sequence, prompt and output together; nil takes what the model was trained for, at most
  /// ``defaultContextLimit``.
  public var contextLength: Int?
  /// The tokens that the KV cache holds for all sequences together; nil makes room for one sequence of full length.
  public var cacheTokens: Int?
  /// The most sequences that are computed together; more wait. At most the tokens of a step: 512 on a processor, 2048 on a
  /// GPU.
  public var maximumSequences = 256
  /// The most sequences that wait; a generation beyond is refused. Nil sets no limit.
  public var maximumWaiting: Int?
  /// Whether a GPU too gives a generation the same bits whatever else it computes at the time. A processor always does, and
  /// is no slower for it. On a GPU many sequences together are slower: each step has generated tokens only, or one prompt only.
  public var isDeterministic = false

  /// The processor's instruction set, to test one that is not the best; nil takes what ``InstructionSet/preferred()`` says.
  package var instructionSet: String?
  /// How readers are told what steps brought.
  package var reporting = Reporting()
  /// See ``Decoder/watch``.
  package var watch: OperatorWatch?

  /// The context that a model gets unless more is asked for: the cache of a longer one can take more memory than the
  /// model.
  public static let defaultContextLimit = 8192

  /// The defaults.
  public init() {}
}

/// A model's files opened and its weights on a device.
package struct LoadedModel: Sendable {
  /// The file or folder.
  package let path: String
  package let decoder: Decoder
  /// Nil for files without a vocabulary.
  package let text: TextModel?
  /// The tokens that end a text.
  package let endTokens: [Int32]
  /// Fields of `generation_config.json` by which transformers would choose other tokens.
  package let unappliedGenerationFields: [String]
  package let device: Device
  package let options: ModelOptions
  /// The context that sequences may have.
  package let contextLength: Int

  private let context: Context

  /// Opens a GGUF file, or a folder of safetensors.
  package init(
    path: String, options: ModelOptions = ModelOptions(), progress: (Double) throws -> Void = { _ in }
  ) throws {
    if MappedFile.isFolder(path) {
      try self.init(folder: path, options: options, progress: progress)
    } else {
      try self.init(gguf: path, options: options, progress: progress)
    }
  }

  /// Opens a GGUF file and loads its weights.
  /// - Parameter progress: called with the share done, 0 to 1.
  /// - Throws: `GGUFError`, `ModelError`, `TextError`, `TemplateError`, `RuntimeError`.
  package init(
    gguf path: String, options: ModelOptions = ModelOptions(), progress: (Double) throws -> Void = { _ in }
  ) throws {
    let file = try GGUFFile(path: path)
    let configuration = try DecoderConfiguration(gguf: file)
    let text = try TextModel(gguf: file)
    try self.init(
      path: path, configuration, text: text, endTokens: text?.tokenizer.endTokens ?? [], options: options,
      progress: progress
    ) { runtime in
      GGUFWeights(file, heads: configuration.headCount, keyHeads: configuration.keyHeadCount, runtime: runtime)
    }
  }

  /// Opens a folder of safetensors and loads its weights.
  /// - Throws: `SafetensorsError`, `ModelError`, `TextError`, `TemplateError`, `RuntimeError`.
  package init(
    folder path: String, options: ModelOptions = ModelOptions(), progress: (Double) throws -> Void = { _ in }
  ) throws {
    let folder = try CheckpointFolder(path: path)
    try self.init(
      path: path, try DecoderConfiguration(folder: folder), text: try TextModel(folder: folder),
      endTokens: try folder.endTokens(), unappliedGenerationFields: try folder.unappliedGenerationFields(),
      options: options, progress: progress
    ) { _ in folder }
  }

  private init(
    path: String, _ configuration: DecoderConfiguration, text: TextModel?, endTokens: [Int32],
    unappliedGenerationFields: [String] = [], options: ModelOptions, progress: (Double) throws -> Void,
    weights: (Runtime) -> any WeightSource
  ) throws {
    self.path = path
    self.options = options
    self.text = text
    self.endTokens = endTokens
    self.unappliedGenerationFields = unappliedGenerationFields
    device = options.device ?? .preferred
    context = Context()
    contextLength = try Self.contextLength(options, configuration)
    // The vocabulary is cheap to check and the weights are not: whatever is wrong shows first.
    if let text, text.tokenizer.vocabularySize > configuration.vocabularySize {
      throw ModelError.invalidConfiguration(
        file: path, field: "the vocabulary", found: "\(text.tokenizer.vocabularySize) tokens",
        expected: "at most the \(configuration.vocabularySize) rows of the embedding")
    }
    let runtime = try context.runtime(for: device)
    let stream = try Self.makeStream(on: runtime, options)
    // The first start on a kind of GPU compiles, which takes as long as reading a model.
    if let kernels = runtime.kernels {
      let sources = Kernels.all(for: kernels.description)
      try kernels.load(sources) { try progress(0.3 * Double($0) / Double(sources.count)) }
    }
    var decoder = try Decoder(
      WeightScope(weights(device.kind == .cpu ? runtime : Runtime(.cpu))), configuration,
      WeightLoader(compute: options.compute, stream: stream),
      cache: options.cache, progress: progress)
    decoder.watch = options.watch
    self.decoder = decoder
    // Others use the weights on streams of their own.
    try stream.synchronize()
  }

  private static func contextLength(
    _ options: ModelOptions, _ configuration: DecoderConfiguration
  ) throws -> Int {
    guard let wanted = options.contextLength else {
      return min(configuration.contextLength, ModelOptions.defaultContextLimit)
    }
    guard wanted >= 2, wanted <= configuration.contextLength else {
      throw RequestError.outOfRange(
        field: "context", found: "\(wanted) tokens",
        expected: "2 to the \(configuration.contextLength) that the model was trained for")
    }
    return wanted
  }

  /// A stream of its own for whoever runs the model.
  package func makeStream() throws(RuntimeError) -> Stream {
    try Self.makeStream(on: context.runtime(for: device), options)
  }

  private static func makeStream(on runtime: Runtime, _ options: ModelOptions) throws(RuntimeError) -> Stream {
    var instructionSet: InstructionSet?
    if let name = options.instructionSet { instructionSet = try InstructionSet(named: name) }
    return try Stream(on: runtime, threads: options.threads, instructionSet: instructionSet)
  }

  /// An engine whose cache and queue are as the options say; where they do not, the cache holds `sequences` sequences of
  /// full length.
  package func makeEngine(sequences: Int = 1, tokensPerStep: Int? = nil) throws -> Engine {
    let cacheTokens = options.cacheTokens ?? contextLength * sequences
    for (field, value, most) in [
      ("cache tokens", cacheTokens, Int(Int32.max) / 2), ("sequences", options.maximumSequences, 1 << 16),
      ("queue", (options.maximumWaiting ?? 0) + 1, 1 << 20),
    ] where !(1...most).contains(value) {
      throw RequestError.outOfRange(field: field, found: "\(value)", expected: "from 1 to \(most)")
    }
    // Each sequence takes a token of every step, or prompts would have to wait for whole answers.
    let deviceTokens = Pass.stepTokens(on: device)
    guard options.maximumSequences <= deviceTokens else {
      throw RequestError.outOfRange(
        field: "sequences", found: "\(options.maximumSequences)",
        expected: "at most \(deviceTokens), the tokens that a step on \(device) computes")
    }
    let limits = EngineLimits(
      vocabularySize: decoder.configuration.vocabularySize, contextLength: contextLength,
      // One block more than full sequences need, so that a full one can still be followed by a short one.
      blockCount: (cacheTokens + 15) / 16 + 1, maximumSequences: options.maximumSequences,
      tokensPerStep: tokensPerStep ?? deviceTokens, rotaryContext: decoder.lengthDependentContext,
      maximumWaiting: options.maximumWaiting,
      // On a processor bits depend on nothing else anyway, and steps may be cut as is fastest.
      isDeterministic: options.isDeterministic && device.kind != .cpu)
    return Engine(
      runner: try ModelRunner(self, blockCount: limits.blockCount), limits: limits, reporting: options.reporting)
  }
}
