internal import HTTPTypes
package import Hummingbird
internal import HummingbirdCore
package import Logging
internal import Martlet
package import NIOCore
internal import NIOPosix
internal import ServiceLifecycle
internal import UnixSignals

/// The HTTP server: a model's API, its page and its figures.
package struct APIServer: Sendable {
  private let state: ServerState
  private let loops: any EventLoopGroup

  /// - Parameter loops: the threads of the connections.
  /// - Throws: ``MartletError`` if the configuration is not safe.
  package init(
    _ configuration: ServerConfiguration, models: ModelService, registry: PrometheusRegistry, logger: Logger,
    loops: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
  ) throws {
    try configuration.validate()
    let state = ServerState(configuration, models: models, registry: registry, logger: logger)
    self.state = state
    self.loops = loops
    models.whenReady { [weak state] model in state?.loaded(model) }
  }

  /// Every route, with its scope.
  package var routes: [Route] {
    GenerationRoutes(server: state).routes + TextRoutes(server: state).routes + ModelRoutes(server: state).routes
      + PageRoutes.routes
  }

  /// The server as an application of Hummingbird.
  /// - Parameter onRunning: called with the port when the server listens.
  package func application(onRunning: @escaping @Sendable (Int) -> Void = { _ in }) -> Application<
    RouterResponder<ServerContext>
  > {
    let configuration = state.configuration
    let patience = ClientWatch.Patience(
      idle: .init(configuration.idleTime), request: .init(configuration.requestTime),
      reading: .init(configuration.readingTime))
    return Application(
      responder: router.buildResponder(),
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: [ClientWatch(patience)],
          httpDecoderConfiguration: .init(
            maxHeaderFieldSize: configuration.headBytes, maxHeaderListSize: configuration.headBytes,
            maxHeaderFieldCount: 100))),
      configuration: ApplicationConfiguration(
        address: .hostname(configuration.host, port: configuration.port),
        availableConnectionsDelegate: MaximumAvailableConnections(configuration.connections)),
      onServerRunning: { channel in onRunning(channel.localAddress?.port ?? configuration.port) },
      eventLoopGroupProvider: .shared(loops),
      logger: state.logger)
  }

  private var router: Router<ServerContext> {
    let router = Router(context: ServerContext.self)
    router.middlewares.add(RequestMiddleware(server: state))
    for route in routes {
      router.on(RouterPath(route.path), method: route.method) { [state] request, context in
        var context = context
        context.notes.update { $0.route = route.path }
        context.key = try Authorization.check(request, for: route.scope, keys: state.configuration.keys)
        context.notes.update { [key = context.key] in $0.keyName = key?.name }
        return try await route.handle(request, context)
      }
    }
    return router
  }

  /// Loads the model and serves until `SIGINT` or `SIGTERM`: then no request is taken any more, running answers may come to
  /// their ends, and what takes too long is told so.
  package func run(onRunning: @escaping @Sendable (Int) -> Void = { _ in }) async throws {
    // They end in the opposite order: first the answers, then the connections, then the model.
    let group = ServiceGroup(
      configuration: .init(
        services: [
          state.models, application(onRunning: onRunning), DrainService(server: state),
        ],
        gracefulShutdownSignals: [.sigint, .sigterm], logger: state.logger))
    try await group.run()
  }
}

/// Lets running answers come to their ends before anything else stops, and reports those that do not.
private struct DrainService: Service {
  let server: ServerState

  func run() async throws {
    try? await gracefulShutdown()
    server.startDraining()
    server.logger.info("stopping", metadata: ["running": .stringConvertible(server.answersRunning)])
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: server.configuration.drainTime)
    while server.answersRunning > 0, clock.now < end, !Task.isCancelled {
      try? await Task.sleep(for: .milliseconds(20))
    }
    guard server.answersRunning > 0 else { return }
    server.logger.warning(
      "answers were cut short", metadata: ["running": .stringConvertible(server.answersRunning)])
    if case .ready(let model) = server.models.phase { await model.generationEngine.shutdown() }
  }
}
