import MartletRuntime
import MartletRuntimeTestSupport
import Testing

/// Compiling, modules, launches and graphs over the library that stands in for MetaX's.
@Suite(.enabled(if: StandIn.isPossible, "no C compiler to build the stand-in with")) struct MetaXKernelTests {
  private static let source = KernelSource(name: "Test", parts: [("Test.cu", "a kernel")], sharedBytes: 60_000)

  // MARK: Code

  @Test(arguments: [StandIn.Flavour.maca, .code, .hpcc]) func codeComesByWhicheverFunctionThereIs(
    flavour: StandIn.Flavour
  ) throws {
    let library = try StandIn(flavour)
    let api = library.api()
    let image = try api.compile(Self.source, architecture: "standin-64")
    let prefix = flavour == .hpcc ? "hc" : "mc"
    #expect(library.calls("\(prefix)rtcGetBitcode") == (flavour == .code ? 0 : 1))
    #expect(library.calls("\(prefix)rtcGetCode") == (flavour == .code ? 1 : 0))
    // On host memory the code is the source behind a tag.
    let text = String(decoding: image.dropFirst(16).dropLast(), as: UTF8.self)
    #expect(text.hasPrefix("#define MT_PLATFORM_METAX 1\n#define MT_WAVE 64\n"))
    #expect(text.hasSuffix("#line 1 \"Test.cu\"\na kernel\n"))
    #expect(library.live == 0, "programs do not outlive their code")
    #expect(throws: RuntimeError.self) { try api.compile(Self.source, architecture: "sm_90a") }
  }

  @Test func aSourceThatDoesNotCompileIsAnErrorWithTheCompilersWords() throws {
    let library = try StandIn(.maca, ["STAND_IN_COMPILE_ERROR": "Test.cu:1: error: expected a ;"])
    let kernels = try #require(try library.runtime().kernels)
    let error = #expect(throws: RuntimeError.self) { try kernels.load([Self.source]) }
    #expect(error?.description.contains("Test.cu:1: error: expected a ;") == true)
    #expect(error?.description.contains("compiling of Test with mcrtc 1.0 failed on metax:0") == true)
  }

  @Test(arguments: ["mcrtcCreateProgram", "mcrtcGetBitcodeSize", "mcrtcGetBitcode", "mcModuleLoadData"])
  func failuresOnTheWayToCodeNameTheCall(call: String) throws {
    // The first calls are those that ask what the device is.
    let library = try StandIn(.maca, ["STAND_IN_FAIL": "\(call):2:7"])
    let kernels = try #require(try library.runtime().kernels)
    let error = #expect(throws: RuntimeError.self) { try kernels.function("f", of: Self.source) }
    #expect(error?.description.contains(call) == true)
    #expect(library.live == 0)
  }

  @Test func codeOfAnotherPlatformIsRefused() throws {
    let api = try StandIn().api()
    try api.setDevice(0)
    let error = #expect(throws: RuntimeError.self) {
      try api.loadModule(Array("\u{7F}ELF and the rest of a cubin".utf8))
    }
    #expect(error?.description.contains("the image is none of this platform") == true)
  }

  @Test func codeIsKeptByPlatformAndWave() throws {
    let folder = try TemporaryFolder()
    for (wave, count) in [("32", 1), ("64", 2), ("32", 2)] {
      let library = try StandIn(.maca, ["STAND_IN_WAVE": wave])
      let kernels = try #require(try library.runtime(cache: KernelCache(folder: folder.path)).kernels)
      _ = try kernels.function("f", of: Self.source)
      let names = Directory.names(in: folder.path)
      #expect(names.allSatisfy { $0.hasPrefix("Test-standin-") && $0.hasSuffix(".bitcode") })
      // The identity names the library's file, and every copy is another one.
      #expect(names.count >= count)
    }
  }

  @Test func functionsAreLookedUpOnceAndMissingOnesNamed() throws {
    let library = try StandIn()
    let kernels = try #require(try library.runtime().kernels)
    for name in ["a", "b", "a"] { _ = try kernels.function(name, of: Self.source) }
    #expect(library.calls("mcModuleGetFunction") == 3, "identify, a and b")
    let error = #expect(throws: RuntimeError.self) { try kernels.function("missing", of: Self.source) }
    #expect(error?.description.contains("mcModuleGetFunction(missing)") == true)
  }

  // MARK: Launches

  @Test func aLaunchHandsOverWhatItWasGiven() throws {
    let library = try StandIn()
    let stream = try Stream(on: library.runtime())
    try stream.launch(
      "large", of: Self.source, grid: GridSize(5, 6, 7), block: GridSize(64, 4), sharedBytes: 60_000, overlaps: true,
      Int64(0x1234_5678_9abc))
    let launch = library.lastLaunch
    #expect(launch.name == "large" && launch.grid == [5, 6, 7] && launch.block == [64, 4, 1])
    #expect(launch.shared == 60_000 && launch.firstBytes == 0x1234_5678_9abc && launch.packedBytes == 0)
    let count = library.launches
    try stream.launch("none", of: Self.source, grid: GridSize(0), block: GridSize(64), Int64(0))
    #expect(library.launches == count, "without blocks there is nothing to launch")
  }

  private struct Wide: BitwiseCopyable {
    var first: Int64 = 0x7766_5544
    var rest: (Int64, Int64, Int32) = (1, 2, 3)
  }

  /// One user of the library says that only packed arguments work, and what ends their list nobody says.
  @Test(arguments: ["0", "3"]) func packedArgumentsAreTheFallback(end: String) throws {
    let library = try StandIn(.maca, ["STAND_IN_REFUSES_PARAMETERS": "1", "STAND_IN_PACKED_END": end])
    let stream = try Stream(on: library.runtime())
    let refused = library.calls("mcModuleLaunchKernel") - 1
    #expect(refused == (end == "0" ? 1 : 2), "addresses, then each end of a list")
    for _ in 0..<2 {
      try stream.launch("f", of: Self.source, grid: GridSize(2), block: GridSize(64), Wide())
    }
    #expect(library.calls("mcModuleLaunchKernel") == refused + 3, "what works is remembered")
    #expect(library.lastLaunch.firstBytes == 0x7766_5544)
    #expect(library.lastLaunch.packedBytes == Int64(MemoryLayout<Wide>.size))
  }

  @Test func aLaunchThatNothingHelpsTellsTheFirstError() throws {
    let library = try StandIn(.maca, ["STAND_IN_FAIL": "mcModuleLaunchKernel:*:719"])
    let error = #expect(throws: RuntimeError.self) { try library.runtime() }
    #expect(error?.description.contains("mcModuleLaunchKernel failed on metax:0: a kernel failed") == true)
    #expect(library.calls("mcModuleLaunchKernel") == 3)
    // Once one way has worked, an error is an error.
    let working = try StandIn(.maca, ["STAND_IN_FAIL": "mcModuleLaunchKernel:2:719"])
    let stream = try Stream(on: working.runtime())
    #expect(throws: RuntimeError.self) {
      try stream.launch("f", of: Self.source, grid: GridSize(1), block: GridSize(64), Int64(0))
    }
    #expect(working.calls("mcModuleLaunchKernel") == 2)
  }

  @Test func aKernelThatFailsShowsAtTheNextCall() throws {
    let library = try StandIn(.maca, ["STAND_IN_FAIL": "mcStreamSynchronize:1:700"])
    let runtime = try library.runtime()
    let stream = try Stream(on: runtime)
    let error = #expect(throws: RuntimeError.self) { try stream.synchronize() }
    #expect(error?.description.contains("mcStreamSynchronize failed on metax:0") == true)
    #expect(error?.description.contains("700") == true)
  }

  // MARK: Graphs

  @Test func withoutAGraphsFunctionsNothingIsRecorded() throws {
    let library = try StandIn(.withoutGraphs)
    let runtime = try library.runtime()
    #expect(runtime.kernels?.description.canRecord == false)
    let stream = try Stream(on: runtime)
    let error = #expect(throws: RuntimeError.self) { try Graph(on: stream) {} }
    #expect(error?.description.contains("it lacks mcStreamBeginCapture") == true)
    try stream.launch("f", of: Self.source, grid: GridSize(1), block: GridSize(64), Int64(1))
    #expect(library.lastLaunch.name == "f")
  }

  @Test func aRecordingThatFailsEnds() throws {
    struct Interrupted: Error {}
    let library = try StandIn()
    do {
      let stream = try Stream(on: library.runtime())
      #expect(throws: Interrupted.self) { _ = try Graph(on: stream) { throw Interrupted() } }
      try stream.synchronize()
    }
    #expect(library.live == 0)
  }

  @Test(arguments: ["mcStreamBeginCapture", "mcStreamEndCapture", "mcGraphInstantiate"])
  func failuresOfRecordingLeaveNothing(call: String) throws {
    let library = try StandIn(.maca, ["STAND_IN_FAIL": "\(call):1:901"])
    do {
      let stream = try Stream(on: library.runtime())
      let error = #expect(throws: RuntimeError.self) { try Graph(on: stream) {} }
      #expect(error?.description.contains(call) == true)
    }
    #expect(library.live == 0)
  }

  // MARK: What public sources leave open

  @Test func theSurveyAnswersWhatSourcesLeaveOpen() throws {
    func answers(_ library: StandIn) throws -> [String: String] {
      Dictionary(uniqueKeysWithValues: try library.api().survey(0).map { ($0.question, $0.answer) })
    }
    let plain = try answers(StandIn())
    #expect(plain["names of functions begin with"] == "mc")
    #expect(plain["functions that may be missing"] == "without mcrtcGetCodeSize, mcrtcGetCode")
    #expect(plain["architecture and lanes of a wave"] == "standin-32")
    #expect(plain["compiling without options"]?.hasSuffix("bytes of code") == true)
    #expect(plain["compiling with -std=c++17"]?.hasSuffix("bytes of code") == true)
    #expect(plain["arguments of kernels by their addresses"] == "work")
    #expect(plain["arguments of kernels packed, ended by 0"] == "work")
    #expect(plain["arguments of kernels packed, ended by 3"]?.hasPrefix("no: mcModuleLaunchKernel failed") == true)
    let packed = try answers(
      StandIn(.hpcc, ["STAND_IN_REFUSES_PARAMETERS": "1", "STAND_IN_PACKED_END": "3", "STAND_IN_WAVE": "64"]))
    #expect(packed["names of functions begin with"] == "hc")
    #expect(packed["architecture and lanes of a wave"] == "standin-64")
    #expect(packed["arguments of kernels by their addresses"]?.hasPrefix("no: hcModuleLaunchKernel failed") == true)
    #expect(packed["arguments of kernels packed, ended by 3"] == "work")
  }

  /// On host memory no kernel runs, which shows.
  @Test func kernelsThatDoNotRunFailTheSurvey() throws {
    let library = try StandIn()
    let stream = try Stream(on: library.runtime())
    let exchange = try GPUSurvey.exchangeFailure(on: stream, width: 32)
    #expect(exchange == "integers by place over 1 of 32 lanes: lane 0 got -1 instead of 4, lane 1's")
    #expect(try GPUSurvey.sharingFailure(on: stream, bytes: 48 << 10) == "thread 0 did not run")
    #expect(library.lastLaunch.shared == 49_152 && library.lastLaunch.block == [1024, 1, 1])
  }
}
