internal import Logging
internal import Martlet

extension ServerSettings {
  /// Serves until the process is told to stop.
  /// - Parameters:
  ///   - readFile: gives a file's bytes.
  ///   - onRunning: called with the address when the server listens; the model may still be loading.
  /// - Throws: ``MartletError`` if the settings make no sense together or the model cannot be loaded.
  package func serve(
    readFile: (String) throws -> [UInt8], onRunning: @escaping @Sendable (String) -> Void
  ) async throws {
    guard let model else { throw MartletError(.invalidArgument, "name a model, as an argument or as \"model\"") }
    guard let level = Logger.Level(rawValue: logLevel) else {
      let names = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw MartletError(.invalidArgument, "log_level is \"\(logLevel)\"; it must be one of \(names)")
    }
    var configuration = configuration
    if let keyFile { configuration.keys = try APIKeys(json: try readFile(keyFile), path: keyFile) }
    var options = options
    if options.cacheTokens == nil {
      options.cacheTokens = Swift.max(Self.defaultCacheTokens, options.contextLength ?? 0)
    }
    var logger = Logger(label: "martlet") { label in JSONLogHandler(label: label) }
    logger.logLevel = level
    let models = ModelService(model, options: options, drainTime: configuration.drainTime)
    let server = try APIServer(configuration, models: models, registry: PrometheusRegistry(), logger: logger)
    let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    do {
      try await server.run { port in onRunning("http://\(host):\(port)") }
    } catch {
      // The group tells that a service failed; why is what the model's service knows.
      if case .failed(let reason) = models.phase { throw reason }
      throw error
    }
  }

  private static let defaultCacheTokens = 16384
}
