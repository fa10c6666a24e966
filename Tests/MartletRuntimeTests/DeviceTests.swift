import MartletRuntime
import Testing

@Suite struct DeviceTests {
  @Test(arguments: [
    ("cuda", "cuda:0"), ("cuda:2", "cuda:2"), ("cpu", "cpu"), ("cpu:0", "cpu"), ("cpu:3", "cpu:3"),
    ("cpu:007", "cpu:7"),
  ])
  func readsAndPrintsTheSpellingOfTheCommandLine(text: String, printed: String) throws {
    let device = try Device(parsing: text)
    #expect(device.description == printed)
    #expect(try Device(parsing: device.description) == device)
  }

  @Test(arguments: ["", " ", ":", ":0", "gpu", "rocm:0", "CPU", " cpu", "cpu "])
  func refusesUnknownFamiliesAndNamesTheKnownOnes(text: String) {
    let error = #expect(throws: RuntimeError.self) { try Device(parsing: text) }
    guard case .deviceUnavailable(_, let reason) = error else {
      Issue.record("expected deviceUnavailable, found \(String(describing: error))")
      return
    }
    #expect(reason.contains("cpu"))
  }

  @Test(arguments: [
    "cpu:", "cpu:-1", "cpu:+1", "cpu:-0", "cpu:x", "cpu:1:2", "cpu: 1", "cpu:99999999999999999999", "cpu:١",
  ])
  func refusesWhatIsNoIndex(text: String) {
    #expect(
      throws: RuntimeError.deviceUnavailable(
        device: text, reason: "the index after the colon must be a number from zero")
    ) { try Device(parsing: text) }
  }

  @Test func theProcessorIsAlwaysAvailable() {
    #expect(Device.available.contains(.cpu))
  }

  @Test(arguments: [-1, 1, 7, Int.max])
  func aProcessorThatIsNotThereCannotBeOpened(index: Int) {
    let error = #expect(throws: RuntimeError.self) { try Runtime(Device(.cpu, index: index)) }
    #expect(error?.description.contains("cpu:\(index)") == true)
  }

  @Test func errorsSayWhatToDo() {
    #expect(
      RuntimeError.outOfMemory(device: .cpu, bytes: 12).description
        == "cpu has no room for 12 more bytes; use a smaller model, context or batch")
    #expect(
      RuntimeError.callFailed(device: .cpu, call: "f", reason: "r").description == "f failed on cpu: r")
    #expect(
      RuntimeError.deviceUnavailable(device: "x", reason: "r").description == "device 'x' is not available: r")
  }
}

@Suite struct ContextTests {
  @Test func opensADeviceOnce() throws {
    let context = Context()
    let first = try context.runtime(for: .cpu)
    #expect(try context.runtime(for: .cpu) === first)
    #expect(try Context().runtime(for: .cpu) !== first)
    #expect(first.device == .cpu)
    try first.synchronize()
  }

  @Test func givesManyTasksTheSameRuntime() async throws {
    let context = Context()
    let identities = try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
      for _ in 0..<64 { group.addTask { ObjectIdentifier(try context.runtime(for: .cpu)) } }
      return try await group.reduce(into: Set<ObjectIdentifier>()) { $0.insert($1) }
    }
    #expect(identities.count == 1)
  }

  @Test func remembersNothingOfADeviceThatIsNotThere() throws {
    let context = Context()
    for _ in 0..<2 {
      #expect(throws: RuntimeError.self) { try context.runtime(for: Device(.cpu, index: 1)) }
    }
    #expect(try context.runtime(for: .cpu).device == .cpu)
  }
}
