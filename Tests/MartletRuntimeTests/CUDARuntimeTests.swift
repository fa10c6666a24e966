import FakeCUDA
import MartletRuntime
import MartletRuntimeTestSupport
import Testing

/// The CUDA layer over a driver that is none: what is asked of it, in which context, and what comes of its errors.
/// One at a time, since the driver keeps count of everything.
@Suite(.serialized) struct CUDARuntimeTests {
  private static let source = KernelSource(name: "Test", parts: [("Test.cu", "a kernel")], sharedBytes: 60_000)

  /// Functions of a fresh driver.
  private func api() -> CUDARuntimeAPI {
    fake_cuda_reset()
    return remadeAPI()
  }

  /// Functions of the driver as it is.
  private func remadeAPI() -> CUDARuntimeAPI {
    CUDARuntimeAPI(
      driver: CUDADriver(fake_cuda_functions(), search: LibrarySearch(purpose: "driver", variable: "V")),
      compiler: CUDACompiler(fake_nvrtc_functions(), search: LibrarySearch(purpose: "compiler", variable: "V")))
  }

  private func runtime(_ index: Int = 0) throws -> Runtime {
    try Runtime(Device(.cuda, index: index), api: api(), cache: KernelCache(folder: nil))
  }

  @Test func everythingIsGivenBack() throws {
    do {
      let runtime = try runtime(1)
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
      try stream.launch("f", of: Self.source, grid: GridSize(3), block: GridSize(64), Int64(7))
      let graph = try Graph(on: stream) {
        try stream.launch("f", of: Self.source, grid: GridSize(3), block: GridSize(64), Int64(8))
      }
      try graph.launch(on: stream)
      #expect(fake_cuda().pointee.launches == 2)
    }
    let state = fake_cuda().pointee
    #expect(state.live_bytes == 0 && state.pinned_bytes == 0)
    #expect(state.live_streams == 0 && state.live_events == 0 && state.live_modules == 0 && state.live_graphs == 0)
    #expect(state.foreign_frees == 0 && state.calls_without_context == 0)
    #expect(state.contexts == 1, "one context a device and process")
  }

  @Test func aLaunchHandsOverWhatItWasGiven() throws {
    let runtime = try runtime()
    let stream = try Stream(on: runtime)
    try stream.launch(
      "large", of: Self.source, grid: GridSize(5, 6, 7), block: GridSize(32, 4), sharedBytes: 50_000,
      Int64(0x1234_5678_9abc))
    let state = fake_cuda().pointee
    #expect(state.last_grid == (5, 6, 7) && state.last_block == (32, 4, 1) && state.last_shared == 50_000)
    #expect(state.last_argument == 0x1234_5678_9abc)
    #expect(
      withUnsafeBytes(of: state.last_function) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) } == "large")
    try stream.launch("none", of: Self.source, grid: GridSize(0), block: GridSize(32), Int64(0))
    #expect(fake_cuda().pointee.launches == 1, "without blocks there is nothing to launch")
  }

  /// Swift's tasks change threads, and a new thread has no context.
  @Test func otherThreadsFindTheDevice() async throws {
    let runtime = try runtime(1)
    let storages = try await withThrowingTaskGroup(of: Storage.self) { group in
      for _ in 0..<32 { group.addTask { try Storage(byteCount: 1 << 20, on: runtime) } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(Set(storages.map(\.pointer)).count == 32)
    #expect(fake_cuda().pointee.calls_without_context == 0)
  }

  @Test func aFullDeviceIsAnErrorAndTakesMemoryBack() throws {
    let runtime = try runtime()
    var kept: Storage? = try Storage(byteCount: 900 << 20, on: runtime)
    #expect(throws: RuntimeError.outOfMemory(device: Device(.cuda), bytes: 256 << 20)) {
      try Storage(byteCount: 256 << 20, on: runtime)
    }
    #expect(kept != nil)
    kept = nil
    #expect(runtime.allocator.usage.cached >= 900 << 20)
    _ = try Storage(byteCount: 256 << 20, on: runtime)
    #expect(fake_cuda().pointee.live_bytes < 900 << 20, "what was kept went back first")
  }

  @Test func aKernelThatFailsShowsAtTheNextCall() throws {
    let runtime = try runtime()
    let stream = try Stream(on: runtime)
    fake_cuda().pointee.failing_launch = 1
    try stream.launch("f", of: Self.source, grid: GridSize(1), block: GridSize(32), Int64(0))
    let error = #expect(throws: RuntimeError.self) { try stream.synchronize() }
    #expect(error?.description.contains("FAKE_ERROR_ILLEGAL_ADDRESS") == true)
    #expect(error?.description.contains("cuda:0") == true)
  }

  @Test func whatTheDriverSaysIsTheReason() throws {
    let fresh = api()
    fake_cuda().pointee.devices = 0
    #expect(try fresh.deviceCount() == 0)
    fake_cuda().pointee.initialize_result = 999
    let error = #expect(throws: RuntimeError.self) { try Runtime(Device(.cuda), api: remadeAPI()) }
    #expect(error?.description.contains("does not start: something is wrong") == true)
    let missing = CUDARuntimeAPI(
      driver: CUDADriver(nil, search: LibrarySearch(purpose: "CUDA driver", variable: "NAME")),
      compiler: CUDACompiler(nil, search: LibrarySearch(purpose: "compiler", variable: "NAME")))
    #expect(throws: RuntimeError.self) { try missing.deviceCount() }
    #expect(throws: RuntimeError.self) { try missing.compilerIdentity() }
  }

  @Test(arguments: [-1, 2, 7]) func devicesThatAreNotThereCannotBeOpened(index: Int) throws {
    let api = api()
    let error = #expect(throws: RuntimeError.self) { try api.setDevice(index) }
    #expect(error?.description.contains("cuda:\(index)") == true)
  }

  // MARK: Kernels

  @Test func sourcesAreCompiledOnceAndFunctionsLookedUp() throws {
    let runtime = try runtime()
    let kernels = try #require(runtime.kernels)
    #expect(kernels.description.architecture == "sm_90a")
    for name in ["a", "b", "a"] { _ = try kernels.function(name, of: Self.source) }
    #expect(fake_cuda().pointee.compilations == 1)
    #expect(try kernels.function("a", of: Self.source) == kernels.function("a", of: Self.source))
    #expect(throws: RuntimeError.self) { try kernels.function("missing", of: Self.source) }
  }

  @Test func aSourceThatDoesNotCompileIsAnErrorWithTheCompilersWords() throws {
    let kernels = try #require(try runtime().kernels)
    let source = KernelSource(name: "Broken", parts: [("Broken.cu", "syntax error")])
    let error = #expect(throws: RuntimeError.self) { try kernels.load([source, Self.source]) }
    #expect(error?.description.contains("Broken.cu(1): error: expected a ;") == true)
  }

  @Test func compiledKernelsAreFoundAgainAndProgressIsToldOnlyWhenCompiling() throws {
    let folder = try TemporaryFolder()
    let sources = (0..<5).map { KernelSource(name: "S\($0)", parts: [("S.cu", "kernel \($0)")]) }
    for round in 0..<2 {
      let runtime = try Runtime(Device(.cuda), api: api(), cache: KernelCache(folder: folder.path + "/kernels"))
      var steps: [Int] = []
      try runtime.kernels?.load(sources) { steps.append($0) }
      #expect(fake_cuda().pointee.compilations == (round == 0 ? 5 : 0))
      #expect(steps.last == (round == 0 ? 5 : nil))
      for source in sources { _ = try runtime.kernels?.function("f", of: source) }
    }
  }

  @Test func codeForOneArchitectureOrCompilerIsNotTakenForAnother() throws {
    let folder = try TemporaryFolder()
    let cache = KernelCache(folder: folder.path)
    let changed = KernelSource(name: "Test", parts: [("Test.cu", "another kernel")])
    for source in [Self.source, changed, Self.source] {
      let kernels = try #require(try Runtime(Device(.cuda), api: api(), cache: cache).kernels)
      _ = try kernels.function("f", of: source)
    }
    #expect(Directory.names(in: folder.path).count == 2)
    #expect(Directory.names(in: folder.path).allSatisfy { $0.hasPrefix("Test-sm_90a-") && $0.hasSuffix(".cubin") })
  }

  @Test func aRecordingThatFailsEnds() throws {
    struct Interrupted: Error {}
    let stream = try Stream(on: runtime())
    #expect(throws: Interrupted.self) { _ = try Graph(on: stream) { throw Interrupted() } }
    try stream.synchronize()
    #expect(fake_cuda().pointee.live_graphs == 0)
  }

  @Test func aProcessorHasNoneOfIt() throws {
    let runtime = try Runtime(.cpu)
    #expect(runtime.kernels == nil)
    #expect(throws: RuntimeError.self) { try Event(on: runtime) }
    #expect(throws: RuntimeError.self) { try runtime.gpu() }
  }
}
