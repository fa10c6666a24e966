import ArgumentParser
import Martlet
import MartletServer

/// `martlet serve MODEL`
struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Serve a model over HTTP, by the API of OpenAI.",
    discussion: """
      Listens on this machine only, unless --host says otherwise, and then needs --keys. A configuration file is a JSON \
      object of settings; docs/server.md lists them. Flags win over the file. The log goes to standard error, one JSON \
      object a line. SIGINT or SIGTERM lets running answers end, then stops.
      """)

  @Argument(help: "The model; may also stand in the configuration.")
  var model: String?

  @Option(parsing: .unconditional, help: "A file of settings.")
  var config: String?

  @Option(parsing: .unconditional, help: "The address to listen on (default: 127.0.0.1).")
  var host: String?

  @Option(parsing: .unconditional, help: "The port (default: 8080); 0 takes a free one.")
  var port: Int?

  @Option(parsing: .unconditional, help: "A file of API keys.")
  var keys: String?

  @Option(
    name: .customLong("host-name"), parsing: .unconditionalSingleValue,
    help: "A name beside localhost by which clients reach the server; may be given several times.")
  var hostNames: [String] = []

  @Option(parsing: .unconditional, help: "The name that clients call the model by.")
  var name: String?

  @Option(parsing: .unconditional, help: "Tokens that the KV cache holds for all requests (default: 16384).")
  var cacheTokens: Int?

  @Option(parsing: .unconditional, help: "Answers computed together (default: 64).")
  var sequences: Int?

  @Option(parsing: .unconditional, help: "Answers that wait beyond these (default: 256).")
  var queue: Int?

  @Option(parsing: .unconditional, help: "trace, debug, info (the default), notice, warning, error or critical.")
  var logLevel: String?

  @OptionGroup var flags: ModelFlags

  func run() async throws {
    var settings = ServerSettings()
    if let config { try settings.read(json: try InputFile.read(config), path: config) }
    for (name, value) in values { try settings.set(name, value) }
    try await settings.serve(readFile: InputFile.read) { address in
      Console.note("martlet: listening on \(address)")
    }
  }

  /// The settings that the flags name.
  private var values: [(String, TemplateValue)] {
    let texts = [
      ("model", model), ("host", host), ("keys", keys), ("name", name), ("log_level", logLevel),
      ("device", flags.placement.device),
      ("compute", flags.placement.compute == .auto ? nil : flags.placement.compute.rawValue),
      ("kv", flags.placement.cache == .auto ? nil : flags.placement.cache.rawValue),
    ]
    let numbers = [
      ("port", port), ("cache_tokens", cacheTokens), ("sequences", sequences), ("queue", queue),
      ("threads", flags.placement.threads), ("context", flags.context),
    ]
    let switches: [(String, TemplateValue)] = flags.deterministic ? [("deterministic", .bool(true))] : []
    let names: [(String, TemplateValue)] =
      hostNames.isEmpty ? [] : [("host_names", .array(hostNames.map { .string($0) }))]
    return texts.compactMap { name, text in text.map { (name, .string($0)) } }
      + numbers.compactMap { name, number in number.map { (name, .int($0)) } } + switches + names
  }
}
