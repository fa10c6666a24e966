import Martlet
import MartletEngine
import Testing

@Suite(.serialized, .disabled(if: DefaultModel.isMissing, Comment(rawValue: DefaultModel.skipMessage)))
struct GenerationTests {
  /// What a generation delivered.
  private struct Output {
    var text = ""
    var tokens: [Int32] = []
    var summary: GenerationSummary?

    init(_ generation: Generation) async throws {
      for try await event in generation {
        switch event {
        case .prompt: break
        case .token(let token, let piece):
          tokens.append(token.token)
          text += piece
        case .text(let piece): text += piece
        case .finished(let summary): self.summary = summary
        }
      }
    }
  }

  private static func model() async throws -> Model { try await Model.load(try #require(DefaultModel.path)) }

  @Test func aStopStringEndsTheTextBeforeItAlsoAcrossTokens() async throws {
    let model = try await Self.model()
    let whole = try await Output(model.complete("One two three four", options: GenerationOptions(maxTokens: 24)))
    let start = whole.text.index(whole.text.startIndex, offsetBy: 12)
    let stop = String(whole.text[start...].prefix(9))
    let cut = try await Output(
      model.complete("One two three four", options: GenerationOptions(maxTokens: 24, stop: [stop])))
    let range = try #require(whole.text.firstRange(of: stop))
    #expect(cut.text == String(whole.text[..<range.lowerBound]))
    #expect(cut.summary?.reason == .stop)
    #expect(cut.summary?.generatedTokenCount == cut.tokens.count)
    #expect(whole.tokens.starts(with: cut.tokens))
  }

  @Test func theSameSeedGivesTheSameTextWhateverElseRuns() async throws {
    let model = try await Self.model()
    let options = GenerationOptions(maxTokens: 24, temperature: 0.9, seed: 7)
    let alone = try await Output(model.complete("The old house", options: options)).tokens
    async let first = Output(model.complete("The old house", options: options)).tokens
    async let second = Output(model.complete("A short poem:", options: options)).tokens
    let together = try await (first, second)
    #expect(together.0 == alone)
    #expect(together.1 != alone)
    var other = options
    other.sampling.seed = 8
    #expect(try await Output(model.complete("The old house", options: other)).tokens != alone)
  }

  @Test func aConversationTakesItsPastFromTheCache() async throws {
    let model = try await Self.model()
    let options = GenerationOptions(maxTokens: 24)
    var messages = [Message.user("Tell me about the sea in two sentences.")]
    let answer = try await Output(model.respond(to: messages, options: options))
    messages += [.assistant(answer.text), .user("And about mountains?")]
    let next = try await Output(model.respond(to: messages, options: options))
    #expect(answer.summary?.cachedTokenCount == 0)
    #expect(next.summary?.cachedTokenCount ?? 0 >= 32)
  }

  @Test func cancellingTheTaskFreesTheSequence() async throws {
    let model = try await Self.model()
    let task = Task {
      var count = 0
      for try await _ in try model.complete("Once upon a time", options: GenerationOptions(maxTokens: 5000)) {
        count += 1
        if count == 5 { withUnsafeCurrentTask { $0?.cancel() } }
      }
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    // The next request runs on a free engine.
    let output = try await Output(model.complete("Hello", options: GenerationOptions(maxTokens: 4)))
    #expect(output.summary != nil)
    let status = model.generationEngine.status
    #expect((status.runningCount, status.waitingCount) == (0, 0))
  }

  @Test func aPromptThatDoesNotFitNamesBothNumbers() async throws {
    var options = ModelOptions()
    options.contextLength = 64
    let model = try await Model.load(try #require(DefaultModel.path), options: options)
    let error = await #expect(throws: RequestError.self) {
      _ = try await Output(model.generate([Int32](repeating: 100, count: 70)))
    }
    #expect(error == .exceedsContext(promptTokens: 70, contextLength: 64))
  }

  @Test func whatDoesNotExistIsNotFound() async throws {
    let error = await #expect(throws: MartletError.self) { _ = try await Model.load("/nowhere/model.gguf") }
    #expect(error?.code == .notFound)
  }
}
