import Foundation
import MartletTestSupport
import Testing

@Suite("command: devices and doctor without a GPU's libraries")
struct GPUCommandTests {
  /// Files that are no driver, and what is said of them.
  private static let files: [(file: String, words: String)] = [
    ("/nowhere/libcuda.so.1", "No such file or directory"), ("libnowhere.so.1", "cannot open shared object file"),
    ("libm.so.6", "it lacks cuInit"), ("/etc/hostname", "/etc/hostname"),
  ]

  @Test("a driver that is none is told with its reason, and the device ends with 69", arguments: files)
  func drivers(file: String, words: String) throws {
    let environment = ["MARTLET_CUDA_DRIVER": file]
    let devices = try Martlet.succeed(["devices"], environment: environment).output
    #expect(devices.contains("cuda: none") && devices.contains(words) && devices.contains("MARTLET_CUDA_DRIVER"))
    try Martlet.fail(["doctor", "--device", "cuda"], 69, ["not available", words], environment: environment)
    let model = try TinyModel.file()
    try Martlet.fail(
      ["complete", model.path, "hi", "--device", "cuda:0"], 69, ["not available", words], environment: environment)
  }

  @Test("the processor passes its checks, and every place that was tried for a library is listed")
  func processor() throws {
    let environment = [
      "MARTLET_CUDA_DRIVER": "/nowhere/libcuda.so.1", "MARTLET_NVRTC": "/nowhere/libnvrtc.so",
      "MARTLET_CUBLASLT": "/nowhere/libcublasLt.so", "MARTLET_MACA_RUNTIME": "/nowhere/libmcruntime.so",
    ]
    let report = try Martlet.succeed(["doctor", "--device", "cpu", "--json"], environment: environment).object()
    #expect(report["failed"] as? Int == 0)
    #expect((report["passed"] as? Int ?? 0) > 1_000)
    let libraries = try #require(report["libraries"] as? [[String: Any]])
    #expect(
      libraries.compactMap { $0["variable"] as? String }
        == ["MARTLET_CUDA_DRIVER", "MARTLET_NVRTC", "MARTLET_CUBLASLT", "MARTLET_MACA_RUNTIME"])
    for library in libraries {
      let attempts = try #require(library["attempts"] as? [[String: Any]])
      #expect(attempts.allSatisfy { ($0["place"] as? String)?.hasPrefix("/nowhere/") == true })
      #expect(attempts.allSatisfy { $0["failure"] as? String == "No such file or directory" })
    }
  }

  /// The same for MetaX's library.
  private static let libraries: [(file: String, words: String)] = [
    ("/nowhere/libmcruntime.so", "No such file or directory"),
    ("libnowhere.so.1", "cannot open shared object file"), ("libm.so.6", "it lacks mcGetDeviceCount"),
  ]

  @Test("a library of MetaX's that is none is told with its reason, and the device ends with 69", arguments: libraries)
  func metax(file: String, words: String) throws {
    let environment = ["MARTLET_MACA_RUNTIME": file]
    let devices = try Martlet.succeed(["devices"], environment: environment).output
    #expect(devices.contains("metax: none") && devices.contains(words) && devices.contains("MARTLET_MACA_RUNTIME"))
    try Martlet.fail(["doctor", "--device", "metax"], 69, ["not available", words], environment: environment)
    let model = try TinyModel.file()
    try Martlet.fail(
      ["complete", model.path, "hi", "--device", "metax:0"], 69, ["metax:0", "not available", words],
      environment: environment)
  }

  @Test("what stands in for MetaX's library says so, and is used only where that is allowed")
  func standIn() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-stand-in-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let library = folder.appending(path: "library.so").path
    let build = Process()
    build.executableURL = URL(filePath: #filePath).deletingLastPathComponent().appending(
      path: "../../scripts/gpu/build_stand_in.sh")
    build.arguments = [library]
    try build.run()
    build.waitUntilExit()
    try #require(build.terminationStatus == 0)
    var environment = [
      "MARTLET_MACA_RUNTIME": library, "STAND_IN_HOST": "1", "MARTLET_CUDA_DRIVER": "/nowhere/libcuda.so.1",
      "MARTLET_CACHE": folder.path,
    ]
    try Martlet.fail(
      ["doctor", "--device", "metax"], 69, ["only stands in for MetaX's library", "MARTLET_ALLOW_STAND_IN"],
      environment: environment)
    environment["MARTLET_ALLOW_STAND_IN"] = "1"
    let devices = try Martlet.succeed(["devices"], environment: environment).output
    #expect(devices.contains("metax:0: MetaX (stand-in) host memory 0, 1.1 GB, 104 processors, standin-32"))
    #expect(devices.contains("metax:1: MetaX (stand-in)"))
    try Martlet.fail(
      ["doctor", "--device", "metax:2"], 69, ["metax:2", "this machine has 2"], environment: environment)
    environment["STAND_IN_DEVICES"] = "0"
    #expect(try Martlet.succeed(["devices"], environment: environment).output.contains("metax: none"))
    try Martlet.fail(["doctor", "--device", "metax"], 69, ["this machine has 0"], environment: environment)
  }
}
