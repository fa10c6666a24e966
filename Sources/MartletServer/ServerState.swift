internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Martlet
internal import MartletTemplate
internal import NIOCore
internal import Synchronization

/// What the routes share.
final class ServerState: Sendable {
  let configuration: ServerConfiguration
  let models: ModelService
  /// The name that clients call the model by.
  let modelName: String
  let registry: PrometheusRegistry
  let metrics: ServerMetrics
  let budget = TokenBudget()
  /// Where requests to generate become tokens. Who waits there has a connection, of which there are only so many.
  let preparation: WorkPool
  /// Where requests about texts are answered: apart, so that they hold up no answer.
  let texts = WorkPool(threadCount: 2, mostWaiting: 64)
  let hosts: HostCheck
  let logger: Logger
  /// When the server was made, in seconds since 1970.
  let started = Timestamp.now().seconds
  private let fields: [RequestField]
  private let draining = Atomic<Bool>(false)
  private let runningCount = Atomic<Int>(0)

  init(_ configuration: ServerConfiguration, models: ModelService, registry: PrometheusRegistry, logger: Logger) {
    self.configuration = configuration
    self.models = models
    self.registry = registry
    preparation = WorkPool(threadCount: 2, mostWaiting: configuration.connections)
    self.logger = logger
    modelName = configuration.modelName ?? models.name
    metrics = ServerMetrics(registry)
    hosts = HostCheck(names: configuration.hostNames + [configuration.host])
    fields = RequestField.table(configuration.requests)
  }

  /// Tells the log and the figures that the model is there.
  func loaded(_ model: Model) {
    metrics.loaded(modelName, device: model.device.description)
    let (name, device) = (modelName, model.device.description)
    logger.info("model loaded", metadata: ["model": .string(name), "device": .string(device)])
    let fields = model.unappliedGenerationFields
    if !fields.isEmpty {
      logger.warning(
        "generation_config.json has settings that transformers applies and this server does not: requests say how tokens are chosen",
        metadata: ["settings": .array(fields.map { .string($0) })])
    }
  }

  /// Reads a request's fields, which for a long body takes a while.
  func read(_ body: ByteBuffer, _ endpoint: Endpoint) throws(APIError) -> APIRequest {
    try APIRequest(json: body, endpoint: endpoint, fields: fields)
  }

  /// The model that a request names; nil names the one that is served.
  /// - Throws: 404 for another one, 503 while there is none.
  func model(named name: String?) throws(APIError) -> Model {
    guard name == nil || name == modelName else {
      throw APIError(
        .notFound, "the model \"\(name ?? "")\" is not served here; \"\(modelName)\" is", field: "model",
        code: "model_not_found")
    }
    if isDraining { throw APIError(CancellationError()) }
    switch models.phase {
    case .ready(let model): return model
    case .loading(let share):
      var error = APIError(
        .serviceUnavailable, "the model is being loaded (\(Int(share * 100)) %); try again in a moment",
        type: "server_error", code: "loading")
      error.retryAfter = 1
      throw error
    case .failed(let error):
      throw APIError(
        .serviceUnavailable, "the model could not be loaded: \(error.message)", type: "server_error", code: "not_loaded"
      )
    case .stopped: throw APIError(CancellationError())
    }
  }

  /// Whether the server has been told to stop: it takes no more requests.
  var isDraining: Bool { draining.load(ordering: .relaxed) }

  func startDraining() { draining.store(true, ordering: .relaxed) }

  /// Requests whose answers are being generated.
  var answersRunning: Int { runningCount.load(ordering: .relaxed) }

  func answerBegan() { runningCount.wrappingAdd(1, ordering: .relaxed) }

  func answerEnded() { runningCount.wrappingSubtract(1, ordering: .relaxed) }
}
