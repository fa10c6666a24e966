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
      "MARTLET_CUBLASLT": "/nowhere/libcublasLt.so",
    ]
    let report = try Martlet.succeed(["doctor", "--device", "cpu", "--json"], environment: environment).object()
    #expect(report["failed"] as? Int == 0)
    #expect((report["passed"] as? Int ?? 0) > 1_000)
    let libraries = try #require(report["libraries"] as? [[String: Any]])
    #expect(
      libraries.compactMap { $0["variable"] as? String }
        == ["MARTLET_CUDA_DRIVER", "MARTLET_NVRTC", "MARTLET_CUBLASLT"])
    for library in libraries {
      let attempts = try #require(library["attempts"] as? [[String: Any]])
      #expect(attempts.allSatisfy { ($0["place"] as? String)?.hasPrefix("/nowhere/") == true })
      #expect(attempts.allSatisfy { $0["failure"] as? String == "No such file or directory" })
    }
  }
}
