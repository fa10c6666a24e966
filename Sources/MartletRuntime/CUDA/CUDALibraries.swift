internal import CMartletDriver

/// NVIDIA's libraries, opened at their first use and kept for the life of the process.
package enum CUDALibraries {
  /// How all of them were looked for.
  package static var searches: [LibrarySearch] {
    [CUDADriver.shared.search, CUDACompiler.shared.search, CUDAMatrixLibrary.shared.search]
  }

  static func openDriver() -> (martlet_cuda_functions?, LibrarySearch) {
    var search = LibrarySearch(purpose: "CUDA driver", variable: "MARTLET_CUDA_DRIVER")
    let functions: martlet_cuda_functions? = VendorLibrary.open(
      &search, names: ["libcuda.so.1"],
      folders: ["/usr/local/nvidia/lib64", "/usr/lib/wsl/lib", "/run/opengl-driver/lib", "/usr/local/cuda/compat"],
      fill: martlet_cuda_fill)
    var version: Int32 = 0
    if let functions, functions.driver_version(&version) == MARTLET_CU_SUCCESS {
      search.version = "\(version / 1000).\(version % 1000 / 10)"
    }
    return (functions, search)
  }

  static func openCompiler() -> (martlet_nvrtc_functions?, LibrarySearch) {
    var search = LibrarySearch(purpose: "CUDA run-time compiler", variable: "MARTLET_NVRTC")
    let functions: martlet_nvrtc_functions? = VendorLibrary.open(
      &search, names: ["libnvrtc.so.13", "libnvrtc.so.12"], folders: folders(package: "cuda_nvrtc"),
      prepare: loadBuiltins,
      fill: martlet_nvrtc_fill)
    var (major, minor): (Int32, Int32) = (0, 0)
    if let functions, functions.version(&major, &minor) == 0 { search.version = "\(major).\(minor)" }
    return (functions, search)
  }

  static func openMatrixLibrary() -> (martlet_cublaslt_functions?, LibrarySearch) {
    var search = LibrarySearch(purpose: "CUDA matrix products", variable: "MARTLET_CUBLASLT")
    let functions: martlet_cublaslt_functions? = VendorLibrary.open(
      &search, names: ["libcublasLt.so.13", "libcublasLt.so.12"], folders: folders(package: "cublas"),
      fill: martlet_cublaslt_fill)
    if let functions {
      let version = functions.version()
      search.version = "\(version / 10_000).\(version % 10_000 / 100)"
    }
    return (functions, search)
  }

  /// Toolkits, then Python's packages, which carry a library without a toolkit.
  private static func folders(package: String) -> [String] {
    let environment = VendorLibrary.environment
    let toolkits =
      ["CUDA_HOME", "CUDA_PATH"].compactMap { environment($0).map { $0 + "/lib64" } } + [
        "/usr/local/cuda/lib64", "/opt/cuda/lib64", "/usr/lib/cuda/lib64",
      ]
    let roots =
      [environment("VIRTUAL_ENV"), environment("CONDA_PREFIX"), environment("HOME").map { $0 + "/.local" }]
      .compactMap { $0 } + ["/usr/local", "/usr"]
    let packages = roots.flatMap { root in
      Directory.names(in: root + "/lib").filter { $0.hasPrefix("python3") }.flatMap { python in
        ["site-packages", "dist-packages"].flatMap { folder in
          ["cu13/lib", "\(package)/lib"].map { "\(root)/lib/\(python)/\(folder)/nvidia/\($0)" }
        }
      }
    }
    return toolkits + packages
  }

  /// The compiler opens a second library by its bare name. Python's packages leave both in a folder that the system does
  /// not search; one that is loaded already is found.
  private static func loadBuiltins(from folder: String) {
    for name in Directory.names(in: folder) where name.hasPrefix("libnvrtc-builtins.so") {
      var reason: [CChar] = [0]
      _ = martlet_library_open("\(folder)/\(name)", &reason, reason.count)
    }
  }
}
