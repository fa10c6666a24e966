public import Martlet
internal import NIOPosix
public import ServiceLifecycle
internal import Synchronization

/// A model as a service of swift-service-lifecycle: loads when the service group starts, and lets running generations come
/// to their ends when it shuts down.
///
/// ```swift
/// let models = ModelService("smollm2")
/// router.get("answer") { request, _ in
///   let model = try await models.model
///   return try await model.respond(to: "Why is the sky blue?").text.reduce("", +)
/// }
/// try await Application(router: router, services: [models]).runService()
/// ```
public final class ModelService: Service {
  /// What a service is at.
  package enum Phase: Sendable {
    /// The share done, 0 to 1.
    case loading(Double)
    case ready(Model)
    case failed(MartletError)
    case stopped
  }

  private struct State {
    var phase = Phase.loading(0)
    var waiters: [CheckedContinuation<Void, Never>] = []
    var onReady: [@Sendable (Model) -> Void] = []
  }

  /// The name that the model is loaded by.
  public let name: String
  private let options: ModelOptions
  private let drainTime: Duration
  private let state = Mutex(State())
  private let isStopping = Atomic<Bool>(false)

  /// A service that has not begun to load.
  /// - Parameters:
  ///   - name: as ``Model/load(_:options:progress:)`` takes it.
  ///   - drainTime: how long running generations may go on when the service shuts down.
  public init(_ name: String, options: ModelOptions = ModelOptions(), drainTime: Duration = .seconds(30)) {
    self.name = name
    self.options = options
    self.drainTime = drainTime
  }

  /// The model, as soon as it is loaded.
  /// - Throws: ``MartletError`` if it cannot be loaded, or the service has stopped.
  public var model: Model {
    get async throws(MartletError) {
      while true {
        switch phase {
        case .ready(let model): return model
        case .failed(let error): throw error
        case .stopped: throw MartletError(.cancelled, "the model's service has stopped")
        case .loading: await waitForChange()
        }
      }
    }
  }

  package var phase: Phase { state.withLock { $0.phase } }

  private func waitForChange() async {
    await withCheckedContinuation { continuation in
      let isLoading = state.withLock { state in
        guard case .loading = state.phase else { return false }
        state.waiters.append(continuation)
        return true
      }
      if !isLoading { continuation.resume() }
    }
  }

  /// Calls `action` with the model once it is loaded, before anybody else gets it; at once if it is.
  package func whenReady(_ action: @escaping @Sendable (Model) -> Void) {
    let model = state.withLock { state -> Model? in
      if case .ready(let model) = state.phase { return model }
      state.onReady.append(action)
      return nil
    }
    if let model { action(model) }
  }

  private func enter(_ phase: Phase) {
    if case .ready(let model) = phase {
      for action in state.withLock({ $0.onReady }) { action(model) }
    }
    let waiters = state.withLock { state in
      state.phase = phase
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Loads the model, and serves until the service group shuts down.
  public func run() async throws {
    do {
      try await load()
    } catch {
      let error = MartletError(error)
      if error.code == .cancelled { return enter(.stopped) }
      enter(.failed(error))
      throw error
    }
    // Ends by shutdown or cancellation; either way what runs is to be ended.
    try? await gracefulShutdown()
    await drain()
  }

  /// Loads the model, unless the service is told to stop meanwhile.
  private func load() async throws {
    try await withTaskCancellationOrGracefulShutdownHandler {
      // Reading weights takes seconds, which Swift's own threads are too few for.
      let model = try await NIOThreadPool.singleton.runIfActive { [self] in
        try Model(name, options: options) { share in
          if isStopping.load(ordering: .relaxed) { throw CancellationError() }
          state.withLock { if case .loading = $0.phase { $0.phase = .loading(share) } }
        }
      }
      enter(.ready(model))
    } onCancelOrGracefulShutdown: {
      self.isStopping.store(true, ordering: .relaxed)
    }
  }

  /// Waits for running generations, but not for ever, and ends the engine.
  private func drain() async {
    guard case .ready(let model) = phase else { return }
    let engine = model.generationEngine
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: drainTime)
    while clock.now < end, !Task.isCancelled {
      let status = engine.status
      if status.waitingCount + status.runningCount == 0 { break }
      try? await Task.sleep(for: .milliseconds(20))
    }
    await engine.shutdown()
    enter(.stopped)
  }
}
