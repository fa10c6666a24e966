import Logging
import Martlet
import ServiceLifecycle
import Testing

@testable import MartletServer

@Suite(.timeLimit(.minutes(15))) struct ModelServiceTests {
  static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  static func group(_ service: ModelService) -> ServiceGroup {
    ServiceGroup(configuration: .init(services: [service], logger: logger))
  }

  @Test func tellsWhyThereIsNoModel() async {
    let service = ModelService("no-such-model")
    let group = Self.group(service)
    let running = Task { try await group.run() }
    let told = await #expect(throws: MartletError.self) { try await service.model }
    #expect(told?.code == .notFound)
    await #expect(throws: (any Error).self) { try await running.value }
    // It does not change its mind.
    await #expect(throws: MartletError.self) { try await service.model }
  }

  @Test(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage))
  func letsRunningAnswersEnd() async throws {
    var options = ModelOptions()
    options.device = try Device(parsing: "cpu")
    let service = ModelService(try #require(DefaultModel.path), options: options)
    let group = Self.group(service)
    let running = Task { try await group.run() }
    let model = try await service.model
    let answer = try model.respond(to: "Count to ten.", options: GenerationOptions(maxTokens: 40))
    var tokens = 0
    for try await event in answer {
      if case .token = event { tokens += 1 }
      if tokens == 1 { await group.triggerGracefulShutdown() }
    }
    #expect(tokens > 1)
    try await running.value
    let later = await #expect(throws: MartletError.self) { try await service.model }
    #expect(later?.code == .cancelled)
    await #expect(throws: (any Error).self) { try await model.complete("x").text.reduce("", +) }
  }

  @Test(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage))
  func stopsWhileItLoads() async throws {
    let service = ModelService(try #require(DefaultModel.path))
    let group = Self.group(service)
    let running = Task { try await group.run() }
    await group.triggerGracefulShutdown()
    try await running.value
    await #expect(throws: MartletError.self) { try await service.model }
  }

  @Test(.enabled(if: !DefaultModel.isMissing, DefaultModel.skipMessage))
  func endsAnswersThatTakeTooLong() async throws {
    let service = ModelService(try #require(DefaultModel.path), drainTime: .milliseconds(100))
    let group = Self.group(service)
    let running = Task { try await group.run() }
    let model = try await service.model
    var options = GenerationOptions(maxTokens: 3000)
    options.ignoresEndOfText = true
    let answer = try model.respond(to: "Tell me everything.", options: options)
    await #expect(throws: CancellationError.self) {
      var tokens = 0
      for try await _ in answer {
        tokens += 1
        if tokens == 1 { await group.triggerGracefulShutdown() }
      }
    }
    try await running.value
  }
}
