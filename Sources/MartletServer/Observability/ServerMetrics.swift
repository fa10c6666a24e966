internal import CoreMetrics
internal import Martlet
internal import MartletEngine
internal import Metrics
internal import Synchronization

/// The server's figures, told through swift-metrics. `docs/server.md` lists them.
struct ServerMetrics: Sendable {
  private let factory: any MetricsFactory
  private let promptTokens: Counter
  private let cachedTokens: Counter
  private let generatedTokens: Counter
  private let firstToken: Timer
  private let betweenTokens: Timer
  private let endToEnd: Timer
  private let queueing: Timer
  private let cancelled: Counter
  private let engine: EngineFigures

  init(_ registry: PrometheusRegistry) {
    for (label, text) in Self.help { registry.describe(label, text) }
    registry.describe(
      "martlet_inter_token_seconds", "Time between two tokens of an answer.",
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5])
    factory = registry
    promptTokens = Counter(label: "martlet_prompt_tokens_total", factory: factory)
    cachedTokens = Counter(label: "martlet_cached_prompt_tokens_total", factory: factory)
    generatedTokens = Counter(label: "martlet_generated_tokens_total", factory: factory)
    firstToken = Timer(label: "martlet_time_to_first_token_seconds", factory: factory)
    betweenTokens = Timer(label: "martlet_inter_token_seconds", factory: factory)
    endToEnd = Timer(label: "martlet_generation_seconds", factory: factory)
    queueing = Timer(label: "martlet_queue_seconds", factory: factory)
    cancelled = Counter(label: "martlet_cancelled_requests_total", factory: factory)
    engine = EngineFigures(factory)
  }

  static let help = [
    ("martlet_requests_total", "Requests answered, by route and status."),
    ("martlet_request_seconds", "Time from a request's head to the end of its answer, by route."),
    ("martlet_prompt_tokens_total", "Tokens of prompts, cached ones included."),
    ("martlet_cached_prompt_tokens_total", "Tokens of prompts that the cache had."),
    ("martlet_generated_tokens_total", "Tokens generated."),
    ("martlet_time_to_first_token_seconds", "Time from a request's submission to its first token."),
    ("martlet_inter_token_seconds", "Time between two tokens of an answer."),
    ("martlet_generation_seconds", "Time from a request's submission to its last token."),
    ("martlet_queue_seconds", "Time from a request's submission to the first step that computed some of it."),
    ("martlet_cancelled_requests_total", "Requests whose clients went away before the end."),
    ("martlet_waiting_sequences", "Sequences that wait for room."),
    ("martlet_running_sequences", "Sequences that are computed."),
    ("martlet_cache_blocks", "Blocks of the KV cache, by use; a free block may still hold a prefix."),
    ("martlet_cache_used_ratio", "The share of the KV cache in use."),
    ("martlet_preemptions_total", "How often a sequence lost its blocks to another."),
    ("martlet_steps_total", "Steps computed."),
    ("martlet_step_compute_microseconds_total", "Time that the model took for steps."),
    ("martlet_step_host_microseconds_total", "Time between steps while there was work."),
    ("martlet_model_info", "1, with the model and its device as labels."),
  ]

  /// A request was answered.
  func answered(route: String, status: Int, time: Duration) {
    Counter(
      label: "martlet_requests_total", dimensions: [("route", route), ("status", String(status))], factory: factory
    ).increment()
    Timer(label: "martlet_request_seconds", dimensions: [("route", route)], factory: factory)
      .recordNanoseconds(time.nanoseconds)
  }

  /// The first step of a sample began.
  func began(after time: Duration) { queueing.recordNanoseconds(time.nanoseconds) }

  /// A sample's first token came.
  func firstTokenCame(after time: Duration) { firstToken.recordNanoseconds(time.nanoseconds) }

  /// A sample came to its end.
  func finished(after time: Duration) { endToEnd.recordNanoseconds(time.nanoseconds) }

  /// A token followed another of the same answer.
  func tokenFollowed(after time: Duration) { betweenTokens.recordNanoseconds(time.nanoseconds) }

  /// A request has used so many tokens.
  func used(_ usage: Usage) {
    promptTokens.increment(by: usage.promptTokens)
    cachedTokens.increment(by: usage.cachedTokens)
    generatedTokens.increment(by: usage.completionTokens)
  }

  /// A client went away.
  func clientWentAway() { cancelled.increment() }

  /// Tells which model runs where.
  func loaded(_ model: String, device: String) {
    Meter(label: "martlet_model_info", dimensions: [("model", model), ("device", device)], factory: factory).set(1)
  }

  /// Takes in what the engine says of itself; called before the figures are read.
  func refresh(_ status: Engine.Status) { engine.refresh(status) }
}

/// Figures that the engine keeps and the server asks for.
private final class EngineFigures: Sendable {
  private let waiting: Meter
  private let running: Meter
  private let free: Meter
  private let used: Meter
  private let share: Meter
  private let preemptions: Counter
  private let steps: Counter
  private let compute: Counter
  private let host: Counter
  private let last = Mutex<Engine.Status?>(nil)

  init(_ factory: any MetricsFactory) {
    waiting = Meter(label: "martlet_waiting_sequences", factory: factory)
    running = Meter(label: "martlet_running_sequences", factory: factory)
    free = Meter(label: "martlet_cache_blocks", dimensions: [("state", "free")], factory: factory)
    used = Meter(label: "martlet_cache_blocks", dimensions: [("state", "used")], factory: factory)
    share = Meter(label: "martlet_cache_used_ratio", factory: factory)
    preemptions = Counter(label: "martlet_preemptions_total", factory: factory)
    steps = Counter(label: "martlet_steps_total", factory: factory)
    compute = Counter(label: "martlet_step_compute_microseconds_total", factory: factory)
    host = Counter(label: "martlet_step_host_microseconds_total", factory: factory)
  }

  func refresh(_ status: Engine.Status) {
    waiting.set(status.waitingCount)
    running.set(status.runningCount)
    free.set(status.freeBlockCount)
    let usedCount = status.blockCount - status.freeBlockCount
    used.set(usedCount)
    share.set(Double(usedCount) / Double(status.blockCount))
    // Counters take what was added since the last time; two readers at once must not add it twice.
    last.withLock { last in
      // An older status may come after a newer one.
      guard status.stepCount >= (last?.stepCount ?? 0) else { return }
      preemptions.increment(by: status.preemptionCount - (last?.preemptionCount ?? 0))
      steps.increment(by: status.stepCount - (last?.stepCount ?? 0))
      compute.increment(by: (status.computeTime - (last?.computeTime ?? .zero)).microseconds)
      host.increment(by: (status.hostTime - (last?.hostTime ?? .zero)).microseconds)
      last = status
    }
  }
}

extension Duration {
  /// Whole nanoseconds, as many as 64 bits hold.
  var nanoseconds: Int64 {
    let (scaled, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? .max : scaled &+ components.attoseconds / 1_000_000_000
  }

  /// Whole microseconds.
  var microseconds: Int { Int(nanoseconds / 1000) }
}
