internal import Logging
internal import Martlet
internal import NIOCore
internal import NIOPosix

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
    let loops = MultiThreadedEventLoopGroup(numberOfThreads: Self.loopCount(options))
    options.reporting.executor = EventLoopExecutor(loops.next())
    let models = ModelService(model, options: options, drainTime: configuration.drainTime)
    let server = try APIServer(
      configuration, models: models, registry: PrometheusRegistry(), logger: logger, loops: loops)
    let host = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    do {
      try await server.run { port in onRunning("http://\(host):\(port)") }
    } catch {
      // The group tells that a service failed; why is what the model's service knows.
      if case .failed(let reason) = models.phase { throw reason }
      throw error
    }
  }

  /// As many event loops as there are cores that do not compute, but at least one: with fewer threads there are fewer that
  /// have to be woken for a token. They live as long as the process, since requests' tasks may outlive the server.
  private static func loopCount(_ options: ModelOptions) -> Int {
    guard (options.device ?? .preferred).kind == .cpu else { return System.coreCount }
    return max(1, System.coreCount - (options.threads ?? System.coreCount))
  }

  private static let defaultCacheTokens = 16384
}
