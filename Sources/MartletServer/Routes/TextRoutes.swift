internal import HTTPTypes
internal import Hummingbird
internal import Martlet
internal import MartletTemplate
internal import MartletText

/// `/tokenize`, `/detokenize`, `/render`: what the model's files say about text.
struct TextRoutes: Sendable {
  let server: ServerState

  var routes: [Route] {
    [
      route(.tokenize) { request, model in
        guard case .text(let text)? = request.prompts.first else { throw APIError.field("prompt", "must be a text") }
        let tokens = try tokenizer(model).encode(
          text, addSpecial: request.addsSpecialTokens, parseSpecial: request.parsesSpecialTokens)
        return [
          "count": .int(tokens.count), "max_model_len": .int(model.sequenceTokens),
          "tokens": .array(tokens.map { .int(Int($0)) }),
        ]
      },
      route(.detokenize) { request, model in
        let tokenizer = try tokenizer(model)
        if let token = request.tokens.first(where: { $0 < 0 || Int($0) >= tokenizer.vocabularySize }) {
          throw APIError.field(
            "tokens", "has token id \(token), but the model's ids are 0 to \(tokenizer.vocabularySize - 1)")
        }
        return ["prompt": .string(try tokenizer.decode(request.tokens, skipSpecial: false))]
      },
      route(.render) { request, model in
        let (text, tokens) = try ConversationRenderer(model: model).render(request)
        return [
          "prompt": .string(text), "count": .int(tokens.count), "tokens": .array(tokens.map { .int(Int($0)) }),
        ]
      },
    ]
  }

  private func route(
    _ endpoint: Endpoint, _ answer: @escaping @Sendable (APIRequest, Model) throws -> TemplateValue
  ) -> Route {
    Route(.post, endpoint.rawValue, scope: .text) { [server] request, context in
      let body = try await request.jsonBytes(maximum: server.configuration.bodyBytes)
      let work = Task {
        try await server.texts.run(within: server.configuration.generationTime) {
          let fields = try server.read(body, endpoint)
          return Response.text(of: try answer(fields, server.model(named: fields.model)))
        }
      }
      // Whoever goes away while the request waits need not be answered.
      ClientWatch.onLoss(of: context.channel) { work.cancel() }
      return try await withTaskCancellationHandler {
        .text(try await work.value, type: "application/json")
      } onCancel: {
        work.cancel()
      }
    }
  }
}

private func tokenizer(_ model: Model) throws(APIError) -> Tokenizer {
  guard let tokenizer = model.tokenizer else {
    throw APIError(.badRequest, "\(model.name) has no vocabulary", field: "model", code: "no_vocabulary")
  }
  return tokenizer
}
