internal import MartletChecks
internal import MartletOperators
public import MartletRuntime
internal import MartletTemplate

/// Examines this machine: its devices, the libraries that were found and missed, and every operator of a device against
/// its reference.
public struct Doctor: Sendable {
  /// What was found.
  public let report: Report
  /// Checks that went wrong.
  public let failureCount: Int

  /// Examines.
  /// - Parameters:
  ///   - device: whose operators to check.
  ///   - progress: called with the share done, 0 to 1.
  /// - Throws: ``MartletError`` if the device is not there.
  public init(_ device: Device, progress: (Double) -> Void = { _ in }) throws(MartletError) {
    self = try MartletError.wrapping { try Doctor(examining: device, progress: progress) }
  }

  private struct Failure {
    let name: String
    let reason: String
  }

  /// Of how many failures of one operator the text tells.
  private static let mostTold = 5

  private init(examining device: Device, progress: (Double) -> Void) throws {
    var lines = Report.devices().text + "\n" + Self.libraries.text
    let (stream, reference) = try OperatorCheck.streams(for: device)
    if let kernels = stream.runtime.kernels {
      let clock = ContinuousClock()
      let sources = Kernels.all(for: kernels.description)
      let time = try clock.measure {
        try kernels.load(sources) { progress(0.2 * Double($0) / Double(sources.count)) }
      }
      lines += "kernels: \(sources.count) files ready in \(time)\n"
    }
    var failures: [Failure] = []
    var results: [(name: String, passed: Int, failed: Int)] = []
    func note(_ name: String, _ label: String, _ failure: String?) {
      if results.last?.name != name, !results.contains(where: { $0.name == name }) { results.append((name, 0, 0)) }
      guard let index = results.firstIndex(where: { $0.name == name }) else { return }
      if let failure {
        results[index].failed += 1
        failures.append(Failure(name: "\(name) \(label)", reason: failure))
        if results[index].failed <= Self.mostTold { lines += "FAILED \(name) \(label): \(failure)\n" }
      } else {
        results[index].passed += 1
      }
    }
    let findings = try (stream.runtime.api as? MetaXRuntimeAPI)?.survey(device.index) ?? []
    for finding in findings { lines += "\(finding.question): \(finding.answer)\n" }
    for check in RuntimeCheck.all(for: device.kind) {
      note("runtime", check.name, check.failure(on: stream.runtime))
    }
    for (index, check) in OperatorCheck.all.enumerated() {
      note(check.operatorName, check.label, check.failure(on: stream, reference: reference))
      if index % 16 == 0 { progress(0.2 + 0.8 * Double(index) / Double(OperatorCheck.all.count)) }
    }
    progress(1)
    lines += "\n"
    for result in results { lines += "\(device) \(result.name): \(result.passed) passed, \(result.failed) failed\n" }
    let passed = results.reduce(0) { $0 + $1.passed }
    lines += "\(passed) passed, \(failures.count) failed\n"
    failureCount = failures.count
    report = Report(
      text: lines,
      json: [
        "device": .string("\(device)"), "devices": Report.devices().json, "libraries": Self.libraries.json,
        "operators": .array(
          results.map { ["name": .string($0.name), "passed": .int($0.passed), "failed": .int($0.failed)] }),
        "findings": .array(
          findings.map { ["question": .string($0.question), "answer": .string($0.answer)] }),
        "failures": .array(failures.map { ["check": .string($0.name), "reason": .string($0.reason)] }),
        "passed": .int(passed), "failed": .int(failures.count),
      ])
  }

  /// How vendors' libraries were looked for, and where compiled kernels are kept.
  private static var libraries: Report {
    var text = ""
    var values: [TemplateValue] = []
    for search in CUDALibraries.searches + MetaXLibraries.searches {
      if let path = search.path {
        text += "\(search.purpose): \(path), version \(search.version ?? "unknown")\n"
        if !search.lacking.isEmpty { text += "  it lacks \(search.lacking.joined(separator: ", "))\n" }
      } else {
        text += "\(search.purpose): none; \(search.variable) names a file to take. Tried:\n"
        for attempt in search.attempts { text += "  \(attempt.place): \(attempt.failure ?? "taken")\n" }
      }
      values.append([
        "purpose": .string(search.purpose), "path": search.path.map { .string($0) } ?? .null,
        "version": search.version.map { .string($0) } ?? .null, "variable": .string(search.variable),
        "lacking": .array(search.lacking.map { .string($0) }),
        "attempts": .array(
          search.attempts.map {
            ["place": .string($0.place), "failure": $0.failure.map { .string($0) } ?? .null]
          }),
      ])
    }
    let cache = KernelCache()
    text += "compiled kernels: \(cache.folder ?? "kept nowhere")"
    if let problem = cache.problem() { text += " (\(problem); every start compiles)" }
    return Report(text: text + "\n\n", json: .array(values))
  }
}
