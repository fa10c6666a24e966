package import Martlet
package import MartletTemplate

/// What a configuration file or the flags of `martlet serve` say. Both go through the same table, so a setting has the same
/// name, the same range and the same errors in both places.
package struct ServerSettings: Sendable {
  package var configuration = ServerConfiguration()
  /// A server is for many: more waits than runs.
  package var options = ModelOptions()
  /// The model's name or path.
  package var model: String?
  /// The file of API keys.
  package var keyFile: String?
  /// `trace` to `critical`, as swift-log names them.
  package var logLevel = "info"

  package init() {
    options.maximumSequences = 64
    options.maximumWaiting = 256
    options.reporting.interval = .milliseconds(25)
  }

  /// A setting: its name, what it takes, what it means and what it changes.
  package struct Field: Sendable {
    package let name: String
    package let kind: FieldKind
    package let meaning: String
    fileprivate let set: @Sendable (FieldValue, inout ServerSettings) throws -> Void
  }

  /// Reads a configuration file: a JSON object of settings.
  /// - Throws: ``MartletError`` that names the file and the setting.
  package mutating func read(json bytes: some Sequence<UInt8>, path: String) throws(MartletError) {
    do {
      guard case .object(let object) = try TemplateValue(strict: bytes) else {
        throw MartletError(.invalidArgument, "a configuration is a JSON object")
      }
      for key in object.keys { try set(key, object[key] ?? .null) }
    } catch {
      throw MartletError(.invalidArgument, "\(path): \(error)")
    }
  }

  /// Changes a setting.
  /// - Throws: ``MartletError`` if there is none of that name or the value is out of range.
  package mutating func set(_ name: String, _ value: TemplateValue) throws(MartletError) {
    guard let field = Self.table.first(where: { $0.name == name }) else {
      let names = Self.table.map(\.name).joined(separator: ", ")
      throw MartletError(.invalidArgument, "there is no setting \"\(name)\"; there are \(names)")
    }
    do {
      try field.set(FieldValue(name: name, value: value, kind: field.kind), &self)
    } catch let error as APIError {
      throw MartletError(.invalidArgument, error.message)
    } catch {
      throw MartletError(error)
    }
  }
}

extension ServerSettings {
  private static func integer(
    _ name: String, _ range: ClosedRange<Int>, _ meaning: String,
    _ set: @escaping @Sendable (inout ServerSettings, Int) -> Void
  ) -> Field {
    Field(name: name, kind: .integer(range), meaning: meaning) { value, settings in
      set(&settings, try value.integer(range))
    }
  }

  private static func text(
    _ name: String, _ meaning: String, _ set: @escaping @Sendable (inout ServerSettings, String) throws -> Void
  ) -> Field {
    Field(name: name, kind: .text(maximum: 4096), meaning: meaning) { value, settings in
      try set(&settings, try value.text(maximum: 4096))
    }
  }

  private static func seconds(
    _ name: String, _ meaning: String, _ set: @escaping @Sendable (inout ServerSettings, Duration) -> Void
  ) -> Field {
    integer(name, 1...86400, meaning) { set(&$0, .seconds($1)) }
  }

  /// Every setting.
  package static let table: [Field] = [
    text("model", "the model, as every command takes it") { $0.model = $1 },
    text("name", "the name that clients call the model by; default: the one it is loaded by") {
      $0.configuration.modelName = $1
    },
    text("host", "the address to listen on; default 127.0.0.1; others need keys") { $0.configuration.host = $1 },
    integer("port", 0...65535, "the port; default 8080; 0 takes a free one") { $0.configuration.port = $1 },
    text("keys", "a file of API keys") { $0.keyFile = $1 },
    Field(
      name: "host_names", kind: .texts(count: 64, maximum: 253),
      meaning: "names beside localhost by which clients reach the server"
    ) { value, settings in
      settings.configuration.hostNames = try value.texts(count: 64, maximum: 253)
    },
    text("device", "cpu, cuda[:i] or metax[:i]; default: the best that works") {
      $0.options.device = try Device(parsing: $1)
    },
    text("compute", "types to calculate in: \(ComputeType.allCases.map(\.rawValue).joined(separator: ", "))") {
      $0.options.compute = try choice("compute", $1)
    },
    text("kv", "type of the KV cache: \(CacheType.allCases.map(\.rawValue).joined(separator: ", "))") {
      $0.options.cache = try choice("kv", $1)
    },
    Field(
      name: "deterministic", kind: .boolean,
      meaning: "the same bits whatever else is computed, on a GPU too, where that is slower; default false"
    ) { value, settings in
      settings.options.isDeterministic = try value.boolean()
    },
    integer("threads", 1...1024, "threads of the processor; default: all cores") { $0.options.threads = $1 },
    integer("context", 2...(1 << 24), "the most tokens of one prompt and answer; default: the model's") {
      $0.options.contextLength = $1
    },
    integer(
      "cache_tokens", 16...(1 << 30), "tokens that the KV cache holds for all requests; default 16384, or one context"
    ) { $0.options.cacheTokens = $1 },
    integer("sequences", 1...2048, "answers computed together, on a processor at most 512; default 64") {
      $0.options.maximumSequences = $1
    },
    integer("queue", 0...(1 << 20), "answers that wait beyond these; default 256") { $0.options.maximumWaiting = $1 },
    integer("body_bytes", 1024...(1 << 30), "the most bytes of a request; default 8 MiB") {
      $0.configuration.bodyBytes = $1
    },
    integer("connections", 1...1_000_000, "connections at a time; default 1024") { $0.configuration.connections = $1 },
    integer("most_n", 1...1024, "the most answers to one request; default 16") {
      $0.configuration.requests.samples = $1
    },
    integer("most_messages", 1...(1 << 20), "the most messages of a conversation; default 1024") {
      $0.configuration.requests.messages = $1
    },
    integer("most_stops", 1...1024, "the most stop strings of a request; default 16") {
      $0.configuration.requests.stops = $1
    },
    seconds("idle_seconds", "how long a connection may wait for a request; default 75") {
      $0.configuration.idleTime = $1
    },
    seconds("request_seconds", "how long a client may take to send a request; default 30") {
      $0.configuration.requestTime = $1
    },
    seconds("reading_seconds", "how long a client may keep an answer from being written; default 30") {
      $0.configuration.readingTime = $1
    },
    seconds("generation_seconds", "how long an answer may take; default 600") { $0.configuration.generationTime = $1 },
    seconds("drain_seconds", "how long running answers may go on at the end; default 30") {
      $0.configuration.drainTime = $1
    },
    integer("stream_milliseconds", 0...1000, "how long tokens may be held back to be sent together; default 25") {
      $0.options.reporting.interval = .milliseconds($1)
    },
    text("log_level", "trace, debug, info, notice, warning, error or critical; default info") { $0.logLevel = $1 },
  ]
}

/// A type among several, by its name.
private func choice<Choice: RawRepresentable<String> & CaseIterable>(
  _ name: String, _ text: String
) throws(MartletError) -> Choice {
  guard let choice = Choice(rawValue: text) else {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    throw MartletError(.invalidArgument, "\(name) is \"\(text)\"; it must be one of \(names)")
  }
  return choice
}
