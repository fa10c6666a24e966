import ArgumentParser
import Martlet
import MartletHub
import MartletLoad

extension LoadSettings.Endpoint: ExpressibleByArgument {}

/// `martlet bench-serve [URL]`
struct BenchServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-serve", abstract: "Measure how a server bears many requests.",
    discussion: """
      Sends requests to any server with OpenAI's API and reports times and throughput. Without --rate, --concurrency \
      requests are always under way; with it, requests arrive by a Poisson process whether or not the server keeps up. \
      Times count from a request's arrival. The key comes from --api-key-file, $MARTLET_API_KEY or $OPENAI_API_KEY.
      """)

  @Argument(help: "The server's address, with or without /v1.")
  var server = "http://127.0.0.1:8080"

  @Option(help: "The model to ask for (default: the first that the server lists).")
  var model: String?

  @Option(help: "What to call: \(LoadSettings.Endpoint.allCases.map(\.rawValue).joined(separator: ", ")).")
  var endpoint = LoadSettings.Endpoint.chat

  @Option(parsing: .unconditional, help: "How many requests to send.")
  var requests = 100

  @Option(parsing: .unconditional, help: "The most requests at a time (default: 8, or no limit with --rate).")
  var concurrency: Int?

  @Option(parsing: .unconditional, help: "Requests a second, on average.")
  var rate: Double?

  @Option(parsing: .unconditional, help: "Tokens of a prompt, as 200 or 100-300.")
  var promptTokens = TokenRange(200...200)

  @Option(parsing: .unconditional, help: "The most tokens of an answer, as 128 or 64-128.")
  var generateTokens = TokenRange(128...128)

  @Flag(inversion: .prefixedNo, help: "Ask for answers token by token.")
  var stream = true

  @Option(parsing: .unconditional, help: "Seed of prompts, lengths and arrivals.")
  var seed: UInt64 = 1

  @Option(
    name: .customLong("field"), parsing: .unconditionalSingleValue,
    help: "A further field of every request, as temperature=0 or ignore_eos=true; may be given several times.")
  var fields: [RequestField] = []

  @Option(parsing: .unconditional, help: "Seconds that a request may take.")
  var timeout = 600.0

  @Option(help: "A file with the API key.")
  var apiKeyFile: String?

  @Flag(help: "Print one JSON object instead of the table.")
  var json = false

  func run() async throws {
    var settings = LoadSettings()
    settings.address = server
    settings.model = model
    settings.endpoint = endpoint
    settings.requests = requests
    settings.concurrency = concurrency ?? (rate == nil ? 8 : nil)
    settings.rate = rate
    settings.promptTokens = promptTokens.range
    settings.generateTokens = generateTokens.range
    settings.isStreamed = stream
    settings.seed = seed
    settings.fields = fields.map { ($0.name, $0.value) }
    settings.timeout = timeout.isFinite ? .seconds(min(max(timeout, -1), 1e9)) : .zero
    settings.apiKey = try apiKey()
    let asked = settings
    let report = try await Interruption.cancelling {
      try await LoadGenerator.run(asked) { Console.progress("measuring", $0) }
    }
    Console.write(json ? try report.json.jsonText(indent: 2) + "\n" : report.text + "\n")
  }

  private func apiKey() throws -> String? {
    let key =
      if let apiKeyFile {
        try InputFile.text(apiKeyFile)
      } else {
        ["MARTLET_API_KEY", "OPENAI_API_KEY"].lazy.compactMap(HubEnvironment.processVariable).first { !$0.isEmpty }
      }
    guard var key else { return nil }
    while key.last?.isWhitespace == true { key.removeLast() }
    // It becomes a header, which ends at a line's end.
    guard !key.isEmpty, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw MartletError(
        .invalidArgument, "\(apiKeyFile ?? "the API key") must hold one key of visible ASCII characters on one line")
    }
    return key
  }
}

/// `200` or `100-300`
struct TokenRange: ExpressibleByArgument {
  let range: ClosedRange<Int>

  init(_ range: ClosedRange<Int>) { self.range = range }

  init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low <= high else {
      return nil
    }
    range = low...high
  }

  var defaultValueDescription: String {
    range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
  }
}

/// `name=value`; a value that is no JSON is a text.
struct RequestField: ExpressibleByArgument {
  let name: String
  let value: TemplateValue

  init?(argument: String) {
    guard let separator = argument.firstIndex(of: "="), separator > argument.startIndex else { return nil }
    name = String(argument[..<separator])
    let text = argument[argument.index(after: separator)...]
    value = (try? TemplateValue(json: Array(text.utf8))) ?? .string(String(text))
  }
}
