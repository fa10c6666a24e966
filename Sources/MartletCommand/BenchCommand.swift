import ArgumentParser
import Martlet

extension DecoderShape: ExpressibleByArgument {}

/// `martlet bench MODEL` or `martlet bench --shape NAME --type T`
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure how fast a model reads a prompt and generates.",
    discussion: """
      Reports tokens per second, and which share of the memory bandwidth and of the arithmetic rate that is, both \
      measured in the same run with the same threads. Run it on a machine that does nothing else.
      """)

  @Argument(help: "The model (or give --shape).")
  var model: String?

  @Option(help: "A well-known shape with random weights instead of a model.")
  var shape: DecoderShape?

  @Option(help: "The weights' type with --shape: \(BenchmarkSubject.typeNames) (default: q4_0).")
  var type: String?

  @Option(help: "Tokens of the prompt, read into an empty cache; 0 leaves the test out.")
  var promptTokens: Int = 512

  @Option(help: "Tokens that each sequence generates; 0 leaves the test out.")
  var generateTokens: Int = 128

  @Option(help: "Tokens in the cache before generation.")
  var depth: Int = 0

  @Option(help: "Sequences that generate together.")
  var batch: Int = 1

  @Option(help: "Measurements of each test, after one that does not count.")
  var repetitions: Int = 5

  @OptionGroup var flags: ModelFlags

  @Flag(help: "Print one JSON object instead of the table.")
  var json = false

  func validate() throws {
    guard (model == nil) != (shape == nil) else {
      throw ValidationError("give a model, or --shape for random weights, and not both")
    }
    guard type == nil || shape != nil else {
      throw ValidationError("--type is for --shape: a model's weights have the types of its file")
    }
  }

  func run() async throws {
    var settings = BenchmarkSettings()
    settings.promptTokens = promptTokens
    settings.generateTokens = generateTokens
    settings.depth = depth
    settings.batch = batch
    settings.repetitions = repetitions
    settings.isDeterministic = flags.deterministic
    var benchmark = try Benchmark(try await subject(), settings)
    let report = try benchmark.run { Console.progress("measuring", $0) }
    Console.write(json ? try report.json.jsonText() + "\n" : report.text + "\n")
  }

  private func subject() async throws -> BenchmarkSubject {
    if let model {
      return try BenchmarkSubject(try await flags.load(model).internals, name: model)
    }
    guard let shape else { throw ValidationError("give a model, or --shape for random weights") }
    let subject = try BenchmarkSubject(shape: shape, type: type ?? "q4_0", options: try flags.options()) {
      Console.progress("making \(shape.rawValue)", $0)
    }
    if flags.placement.device == nil { Console.note("martlet: running on \(subject.stream.device)") }
    return subject
  }
}
