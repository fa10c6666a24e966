internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Martlet
internal import MartletTemplate
internal import NIOCore

/// `/v1/chat/completions` and `/v1/completions`.
struct GenerationRoutes: Sendable {
  let server: ServerState

  var routes: [Route] {
    [Endpoint.chat, .completions].map { endpoint in
      Route(.post, endpoint.rawValue, scope: .generate) { request, context in
        let body = try await request.jsonBytes(maximum: server.configuration.bodyBytes)
        return try await answer(body, endpoint, context)
      }
    }
  }

  private func answer(_ body: ByteBuffer, _ endpoint: Endpoint, _ context: ServerContext) async throws -> Response {
    let limit = server.configuration.generationTime
    let (plan, model) = try await server.preparation.run(within: limit) { [server, key = context.key] in
      var request = try server.read(body, endpoint)
      let model = try server.model(named: request.model)
      request.priority = try Self.priority(of: request, key)
      let plan = try GenerationPlan(
        request, model: model, limits: server.configuration.requests, tenant: key?.name, timeLimit: limit)
      return (plan, model)
    }
    // A prompt's scores can be megabytes of JSON, which would hold up the loop's other connections.
    let hasScores = plan.generations.indices.contains(where: plan.hasScores)
    let executor = hasScores ? nil : EventLoopExecutor(context.channel.eventLoop)
    let run = try await start(plan, context, executor)
    ClientWatch.onLoss(of: context.channel) { [weak run, metrics = server.metrics] in
      run?.cancel()
      metrics.clientWentAway()
    }
    let format = AnswerFormat(
      plan: plan, id: (endpoint == .chat ? "chatcmpl-" : "cmpl-") + context.requestID,
      created: Timestamp.now().seconds, modelName: server.modelName, tokenizer: model.tokenizer)
    let writer = AnswerWriter(
      run: run, format: format, server: server, executor: executor, logger: context.logger)
    return plan.request.isStreaming ? writer.stream() : .json(try await writer.whole())
  }

  /// The priority that a request asks for. Without one it has 0, or what its key allows if that is less.
  private static func priority(of request: APIRequest, _ key: APIKeys.Entry?) throws(APIError) -> Int {
    let most = key?.priority ?? .max
    guard let priority = request.priority else { return min(0, most) }
    guard priority <= most else {
      throw APIError(
        .forbidden, "priority is \(priority); this API key allows at most \(most)", type: "permission_error",
        field: "priority", code: "priority_not_allowed")
    }
    return priority
  }

  /// Reserves what the request can cost and submits it.
  private func start(
    _ plan: GenerationPlan, _ context: ServerContext, _ executor: EventLoopExecutor?
  ) async throws -> AnswerRun {
    let (server, logger) = (server, context.logger)
    let reservation = try context.key.flatMap { key throws(APIError) in
      try server.budget.reserve(plan.tokenLimit, for: key)
    }
    let started: [Generation.Started]
    let begin = ContinuousClock.now
    do {
      started = try Generation.start(plan.generations)
    } catch {
      if let reservation { server.budget.settle(reservation, used: 0) }
      throw error
    }
    server.answerBegan()
    let user = plan.request.user
    return AnswerRun(
      started, plan: plan, metrics: server.metrics, submitted: begin, executor: executor
    ) { usage in
      server.answerEnded()
      server.metrics.used(usage)
      // Whoever goes away before the first token may have had the whole prompt computed.
      let promptTokens = max(usage.promptTokens, plan.prompts.reduce(0) { $0 + $1.tokens.count })
      if let reservation { server.budget.settle(reservation, used: promptTokens + usage.completionTokens) }
      var metadata: Logger.Metadata = [
        "prompt_tokens": .stringConvertible(usage.promptTokens),
        "cached_tokens": .stringConvertible(usage.cachedTokens),
        "completion_tokens": .stringConvertible(usage.completionTokens),
        "seconds": .stringConvertible(begin.duration(to: .now).seconds),
      ]
      if let user { metadata["user"] = .string(user) }
      logger.info("generation ended", metadata: metadata)
    }
  }
}
