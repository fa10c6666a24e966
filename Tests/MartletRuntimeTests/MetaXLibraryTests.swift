import Glibc
import MartletRuntime
import MartletRuntimeTestSupport
import Testing

/// How MetaX's library is looked for, and what is said of files that are none.
@Suite(.enabled(if: StandIn.isPossible, "no C compiler to build the stand-in with")) struct MetaXLibraryTests {
  private func open(_ environment: [String: String]) -> LibrarySearch { MetaXLibraries.open { environment[$0] }.search }

  @Test func placesAreTriedInOrder() {
    let search = open(["MACA_PATH": "/nowhere/maca", "MACA_HOME": "/nowhere/toolkit", "HPCC_PATH": "/nowhere/hpcc"])
    #expect(
      search.attempts.map(\.place) == [
        "/nowhere/maca/lib/libmcruntime.so", "/nowhere/toolkit/lib/libmcruntime.so", "/opt/maca/lib/libmcruntime.so",
        "libmcruntime.so", "/nowhere/hpcc/lib/libhcruntime.so", "/opt/hpcc/lib/libhcruntime.so", "libhcruntime.so",
      ])
    #expect(search.path == nil && search.version == nil)
    #expect(search.failure?.contains("no usable MetaX runtime in 7 places") == true)
    #expect(search.failure?.contains("set MARTLET_MACA_RUNTIME to its path") == true)
    #expect(open(["MACA_PATH": "/opt/maca"]).attempts.count == 4, "a place is tried once")
  }

  @Test func aNamedFileIsTheOnlyPlace() throws {
    let search = open(["MARTLET_MACA_RUNTIME": "/nowhere/lib.so", "MACA_PATH": "/opt/maca"])
    #expect(search.attempts.map(\.place) == ["/nowhere/lib.so"])
    #expect(search.attempts.map(\.failure) == ["No such file or directory"])
    let other = open(["MARTLET_MACA_RUNTIME": "libm.so.6"])
    #expect(other.attempts.first?.failure?.contains("it lacks mcGetDeviceCount") == true)
  }

  @Test func whatStandsInIsRefusedUnlessItIsAllowed() throws {
    let library = try StandIn()
    for value in [nil, "0", "yes"] {
      var environment = library.environment
      environment[MetaXLibraries.standInVariable] = value
      let search = open(environment)
      #expect(search.path == nil)
      #expect(search.failure?.contains("only stands in for MetaX's library") == true)
      #expect(search.failure?.contains("set MARTLET_ALLOW_STAND_IN=1") == true)
    }
    let search = open(library.environment)
    #expect(search.path == library.path && search.failure == nil && search.version == "1.0")
    #expect(search.lacking == ["mcrtcGetCodeSize", "mcrtcGetCode"])
  }

  private static let lacking: [(flavour: StandIn.Flavour, functions: [String])] = [
    (.maca, ["mcrtcGetCodeSize", "mcrtcGetCode"]), (.code, ["mcrtcGetBitcodeSize", "mcrtcGetBitcode"]),
    (.hpcc, ["hcrtcGetCodeSize", "hcrtcGetCode"]),
    (
      .withoutGraphs,
      [
        "mcStreamBeginCapture", "mcStreamEndCapture", "mcGraphInstantiate", "mcGraphLaunch", "mcGraphExecDestroy",
        "mcGraphDestroy", "mcrtcGetCodeSize", "mcrtcGetCode",
      ]
    ),
  ]

  @Test(arguments: lacking) func whatALibraryLacksIsTold(flavour: StandIn.Flavour, functions: [String]) throws {
    let library = try StandIn(flavour)
    #expect(open(library.environment).lacking == functions)
  }

  /// What must be there, in the order in which it is looked for.
  private static let required = [
    "GetDeviceCount", "SetDevice", "GetDevice", "DeviceSynchronize", "DeviceGetName", "DeviceTotalMem", "MemGetInfo",
    "Malloc", "Free", "MallocHost", "FreeHost", "Memcpy", "MemcpyAsync", "StreamCreate", "StreamDestroy",
    "StreamSynchronize", "StreamWaitEvent", "EventCreate", "EventDestroy", "EventRecord", "EventQuery",
    "EventSynchronize", "EventElapsedTime", "ModuleLoadData", "ModuleUnload", "ModuleGetFunction",
    "ModuleLaunchKernel", "rtcCreateProgram", "rtcCompileProgram", "rtcGetProgramLogSize", "rtcGetProgramLog",
    "rtcDestroyProgram", "GetErrorName", "GetErrorString",
  ]

  /// Libraries that have nothing but names, all but one.
  @Test(arguments: ["mc", "hc"]) func aLibraryThatLacksAFunctionIsRefusedByItsName(prefix: String) throws {
    let folder = try TemporaryFolder()
    let all = Self.required + ["rtcGetBitcode", "rtcGetBitcodeSize"]
    let path = folder.path
    for missing in [0, 11, 26, 33, 34, 35] {
      let text = all.enumerated().filter { $0.offset != missing }.map {
        "int \(prefix)\($0.element)(void) { return 0; }"
      }
      let (source, library) = ("\(path)/\(missing).c", "\(path)/\(missing).so")
      try #require(FileText.write(text.joined(separator: "\n") + "\n", to: source))
      let arguments = "-shared -fPIC -w -o '\(library)' '\(source)'"
      try #require(system("cc \(arguments) 2>/dev/null || clang \(arguments)") == 0)
      let search = open(["MARTLET_MACA_RUNTIME": library])
      let name = missing >= 34 ? "rtcGetBitcode" : all[missing]
      // Of the only functions that give code, either is as good as none.
      #expect(search.attempts.first?.failure == "it lacks \(prefix)\(name); a newer one is needed")
      #expect(search.attempts.first?.place == library)
    }
  }

  private enum FileText {
    static func write(_ text: String, to path: String) -> Bool {
      guard let file = fopen(path, "w") else { return false }
      defer { fclose(file) }
      return fputs(text, file) >= 0
    }
  }
}
