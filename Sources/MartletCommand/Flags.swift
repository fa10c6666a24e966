public import ArgumentParser
public import Martlet

extension ComputeType: ExpressibleByArgument {}

/// How a model is brought to a device: shared by all commands that load weights.
struct ModelFlags: ParsableArguments {
  @Option(help: "Where to run: cpu. A named device is a demand; without the flag the best that works is taken.")
  var device: String?

  @Option(help: "Types to calculate in: \(ComputeType.allCases.map(\.rawValue).joined(separator: ", ")).")
  var compute: ComputeType = .auto

  @Option(help: "Threads of the processor (default: all cores).")
  var threads: Int?

  @Option(name: .customLong("context"), help: "The most tokens of prompt and answer together (default: the model's).")
  var context: Int?

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
    options.threads = threads
    options.contextLength = context
    return options
  }

  /// Loads a model, with a progress bar on a terminal and a line that says where it runs.
  func load(_ name: String) async throws -> Model {
    let model = try await Model.load(name, options: try options()) { Console.progress("loading \(name)", $0) }
    if device == nil { Console.note("martlet: running on \(model.device)") }
    return model
  }
}

/// How tokens are chosen and when to stop.
struct GenerationFlags: ParsableArguments {
  @Option(help: "The most tokens to generate (default: until the model ends).")
  var maxTokens: Int?

  @Option(help: "Divides the logits; 0 always takes the most probable token.")
  var temperature: Float = 0

  @Option(help: "Keep the K most probable tokens; 0 keeps all.")
  var topK: Int = 0

  @Option(help: "Keep the most probable tokens that together reach this probability.")
  var topP: Float = 1

  @Option(help: "Keep tokens at least this share as probable as the best one.")
  var minP: Float = 0

  @Option(help: "Make tokens that occurred less probable; 1 is off.")
  var repeatPenalty: Float = 1

  @Option(help: "Seed of the random choices: same seed, same text.")
  var seed: UInt64?

  @Option(name: .customLong("stop"), parsing: .singleValue, help: "End before this text; may be given several times.")
  var stop: [String] = []

  @Option(help: "Report log-probabilities of the chosen and the N most probable tokens (with --json).")
  var logprobs: Int?

  @Flag(help: "Print one JSON object instead of the text.")
  var json = false

  /// The library's options. Ranges are checked by the library, which names the field.
  var options: GenerationOptions {
    var options = GenerationOptions()
    options.maxTokens = maxTokens
    options.stop = stop
    options.sampling.temperature = temperature
    options.sampling.topK = topK
    options.sampling.topP = topP
    options.sampling.minP = minP
    options.sampling.repetitionPenalty = repeatPenalty
    options.sampling.seed = seed
    options.sampling.logprobs = logprobs
    return options
  }
}

/// Text that a command takes as an argument or from a file.
struct TextInput: ParsableArguments {
  @Argument(help: "The text.")
  var text: String?

  @Option(name: .customLong("file"), help: "Take the text from a file; - is standard input.")
  var file: String?

  /// The text's bytes, or nil if none was given.
  func bytes() throws -> [UInt8]? {
    if let file {
      guard text == nil else { throw ValidationError("give the text as an argument or by --file, not both") }
      return try InputFile.read(file)
    }
    return text.map { Array($0.utf8) }
  }
}
