internal import HTTPTypes
internal import Hummingbird
internal import Martlet
internal import MartletTemplate

/// `/v1/models` and `/v1/models/{id}`, `/health`, `/metrics`.
struct ModelRoutes: Sendable {
  let server: ServerState

  var routes: [Route] {
    [
      Route(.get, "/v1/models", scope: .models) { _, _ in
        .json(["object": "list", "data": [entry(try server.model(named: nil))]])
      },
      // Names of models have slashes, so the rest of the path is the name.
      Route(.get, "/v1/models/**", scope: .models) { _, context in
        let name = context.coreContext.parameters.getCatchAll().joined(separator: "/")
        return .json(entry(try server.model(named: name)))
      },
      Route(.get, "/health", scope: nil) { _, _ in health() },
      Route(.get, "/metrics", scope: .metrics) { _, _ in
        if case .ready(let model) = server.models.phase {
          server.metrics.refresh(model.generationEngine.status)
        }
        return .text(server.registry.text(), type: "text/plain; version=0.0.4; charset=utf-8")
      },
    ]
  }

  private func entry(_ model: Model) -> TemplateValue {
    [
      "id": .string(server.modelName), "object": "model", "created": .int(server.started), "owned_by": "martlet",
      "max_model_len": .int(model.sequenceTokens), "device": .string(model.device.description),
    ]
  }

  /// 200 only when the next request would be taken.
  private func health() -> Response {
    if server.isDraining { return .json(["status": "stopping"], status: .serviceUnavailable) }
    switch server.models.phase {
    case .ready: return .json(["status": "ok"])
    case .loading(let share):
      return .json(["status": "loading", "progress": .double(share)], status: .serviceUnavailable)
    case .failed(let error):
      return .json(["status": "failed", "message": .string(error.message)], status: .serviceUnavailable)
    case .stopped: return .json(["status": "stopping"], status: .serviceUnavailable)
    }
  }
}
