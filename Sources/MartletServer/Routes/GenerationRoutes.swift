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
        let fields = try await server.read(request, endpoint)
        return try await answer(fields, context)
      }
    }
  }

  private func answer(_ request: APIRequest, _ context: ServerContext) async throws -> Response {
    let model = try server.model(named: request.model)
    try Self.checkPriority(request, context.key)
    let plan = try GenerationPlan(
      request, model: model, limits: server.configuration.requests, tenant: context.key?.name,
      timeLimit: server.configuration.generationTime)
    let run = try await start(plan, context)
    ClientWatch.onLoss(of: context.channel) { [weak run, metrics = server.metrics] in
      metrics.clientWentAway()
      run?.cancel()
    }
    let format = AnswerFormat(
      plan: plan, id: (request.endpoint == .chat ? "chatcmpl-" : "cmpl-") + context.requestID,
      created: Timestamp.now().seconds, modelName: server.modelName, tokenizer: model.tokenizer)
    let writer = AnswerWriter(run: run, format: format, server: server, logger: context.logger)
    return request.isStreaming ? writer.stream() : .json(try await writer.whole())
  }

  private static func checkPriority(_ request: APIRequest, _ key: APIKeys.Entry?) throws(APIError) {
    guard let key, request.priority > key.priority else { return }
    throw APIError(
      .forbidden, "priority is \(request.priority); this API key allows at most \(key.priority)",
      type: "permission_error", field: "priority", code: "priority_not_allowed")
  }

  /// Reserves what the request can cost and submits it.
  private func start(_ plan: GenerationPlan, _ context: ServerContext) async throws -> AnswerRun {
    let (server, logger) = (server, context.logger)
    let reservation = try context.key.flatMap { key throws(APIError) in
      try server.budget.reserve(plan.tokenLimit, for: key)
    }
    let started: [Generation.Started]
    do {
      started = try Generation.start(plan.generations)
    } catch {
      if let reservation { server.budget.settle(reservation, used: 0) }
      throw error
    }
    server.answerBegan()
    let begin = ContinuousClock.now
    let user = plan.request.user
    return AnswerRun(started, plan: plan) { usage in
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
