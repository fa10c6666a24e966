public import ArgumentParser
public import Martlet

extension ComputeType: ExpressibleByArgument {}
extension CacheType: ExpressibleByArgument {}

// Values are taken as they stand (`unconditional`), so that "--temperature -1" is told that -1 is out of range, and
// "--stop -" stops at a hyphen.

/// Where and in which types a model runs: shared by all commands that load weights.
struct DeviceFlags: ParsableArguments {
  @Option(
    parsing: .unconditional,
    help: "Where to run: cpu, cuda[:i] or metax[:i]. A named device is a demand; without the flag the best is taken.")
  var device: String?

  @Option(
    parsing: .unconditional,
    help: "Types to calculate in: \(ComputeType.allCases.map(\.rawValue).joined(separator: ", ")).")
  var compute: ComputeType = .auto

  @Option(
    name: .customLong("kv"), parsing: .unconditional,
    help: "Type of keys and values in the cache: \(CacheType.allCases.map(\.rawValue).joined(separator: ", ")).")
  var cache: CacheType = .auto

  @Option(parsing: .unconditional, help: "Threads of the processor (default: all cores).")
  var threads: Int?

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); it must be from 1 to 1024")
    }
  }

  /// The library's options.
  func options() throws -> ModelOptions {
    var options = ModelOptions()
    do {
      options.device = try device.map { try Device(parsing: $0) }
    } catch {
      throw MartletError(error)
    }
    options.compute = compute
    options.cache = cache
    options.threads = threads
    return options
  }

  /// Loads a model, with a progress bar on a terminal and a line that says where it runs.
  /// - Parameter options: these flags' own and whatever others say.
  func load(_ name: String, options: ModelOptions? = nil) async throws -> Model {
    let options = try options ?? self.options()
    let model = try await Model.load(name, options: options) { Console.progress("loading \(name)", $0) }
    if device == nil { Console.note("martlet: running on \(model.device)") }
    let fields = model.unappliedGenerationFields
    if !fields.isEmpty {
      Console.note(
        "martlet: generation_config.json sets \(fields.joined(separator: ", ")), which transformers applies; here only "
          + "flags such as --repeat-penalty change how tokens are chosen")
    }
    return model
  }
}

/// ``DeviceFlags``, how long a text may become, and whether texts may depend on each other in their last bits.
struct ModelFlags: ParsableArguments {
  @OptionGroup var placement: DeviceFlags

  @Option(
    name: .customLong("context"), parsing: .unconditional,
    help: "The most tokens of prompt and answer together (default: the model's).")
  var context: Int?

  @Flag(help: "The same bits whatever else is computed, on a GPU too, where that makes many answers together slower.")
  var deterministic = false

  func validate() throws {
    if let context, context < 2 {
      throw ValidationError("--context is \(context); it must be 2 or more: one token to read and one to write")
    }
  }

  /// The library's options.
  func options() throws -> ModelOptions {
    var options = try placement.options()
    options.contextLength = context
    options.isDeterministic = deterministic
    return options
  }

  /// As ``DeviceFlags/load(_:options:)``.
  func load(_ name: String) async throws -> Model { try await placement.load(name, options: options()) }
}

/// How tokens are chosen and when to stop.
struct GenerationFlags: ParsableArguments {
  @Option(parsing: .unconditional, help: "The most tokens to generate (default: until the model ends).")
  var maxTokens: Int?

  @Option(parsing: .unconditional, help: "Divides the logits; 0 always takes the most probable token.")
  var temperature: Float = 0

  @Option(parsing: .unconditional, help: "Keep the K most probable tokens; 0 keeps all.")
  var topK: Int = 0

  @Option(parsing: .unconditional, help: "Keep the most probable tokens that together reach this probability.")
  var topP: Float = 1

  @Option(parsing: .unconditional, help: "Keep tokens at least this share as probable as the best one.")
  var minP: Float = 0

  @Option(parsing: .unconditional, help: "Make tokens that occurred less probable; 1 is off.")
  var repeatPenalty: Float = 1

  @Option(parsing: .unconditional, help: "Make tokens that were generated less probable, once each; 0 is off.")
  var presencePenalty: Float = 0

  @Option(parsing: .unconditional, help: "Make tokens less probable each time they are generated; 0 is off.")
  var frequencyPenalty: Float = 0

  @Option(
    parsing: .unconditionalSingleValue,
    help: "ID=X adds X to the logit of a token; -inf forbids it. May be given several times.",
    transform: TokenBias.init(parsing:))
  var logitBias: [TokenBias] = []

  @Option(parsing: .unconditional, help: "Seed of the random choices: same seed, same text.")
  var seed: UInt64?

  @Option(parsing: .unconditional, help: "How many answers to generate together; answer N has the seed plus N.")
  var samples: Int = 1

  @Option(
    name: .customLong("stop"), parsing: .unconditionalSingleValue,
    help: "End before this text; may be given several times.")
  var stop: [String] = []

  @Option(
    parsing: .unconditional,
    help: "Report log-probabilities of the chosen and the N most probable tokens (with --json).")
  var logprobs: Int?

  @Flag(help: "Print one JSON object instead of the text.")
  var json = false

  private static let mostSamples = 1024

  /// Lets the library check the ranges before anything is loaded, and gives its fields the names of the flags.
  func validate() throws {
    guard (1...Self.mostSamples).contains(samples) else {
      throw ValidationError("--samples is \(samples); it must be from 1 to \(Self.mostSamples)")
    }
    if logprobs != nil, !json { throw ValidationError("--logprobs needs --json, which is where they are reported") }
    let request = Request(prompt: [0], sampling: options.sampling, maxTokens: maxTokens, stopStrings: stop)
    do {
      try request.validate()
    } catch RequestError.outOfRange(let field, let found, let expected) {
      throw ValidationError("\(Self.flag(of: field)) is \(found); it must be \(expected)")
    } catch RequestError.empty(let field) {
      throw ValidationError("\(Self.flag(of: field)) is empty; leave it out or give it a text")
    }
  }

  private static func flag(of field: String) -> String {
    guard field != "repetition_penalty" else { return "--repeat-penalty" }
    return "--" + String(field.map { $0 == "_" ? "-" : $0 })
  }

  /// The library's options.
  var options: GenerationOptions {
    var options = GenerationOptions()
    options.maxTokens = maxTokens
    options.stop = stop
    options.sampling.temperature = temperature
    options.sampling.topK = topK
    options.sampling.topP = topP
    options.sampling.minP = minP
    options.sampling.repetitionPenalty = repeatPenalty
    options.sampling.presencePenalty = presencePenalty
    options.sampling.frequencyPenalty = frequencyPenalty
    // Where a token is named twice, the last word counts, as for flags.
    options.sampling.logitBias = Dictionary(logitBias.map { ($0.token, $0.bias) }) { _, last in last }
    options.sampling.seed = seed
    options.sampling.logprobs = logprobs
    return options
  }
}

/// `ID=X`, what `--logit-bias` takes.
struct TokenBias {
  let token: Int32
  let bias: Float

  init(parsing text: String) throws {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, let token = Int32(parts[0]), token >= 0, let bias = Float(parts[1]) else {
      throw ValidationError("--logit-bias: '\(text)' is not a token id, '=' and a number, as in 42=-1.5")
    }
    (self.token, self.bias) = (token, bias)
  }
}

/// Text that a command takes as an argument or from a file.
struct TextInput: ParsableArguments {
  @Argument(help: "The text.")
  var text: String?

  @Option(name: .customLong("file"), parsing: .unconditional, help: "Take the text from a file; - is standard input.")
  var file: String?

  /// The text, or nil if none was given.
  func read() throws -> String? {
    if let file {
      guard text == nil else { throw ValidationError("give the text as an argument or by --file, not both") }
      return try InputFile.text(file)
    }
    return text
  }
}
