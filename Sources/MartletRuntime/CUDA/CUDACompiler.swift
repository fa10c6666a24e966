package import CMartletDriver

/// NVIDIA's run-time compiler.
package struct CUDACompiler: Sendable {
  /// The one of this machine, opened at the first use.
  static let shared: CUDACompiler = {
    let (functions, search) = CUDALibraries.openCompiler()
    return CUDACompiler(functions, search: search)
  }()

  /// How it was looked for.
  let search: LibrarySearch
  private let opened: martlet_nvrtc_functions?

  /// Options beside the architecture. Arithmetic stays IEEE's: no fast-math.
  private static let options = ["--std=c++17", "--device-as-default-execution-space", "-DMT_PLATFORM_NVIDIA=1"]

  /// - Parameter functions: nil if no compiler was found.
  package init(_ functions: martlet_nvrtc_functions?, search: LibrarySearch) {
    (opened, self.search) = (functions, search)
  }

  private func functions() throws(RuntimeError) -> martlet_nvrtc_functions {
    guard let opened else {
      throw .deviceUnavailable(
        device: Device.Kind.cuda.rawValue,
        reason: (search.failure ?? "there is no compiler")
          + "; the CUDA toolkit has it, and so has the Python package nvidia-cuda-nvrtc")
    }
    return opened
  }

  private var version: String { search.version ?? "of unknown version" }

  /// What beside the source decides on the code.
  var identity: String {
    get throws(RuntimeError) {
      _ = try functions()
      return "nvrtc \(version) " + Self.options.joined(separator: " ")
    }
  }

  /// - Returns: machine code (a cubin).
  func compile(_ source: KernelSource, architecture: String) throws(RuntimeError) -> [UInt8] {
    let functions = try functions()
    let options = Self.options + ["--gpu-architecture=\(try supported(architecture, functions))"]
    var program: OpaquePointer?
    try check(functions.create(&program, source.text, source.name + ".cu", 0, nil, nil), source, functions)
    defer { _ = functions.destroy(&program) }
    let result = withCStrings(options) { functions.compile(program!, Int32(options.count), $0) }
    guard result == 0 else {
      throw .callFailed(
        device: Device(.cuda), call: "compiling \(source.name).cu for \(architecture) with NVRTC \(version)",
        reason: log(of: program!, functions))
    }
    var size = 0
    try check(functions.cubin_size(program!, &size), source, functions)
    var image = [CChar](repeating: 0, count: size)
    try check(functions.cubin(program!, &image), source, functions)
    return image.map { UInt8(bitPattern: $0) }
  }

  /// The architecture itself if the compiler knows it, else the latest of the same family that it knows: its code runs on
  /// later members too.
  private func supported(
    _ architecture: String, _ functions: martlet_nvrtc_functions
  ) throws(RuntimeError) -> String {
    var count: Int32 = 0
    guard functions.architecture_count(&count) == 0, count > 0 else { return architecture }
    var known = [Int32](repeating: 0, count: Int(count))
    guard functions.architectures(&known) == 0 else { return architecture }
    guard let wanted = Int32(architecture.filter(\.isNumber)) else { return architecture }
    if known.contains(wanted) { return architecture }
    guard let nearest = known.filter({ $0 < wanted && $0 / 10 == wanted / 10 }).max() else {
      throw .deviceUnavailable(
        device: Device.Kind.cuda.rawValue,
        reason: "NVRTC \(version) knows nothing of \(architecture), only sm_"
          + known.map { "\($0)" }.joined(separator: ", ") + "; set MARTLET_NVRTC to another version")
    }
    return "sm_\(nearest)"
  }

  private func log(of program: OpaquePointer, _ functions: martlet_nvrtc_functions) -> String {
    var size = 0
    guard functions.log_size(program, &size) == 0, size > 0 else { return "no log" }
    var text = [CChar](repeating: 0, count: size)
    guard functions.log(program, &text) == 0 else { return "no log" }
    return Directory.text(Array(text.prefix { $0 != 0 }) + [0])
  }

  private func check(
    _ result: Int32, _ source: KernelSource, _ functions: martlet_nvrtc_functions
  ) throws(RuntimeError) {
    guard result != 0 else { return }
    throw .callFailed(
      device: Device(.cuda), call: "compiling \(source.name).cu",
      reason: String(cString: functions.error_string(result)))
  }
}
