internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Martlet
internal import MartletTemplate
internal import NIOCore

/// Brings the events of a run to the client: collected into one answer, or piece by piece.
struct AnswerWriter: Sendable {
  let run: AnswerRun
  let format: AnswerFormat
  let server: ServerState
  /// Where events are made and written; nil for Swift's own threads.
  let executor: EventLoopExecutor?
  let logger: Logger

  /// The whole answer.
  func whole() async throws -> TemplateValue {
    var progress = Progress(format.plan)
    do {
      while let events = try await run.nextEvents() {
        for (index, event) in events { progress.take(event, of: index) }
      }
    } catch {
      throw told(error)
    }
    return format.answer(progress.choices, usage: run.used)
  }

  /// The answer as server-sent events.
  func stream() -> Response {
    Response(
      status: .ok,
      headers: [
        .contentType: "text/event-stream; charset=utf-8", .cacheControl: "no-store",
        // Tells proxies of nginx's kind to pass every event on at once.
        .init("X-Accel-Buffering")!: "no",
      ],
      body: ResponseBody { writer in
        // Whatever ends this, a client that has gone or an error, ends the generations.
        defer { run.cancel() }
        try await withTaskExecutorPreference(executor) { try await writeEvents(to: &writer) }
        try await writer.finish(nil)
      })
  }

  private func writeEvents(to writer: inout any ResponseBodyWriter) async throws {
    var progress = Progress(format.plan)
    while let events = await next() {
      switch events {
      case .success(let events):
        // What has come together goes together.
        var text = ""
        for (index, event) in events {
          progress.take(event, of: index)
          for piece in progress.takePieces(of: index) { text += Self.event(format.piece(piece)) }
        }
        if !text.isEmpty { try await writer.write(ByteBuffer(string: text)) }
      case .failure(let error):
        logger.info("generation failed", metadata: ["error": .string(error.message)])
        return try await writer.write(ByteBuffer(string: Self.event(error.body)))
      }
    }
    let usage = format.plan.request.includesUsage == true ? Self.event(format.usage(run.used)) : ""
    try await writer.write(ByteBuffer(string: usage + "data: [DONE]\n\n"))
  }

  private func next() async -> Result<[AnswerRun.Event], APIError>? {
    do { return try await run.nextEvents().map { .success($0) } } catch { return .failure(told(error)) }
  }

  /// What is told of an error; a cancellation that the server did not want is the client's own going away.
  private func told(_ error: any Error) -> APIError {
    if error is CancellationError, !server.isDraining {
      // nginx's status for it; nobody reads it but the log.
      let status = HTTPResponse.Status(code: 499, reasonPhrase: "Client Closed Request")
      return APIError(status, "the client went away", code: "client_closed_request")
    }
    return APIError(error)
  }

  private static func event(_ value: TemplateValue) -> String { "data: \(Response.text(of: value))\n\n" }
}

/// What has come of each choice.
private struct Progress {
  private(set) var choices: [Choice]
  private let plan: GenerationPlan

  init(_ plan: GenerationPlan) {
    choices = plan.generations.indices.map { Choice(index: $0) }
    self.plan = plan
  }

  /// The choices that answer the same prompt.
  private func siblings(of index: Int) -> Range<Int> {
    let first = index / plan.request.samples * plan.request.samples
    return first..<(first + plan.request.samples)
  }

  mutating func take(_ event: GenerationEvent, of index: Int) {
    if case .prompt = event {
      // The prompt of several choices is scored once, and told of each.
      for sibling in siblings(of: index) { choices[sibling].take(event) }
    } else {
      choices[index].take(event)
    }
  }

  /// What can be told now that something has come of a choice: of that one, or of all that waited for the prompt's scores.
  mutating func takePieces(of index: Int) -> [Choice] {
    let isPrompt = choices[index].tokens.isEmpty && choices[index].promptTokens != nil
    return (isPrompt ? siblings(of: index) : index..<(index + 1)).compactMap { takePiece(of: $0) }
  }

  private mutating func takePiece(of index: Int) -> Choice? {
    let choice = choices[index]
    let isWaiting = choice.tokens.isEmpty && choice.text.isEmpty && choice.summary == nil
    // The scores of the prompt go with the first piece.
    let lacksScores = choice.isFirst && choice.promptTokens == nil && plan.hasScores(choice: index)
    return choice.isEmpty || isWaiting || lacksScores ? nil : choices[index].takePiece()
  }
}
