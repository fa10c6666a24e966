internal import Martlet

/// Gives a server the load that the settings describe, and reports how it bore it.
package enum LoadGenerator {
  /// Requests before the clock starts: they warm caches and connections up, and tell how many tokens a word is.
  /// - Parameter progress: called with the share of requests that have ended.
  /// - Throws: ``MartletError`` if the settings make no sense, the server is not there, or no request succeeded;
  ///   `CancellationError`.
  package static func run(
    _ settings: LoadSettings, progress: @escaping @Sendable (Double) -> Void = { _ in }
  ) async throws -> LoadReport {
    try settings.validate()
    return try await LoadClient.with(settings) { client, model in
      let scale: WordScale
      do {
        scale = try await client.scale()
      } catch let failure as RequestFailure {
        throw MartletError(
          .deviceUnavailable, "\(settings.root) refused the first request: \(failure.kind): \(failure.message)")
      }
      let clock = ContinuousClock()
      let start = clock.now
      let outcomes = try await send(LoadPlan(settings).requests, settings, client, scale, start, progress)
      let report = LoadReport(settings, model: model, outcomes)
      guard report.completed > 0 else {
        let failures = report.failures.map { "\($0.count) times \($0.kind): \($0.message)" }.joined(separator: "; ")
        throw MartletError(.deviceUnavailable, "none of the \(settings.requests) requests succeeded: \(failures)")
      }
      return report
    }
  }

  private static func send(
    _ plan: [PlannedRequest], _ settings: LoadSettings, _ client: LoadClient, _ scale: WordScale,
    _ start: ContinuousClock.Instant, _ progress: @escaping @Sendable (Double) -> Void
  ) async throws -> [RequestOutcome] {
    let clock = ContinuousClock()
    return try await withThrowingTaskGroup(of: RequestOutcome.self) { group in
      var outcomes: [RequestOutcome] = []
      var running = 0
      func collect() async throws {
        guard let outcome = try await group.next() else { return }
        outcomes.append(outcome)
        running -= 1
        progress(Double(outcomes.count) / Double(plan.count))
      }
      for request in plan {
        if let arrival = request.arrival { try await clock.sleep(until: start + arrival) }
        while let limit = settings.concurrency, running >= limit { try await collect() }
        // A request that had to wait for others has waited since it arrived, and not since there was room for it.
        let arrival = request.arrival.map { start + $0 } ?? clock.now
        running += 1
        group.addTask {
          let result = try await client.answer(request, scale, arrival: arrival)
          return RequestOutcome(ended: (clock.now - start).inSeconds, result: result)
        }
      }
      while running > 0 { try await collect() }
      return outcomes
    }
  }
}
