package import Martlet
package import MartletTemplate

/// Which load a server gets.
package struct LoadSettings: Sendable {
  package enum Endpoint: String, Sendable, CaseIterable {
    case chat, completions

    /// Below the server's `/v1`.
    var path: String { self == .chat ? "/chat/completions" : "/completions" }
  }

  /// The server: `http://127.0.0.1:8080`, with or without `/v1`.
  package var address = "http://127.0.0.1:8080"
  /// What to ask for; nil for the first model that the server lists.
  package var model: String?
  package var endpoint = Endpoint.chat
  package var requests = 100
  /// The most requests at a time; nil for no limit, which needs a rate.
  package var concurrency: Int? = 8
  /// Requests a second on average, arriving as a Poisson process; nil sends the next as soon as one has ended.
  package var rate: Double?
  /// Tokens of the prompts, drawn evenly from this range.
  package var promptTokens = 200...200
  /// The most tokens of the answers, drawn evenly from this range.
  package var generateTokens = 128...128
  package var isStreamed = true
  /// Of prompts, lengths and arrivals.
  package var seed: UInt64 = 1
  /// Further fields of each request, such as `ignore_eos`, which some servers know.
  package var fields: [(key: String, value: TemplateValue)] = []
  /// How long a request may take in all.
  package var timeout: Duration = .seconds(600)
  package var apiKey: String?

  package init() {}

  /// - Throws: ``MartletError`` of code `invalidArgument` that names the setting by its flag.
  package func validate() throws(MartletError) {
    func check(_ isGood: Bool, _ flag: String, _ found: some CustomStringConvertible, _ expected: String)
      throws(MartletError)
    {
      guard isGood else { throw MartletError(.invalidArgument, "--\(flag) is \(found); it must be \(expected)") }
    }
    try check((1...1_000_000).contains(requests), "requests", requests, "from 1 to 1000000")
    if let concurrency { try check((1...65_536).contains(concurrency), "concurrency", concurrency, "from 1 to 65536") }
    if let rate { try check(rate > 0 && rate <= 100_000, "rate", rate, "above 0 and at most 100000 requests a second") }
    guard concurrency != nil || rate != nil else {
      throw MartletError(.invalidArgument, "give --concurrency or --rate, or all requests would come at once")
    }
    let limit = 1...1_000_000
    for (flag, range) in [("prompt-tokens", promptTokens), ("generate-tokens", generateTokens)] {
      let isGood = limit.contains(range.lowerBound) && limit.contains(range.upperBound)
      try check(isGood, flag, "\(range.lowerBound)-\(range.upperBound)", "from 1 to 1000000")
    }
    try check(timeout > .zero && timeout <= .seconds(86_400), "timeout", timeout, "above 0 and at most 86400 seconds")
    let own: Set = ["model", "messages", "prompt", "max_tokens", "stream", "stream_options"]
    for (key, _) in fields where own.contains(key) {
      throw MartletError(.invalidArgument, "--field sets \(key), which bench-serve sets itself")
    }
    guard address.hasPrefix("http://") || address.hasPrefix("https://") else {
      throw MartletError(
        .invalidArgument, "'\(address)' is no address of a server; write it like http://127.0.0.1:8080")
    }
  }

  /// The address up to and with `/v1`.
  var root: String {
    var text = address[...]
    while text.last == "/" { text.removeLast() }
    return text.hasSuffix("/v1") ? String(text) : text + "/v1"
  }
}
