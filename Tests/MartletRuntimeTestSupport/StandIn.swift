import Glibc
package import MartletRuntime
import Synchronization
import Testing

/// A copy of the library that stands in for MetaX's, with a state of its own: `Tests/StandInMetaX`. On host memory, whatever
/// the machine has, so that no kernel runs but the one that asks what the device is.
package final class StandIn: Sendable {
  /// How a copy was built.
  package enum Flavour: String, CaseIterable {
    case maca = ""
    case hpcc = "-DSTAND_IN_HPCC"
    case code = "-DSTAND_IN_CODE"
    case withoutGraphs = "-DSTAND_IN_WITHOUT_GRAPHS"
  }

  package struct Launch {
    package var name = ""
    package var grid: [UInt32] = []
    package var block: [UInt32] = []
    package var shared: UInt32 = 0
    package var firstBytes: Int64 = 0
    package var packedBytes: Int64 = 0
  }

  /// The repository's folder.
  static let root = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined()
  private static let built = Mutex<[Flavour: TemporaryFolder]>([:])

  /// Whether the library can be built here.
  package static let isPossible =
    system("command -v cc >/dev/null || command -v clang >/dev/null || command -v swift >/dev/null") == 0

  package let path: String
  private let folder: TemporaryFolder
  private let handle: UInt

  package init(_ flavour: Flavour = .maca, _ switches: [String: String] = [:]) throws {
    let original = try Self.built.withLock { built in
      if let folder = built[flavour] { return folder.path }
      let folder = try TemporaryFolder()
      let script = "\(Self.root)/scripts/gpu/build_stand_in.sh"
      try #require(system("'\(script)' '\(folder.path)/library.so' \(flavour.rawValue)") == 0, "building \(flavour)")
      built[flavour] = folder
      return folder.path
    }
    folder = try TemporaryFolder()
    path = folder.path + "/libmcruntime.so"
    // Another file is another library to the loader, with variables of its own.
    try #require(system("cp '\(original)/library.so' '\(path)'") == 0)
    handle = UInt(bitPattern: dlopen(path, RTLD_NOW | RTLD_LOCAL))
    try #require(handle != 0)
    self["STAND_IN_HOST"] = "1"
    for (name, value) in switches { self[name] = value }
  }

  private func function<Function>(_ name: String, _: Function.Type) -> Function {
    unsafeBitCast(dlsym(UnsafeMutableRawPointer(bitPattern: handle), name)!, to: Function.self)
  }

  /// Sets a switch.
  package subscript(name: String) -> String {
    get { "" }
    set {
      function(
        "stand_in_set", (@convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> Void).self)(name, newValue)
    }
  }

  /// Keeps a log from now on.
  package func keepLog() { self["STAND_IN_LOG"] = folder.path + "/log" }

  /// The names of the kernels that were launched since.
  package var launched: Set<String> {
    guard let file = fopen(folder.path + "/log", "r") else { return [] }
    defer { fclose(file) }
    var names: Set<String> = []
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
      let words = Directory.text(line).split(whereSeparator: \.isWhitespace)
      if words.count == 2, words[0] == "launch" { names.insert(String(words[1])) }
    }
    return names
  }

  package func calls(_ name: String) -> Int {
    function("stand_in_calls", (@convention(c) (UnsafePointer<CChar>) -> Int).self)(name)
  }
  /// Handles that nobody has destroyed, bytes that nobody has returned, and launches.
  package var live: Int { function("stand_in_live", (@convention(c) () -> Int).self)() }
  package var bytes: Int { function("stand_in_bytes", (@convention(c) () -> Int).self)() }
  package var launches: Int { function("stand_in_launches", (@convention(c) () -> Int).self)() }

  package var lastLaunch: Launch {
    let raw = function("stand_in_last_launch", (@convention(c) () -> UnsafeRawPointer).self)()
    var launch = Launch()
    launch.name = String(
      decoding: (0..<64).map { raw.load(fromByteOffset: $0, as: UInt8.self) }.prefix { $0 != 0 }, as: UTF8.self)
    func words(_ start: Int, _ count: Int) -> [UInt32] {
      (0..<count).map { raw.load(fromByteOffset: start + 4 * $0, as: UInt32.self) }
    }
    (launch.grid, launch.block, launch.shared) = (words(64, 3), words(76, 3), words(88, 1)[0])
    launch.firstBytes = raw.load(fromByteOffset: 96, as: Int64.self)
    launch.packedBytes = raw.load(fromByteOffset: 104, as: Int64.self)
    return launch
  }

  /// The environment under which Martlet finds this copy and may use it.
  package var environment: [String: String] { ["MARTLET_MACA_RUNTIME": path, MetaXLibraries.standInVariable: "1"] }

  /// What Martlet makes of it.
  package func driver() -> MetaXDriver {
    let environment = environment
    let (functions, search) = MetaXLibraries.open { environment[$0] }
    return MetaXDriver(functions, search: search)
  }

  package func api() -> MetaXRuntimeAPI { MetaXRuntimeAPI(driver: driver()) }

  package func runtime(_ index: Int = 0, cache: KernelCache = KernelCache(folder: nil)) throws -> Runtime {
    try Runtime(Device(.metax, index: index), api: api(), cache: cache)
  }
}
