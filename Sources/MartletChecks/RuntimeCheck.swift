package import MartletRuntime

/// One thing that the runtime of a GPU must do.
package struct RuntimeCheck: Sendable {
  package let name: String
  private let body: @Sendable (Runtime) throws -> String?

  private init(name: String, body: @escaping @Sendable (Runtime) throws -> String?) {
    (self.name, self.body) = (name, body)
  }

  /// What is wrong on a device, nil if nothing is.
  package func failure(on runtime: Runtime) -> String? {
    do { return try body(runtime) } catch { return "\(error)" }
  }

  /// What a device's runtime must do; of a platform that is not sure in everything, more than of others.
  package static func all(for kind: Device.Kind) -> [RuntimeCheck] {
    switch kind {
    case .cpu: []
    case .cuda: common
    case .metax: common + unsure
    }
  }

  private static let unsure: [RuntimeCheck] =
    [
      RuntimeCheck(name: "groups of 32 lanes exchange numbers") { runtime in
        try GPUSurvey.exchangeFailure(on: Stream(on: runtime), width: 32)
      },
      RuntimeCheck(name: "waves exchange numbers") { runtime in
        try GPUSurvey.exchangeFailure(on: Stream(on: runtime), width: runtime.kernels?.description.wave ?? 32)
      },
    ]
    + [48, 64].map { kilobytes in
      RuntimeCheck(name: "a block of 1024 threads shares \(kilobytes) KB") { runtime in
        try GPUSurvey.sharingFailure(on: Stream(on: runtime), bytes: kilobytes << 10)
      }
    }

  private static let common: [RuntimeCheck] = [
    RuntimeCheck(name: "memory of many sizes keeps what is copied to it", body: copies),
    RuntimeCheck(name: "a stream keeps its order, and waits for an event of another", body: order),
    RuntimeCheck(name: "events tell times and completion", body: times),
    RuntimeCheck(name: "a graph replays what was recorded", body: graph),
    RuntimeCheck(name: "a recording that fails leaves the stream usable", body: brokenRecording),
    RuntimeCheck(name: "more memory than there is is an error, and none is lost", body: tooMuch),
    RuntimeCheck(name: "fifty streams and allocations leave the memory as it was", body: leaks),
  ]

  private static func pattern(_ count: Int, _ seed: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ seed) }
  }

  @Sendable private static func copies(_ runtime: Runtime) throws -> String? {
    for size in [0, 1, 63, 64, 4_097, 1 << 24] {
      let (first, second) = (try Storage(byteCount: size, on: runtime), try Storage(byteCount: size, on: runtime))
      let host = try HostBuffer(byteCount: size, for: runtime)
      let bytes = pattern(size, size)
      try bytes.withUnsafeBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        try runtime.api.copy(to: first.pointer, from: base, bytes: size, kind: .hostToDevice)
      }
      try runtime.api.copy(to: second.pointer, from: first.pointer, bytes: size, kind: .deviceToDevice)
      guard let target = host.bytes.baseAddress else { return "no pinned memory" }
      try runtime.api.copy(to: target, from: second.pointer, bytes: size, kind: .deviceToHost)
      guard host.bytes.elementsEqual(bytes) else { return "\(size) bytes came back changed" }
    }
    return nil
  }

  @Sendable private static func order(_ runtime: Runtime) throws -> String? {
    let size = 1 << 24
    let (one, two) = (try Stream(on: runtime), try Stream(on: runtime))
    let event = try Event(on: runtime)
    let device = try Storage(byteCount: size, on: runtime)
    let (source, target) = (
      try HostBuffer(byteCount: size, for: runtime), try HostBuffer(byteCount: size, for: runtime)
    )
    for value in [UInt8(3), 250] {
      source.bytes.initializeMemory(as: UInt8.self, repeating: value)
      try runtime.api.copyAsync(
        to: device.pointer, from: source.bytes.baseAddress!, bytes: size, kind: .hostToDevice, stream: one.handle)
      try event.record(on: one)
      try two.wait(for: event)
      try runtime.api.copyAsync(
        to: target.bytes.baseAddress!, from: device.pointer, bytes: size, kind: .deviceToHost, stream: two.handle)
      try two.synchronize()
      guard target.bytes.allSatisfy({ $0 == value }) else { return "a copy ran before the one that it waits for" }
    }
    return nil
  }

  @Sendable private static func times(_ runtime: Runtime) throws -> String? {
    let stream = try Stream(on: runtime)
    let (start, end) = (try Event(on: runtime, isTimed: true), try Event(on: runtime, isTimed: true))
    let device = try Storage(byteCount: 1 << 26, on: runtime)
    try start.record(on: stream)
    try runtime.api.copyAsync(
      to: device.pointer, from: device.pointer + (1 << 25), bytes: 1 << 25, kind: .deviceToDevice, stream: stream.handle
    )
    try end.record(on: stream)
    try end.synchronize()
    let time = try start.milliseconds(to: end)
    guard try end.isComplete else { return "an event that was waited for is not complete" }
    return time > 0 && time < 1_000 ? nil : "copying 32 MB took \(time) ms"
  }

  @Sendable private static func graph(_ runtime: Runtime) throws -> String? {
    guard runtime.kernels?.description.canRecord == true else { return nil }
    let stream = try Stream(on: runtime)
    let problem = try CapturedProblem(CheckStage(stream))
    // Once outside, so that nothing is loaded while recording.
    try problem.run()
    let eager = try problem.results()
    try problem.clear()
    let graph = try Graph(on: stream) { try problem.run() }
    try stream.synchronize()
    guard try problem.results() != eager else { return "recording ran what it recorded" }
    for _ in 0..<3 {
      try problem.clear()
      try graph.launch(on: stream)
      try stream.synchronize()
      guard try problem.results() == eager else { return "a replay gives other numbers" }
    }
    return nil
  }

  private struct Interrupted: Error {}

  @Sendable private static func brokenRecording(_ runtime: Runtime) throws -> String? {
    guard runtime.kernels?.description.canRecord == true else { return nil }
    let stream = try Stream(on: runtime)
    do {
      _ = try Graph(on: stream) { throw Interrupted() }
      return "the error inside was lost"
    } catch is Interrupted {
      try stream.synchronize()
    }
    return try order(runtime)
  }

  @Sendable private static func tooMuch(_ runtime: Runtime) throws -> String? {
    let before = runtime.allocator.usage
    for bytes in [Int.max, 1 << 50] {
      do {
        _ = try Storage(byteCount: bytes, on: runtime)
        return "\(bytes) bytes were given out"
      } catch {
        guard case .outOfMemory(runtime.device, _) = error else { return "\(error)" }
      }
    }
    return runtime.allocator.usage.inUse == before.inUse ? nil : "memory that was never given counts as used"
  }

  @Sendable private static func leaks(_ runtime: Runtime) throws -> String? {
    func once() throws {
      let own = try Runtime(runtime.device)
      let stream = try Stream(on: own)
      _ = try stream.scratch(bytes: 64 << 20)
      let event = try Event(on: own)
      try event.record(on: stream)
      _ = try HostBuffer(byteCount: 1 << 20, for: own)
    }
    try once()
    let gpu = try runtime.gpu()
    try gpu.setDevice(runtime.device.index)
    let before = try gpu.memoryUsage().free
    for _ in 0..<50 { try once() }
    try gpu.setDevice(runtime.device.index)
    let after = try gpu.memoryUsage().free
    // The driver keeps a little for itself.
    return before - after <= 8 << 20 ? nil : "\((before - after) >> 20) MB are gone"
  }
}
