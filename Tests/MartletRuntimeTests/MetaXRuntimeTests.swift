import Glibc
import MartletRuntime
import MartletRuntimeTestSupport
import Testing

/// MetaX's layer over the library that stands in: what is asked of it, in which order, and what comes of its errors.
@Suite(.enabled(if: StandIn.isPossible, "no C compiler to build the stand-in with")) struct MetaXRuntimeTests {
  private static let source = KernelSource(name: "Test", parts: [("Test.cu", "a kernel")], sharedBytes: 60_000)

  @Test(arguments: StandIn.Flavour.allCases) func everythingIsGivenBack(flavour: StandIn.Flavour) throws {
    let library = try StandIn(flavour)
    let before: (live: Int, bytes: Int)
    do {
      let runtime = try library.runtime(1)
      before = (library.live, library.bytes)
      let stream = try Stream(on: runtime)
      let storage = try Storage(byteCount: 1_000, on: runtime)
      #expect(UInt(bitPattern: storage.pointer) % 256 == 0)
      _ = try stream.scratch(bytes: 5_000)
      let buffer = try HostBuffer(byteCount: 100, for: runtime)
      #expect(buffer.bytes.count == 100)
      let (start, end) = (try Event(on: runtime, isTimed: true), try Event(on: runtime, isTimed: true))
      try start.record(on: stream)
      #expect(try !end.isComplete)
      try end.record(on: stream)
      try stream.wait(for: start)
      try end.synchronize()
      #expect(try end.isComplete)
      #expect(try start.milliseconds(to: end) == 1)
      let launches = library.launches
      try stream.launch("f", of: Self.source, grid: GridSize(3), block: GridSize(64), Int64(7))
      #expect(library.launches == launches + 1)
      if flavour != .withoutGraphs {
        let graph = try Graph(on: stream) {
          try stream.launch("f", of: Self.source, grid: GridSize(3), block: GridSize(64), Int64(8))
        }
        #expect(library.launches == launches + 1, "recording runs nothing")
        try graph.launch(on: stream)
        #expect(library.launches == launches + 2)
      }
    }
    #expect(before == (0, 0), "asking what the device is leaves nothing behind")
    #expect(library.live == 0 && library.bytes == 0)
  }

  // MARK: Devices

  @Test(arguments: [32, 64]) func aKernelSaysWhatTheDeviceIs(wave: Int) throws {
    let library = try StandIn(.maca, ["STAND_IN_WAVE": "\(wave)", "STAND_IN_PROCESSORS": "56"])
    let kernels = try #require(try library.runtime().kernels)
    #expect(kernels.description.name == "MetaX (stand-in) host memory 0")
    #expect(kernels.description.architecture == "standin-\(wave)")
    #expect(kernels.description.processors == 56 && kernels.description.sharedBytes == 65_536)
    #expect(!kernels.description.hasMatrixUnits && !kernels.description.canOverlap && kernels.description.canRecord)
  }

  @Test func aDeviceIsAskedOnce() throws {
    let library = try StandIn()
    let api = library.api()
    for _ in 0..<3 { _ = try api.describe(0) }
    #expect(library.calls("mcModuleLaunchKernel") == 1)
    _ = try api.describe(1)
    #expect(library.calls("mcModuleLaunchKernel") == 2)
  }

  @Test func wavesOfAnotherWidthAreRefused() throws {
    let library = try StandIn(.maca, ["STAND_IN_WAVE": "128"])
    let error = #expect(throws: RuntimeError.self) { try library.runtime() }
    #expect(error?.description.contains("metax:0") == true && error?.description.contains("128 lanes") == true)
    #expect(library.live == 0 && library.bytes == 0)
  }

  @Test(arguments: [-1, 2, 7]) func devicesThatAreNotThereCannotBeOpened(index: Int) throws {
    let library = try StandIn()
    let error = #expect(throws: RuntimeError.self) { try library.api().setDevice(index) }
    #expect(error?.description.contains("metax:\(index)") == true)
  }

  @Test func aMachineWithoutDevicesSaysSo() throws {
    let none = try StandIn(.maca, ["STAND_IN_DEVICES": "0"])
    #expect(try none.api().deviceCount() == 0)
    let error = #expect(throws: RuntimeError.self) { try none.runtime() }
    #expect(error?.description.contains("this machine has 0 of them") == true)
    // Other libraries fail in that case; the reason is told.
    let failing = try StandIn(.maca, ["STAND_IN_FAIL": "mcGetDeviceCount:*:100"])
    let reason = #expect(throws: RuntimeError.self) { try failing.runtime() }
    #expect(reason?.description.contains("mcGetDeviceCount: no device (mcErrorNoDevice, 100)") == true)
    #expect(reason?.description.contains("'metax:0' is not available") == true)
  }

  @Test func aLibraryThatDoesNotStartSaysWhy() throws {
    let library = try StandIn(.maca, ["STAND_IN_FAIL": "mcInit:1:999"])
    let error = #expect(throws: RuntimeError.self) { try library.api().deviceCount() }
    #expect(error?.description.contains("does not start: something is wrong") == true)
  }

  /// Swift's tasks change threads, and a new thread has chosen no device; the stand-in refuses what needs one.
  @Test func otherThreadsFindTheDevice() async throws {
    let library = try StandIn()
    let runtime = try library.runtime(1)
    let storages = try await withThrowingTaskGroup(of: Storage.self) { group in
      for _ in 0..<32 { group.addTask { try Storage(byteCount: 1 << 20, on: runtime) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(storages.map(\.pointer)).count == 32)
  }

  /// The stand-in refuses it, so that the test above can fail.
  @Test func aThreadThatHasChosenNoDeviceIsRefused() async throws {
    let library = try StandIn()
    let api = library.api()
    let message = await withCheckedContinuation { (continuation: CheckedContinuation<String, Never>) in
      let work = Unmanaged.passRetained(
        ThreadWork {
          do {
            _ = try api.allocateDevice(bytes: 1)
            continuation.resume(returning: "none")
          } catch {
            continuation.resume(returning: "\(error)")
          }
        })
      var thread = pthread_t()
      pthread_create(
        &thread, nil,
        { argument in
          Unmanaged<ThreadWork>.fromOpaque(argument!).takeRetainedValue().body()
          return nil
        }, work.toOpaque())
      pthread_detach(thread)
    }
    #expect(message.contains("no device is selected on this thread"))
  }

  private final class ThreadWork: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  // MARK: Memory

  @Test func copiesHaveTheKindOfTheirAddresses() throws {
    let library = try StandIn()
    let runtime = try library.runtime()
    let stream = try Stream(on: runtime)
    let (a, b) = (try Storage(byteCount: 64, on: runtime), try Storage(byteCount: 64, on: runtime))
    var (source, target) = (Array(UInt8(0)..<64), [UInt8](repeating: 0, count: 64))
    try runtime.api.copy(to: a.pointer, from: &source, bytes: 64, kind: .hostToDevice)
    try runtime.api.copyAsync(
      to: b.pointer, from: a.pointer, bytes: 64, kind: .deviceToDevice, stream: stream.handle)
    try stream.synchronize()
    try runtime.api.copy(to: &target, from: b.pointer, bytes: 64, kind: .deviceToHost)
    #expect(target == source)
    target = Array(repeating: 1, count: 64)
    try runtime.api.copy(to: &target, from: &source, bytes: 64, kind: .hostToHost)
    #expect(target == source)
    #expect(
      library.calls("mcMemcpy") == 4, "two to ask what the device is, one there, one back; the host copies on its own")
    let error = #expect(throws: RuntimeError.self) {
      try runtime.api.copy(to: a.pointer, from: b.pointer, bytes: 64, kind: .hostToDevice)
    }
    #expect(error?.description.contains("the kind of the copy") == true)
  }

  @Test func aFullDeviceIsAnErrorAndTakesMemoryBack() throws {
    let library = try StandIn()
    let runtime = try library.runtime()
    var kept: Storage? = try Storage(byteCount: 900 << 20, on: runtime)
    #expect(throws: RuntimeError.outOfMemory(device: Device(.metax), bytes: 256 << 20)) {
      try Storage(byteCount: 256 << 20, on: runtime)
    }
    #expect(kept != nil)
    kept = nil
    _ = try Storage(byteCount: 256 << 20, on: runtime)
    #expect(library.bytes < 900 << 20, "what was kept went back first")
  }

  /// The number for a full device is not sure: a request larger than what is free is one, whatever the number.
  @Test(arguments: [(2, true), (1, false), (1_234, false)])
  func failuresOfAllocationAreToldApart(error: Int, isMemory: Bool) throws {
    let library = try StandIn(.maca, ["STAND_IN_FAIL": "mcMalloc:2:\(error),mcMalloc:3:\(error)"])
    let runtime = try library.runtime()
    let found = #expect(throws: RuntimeError.self) { try Storage(byteCount: 4_096, on: runtime) }
    if case .outOfMemory = found { #expect(isMemory) } else { #expect(!isMemory) }
    library["STAND_IN_FAIL"] = "mcMalloc:*:\(error)"
    #expect(throws: RuntimeError.outOfMemory(device: Device(.metax), bytes: 1 << 40)) {
      try Storage(byteCount: 1 << 40, on: runtime)
    }
  }
}
