internal import CMartletDriver

/// What MetaX's compiler compiles for, and what code is filed under: `xcore1000-64`.
struct MetaXTarget: Equatable {
  /// `xcore1000` is the C500.
  let architecture: String
  /// Lanes of a wave.
  let wave: Int

  var text: String { "\(architecture)-\(wave)" }

  init(architecture: String, wave: Int) { (self.architecture, self.wave) = (architecture, wave) }

  /// Reads what ``text`` writes.
  init?(_ text: String) {
    guard let dash = text.lastIndex(of: "-"), let wave = Int(text[text.index(after: dash)...]) else { return nil }
    self.init(architecture: String(text[..<dash]), wave: wave)
  }
}

/// MetaX's run-time compiler, a part of the library. It compiles for the one architecture that it knows itself, so it is told
/// none, and what the source must know of the device stands ahead of it as text.
struct MetaXCompiler {
  let functions: martlet_mc_functions
  let search: LibrarySearch

  /// The only one that public programs give it beside folders of headers. Arithmetic stays IEEE's: no fast-math.
  private static let options = ["-std=c++17"]

  /// What stands ahead of a source.
  static func definitions(wave: Int) -> String { "#define MT_PLATFORM_METAX 1\n#define MT_WAVE \(wave)\n" }

  private var version: String { search.version ?? "of unknown version" }

  /// What beside source and architecture decides on the code.
  var identity: String {
    let kind = functions.stand_in == nil ? functions.exported("rtc") : "stand-in"
    return "\(kind) \(version) \(search.path ?? "") " + Self.options.joined(separator: " ")
  }

  /// How many bytes of code there are, how they are had, and the function's name.
  private typealias Output = (
    name: String, size: @convention(c) (OpaquePointer, UnsafeMutablePointer<Int>) -> Int32,
    read: @convention(c) (OpaquePointer, UnsafeMutablePointer<CChar>) -> Int32
  )

  /// Names of the functions that may hand out code, those first that releases of 2025 have.
  private var outputs: [Output] {
    var outputs: [Output] = []
    if let size = functions.bitcode_size, let read = functions.bitcode { outputs.append(("rtcGetBitcode", size, read)) }
    if let size = functions.code_size, let read = functions.code { outputs.append(("rtcGetCode", size, read)) }
    return outputs
  }

  /// - Parameter definitions: nil for a source that needs none.
  /// - Returns: code for `mcModuleLoadData`, as the compiler gives it.
  /// - Throws: `RuntimeError.callFailed` with the compiler's words.
  func compile(
    _ source: KernelSource, definitions: String?, options: [String] = MetaXCompiler.options
  ) throws(RuntimeError) -> [UInt8] {
    var program: OpaquePointer?
    let text = (definitions ?? "") + source.text
    try check(
      functions.program_create(&program, text, source.name + ".maca", 0, nil, nil), "rtcCreateProgram", source)
    guard let created = program else { throw failure("rtcCreateProgram", source, "it gave no program") }
    defer { _ = functions.program_destroy(&program) }
    let result = withCStrings(options) { functions.program_compile(created, Int32(options.count), $0) }
    guard result == MARTLET_MC_SUCCESS else { throw failure("compiling", source, log(of: created)) }
    var reason = "the library has no function for it"
    for output in outputs {
      var size = 0
      var (call, status) = (output.name + "Size", output.size(created, &size))
      if status == MARTLET_MC_SUCCESS, size > 0 {
        var image = [CChar](repeating: 0, count: size)
        (call, status) = (output.name, output.read(created, &image))
        if status == MARTLET_MC_SUCCESS { return image.map { UInt8(bitPattern: $0) } }
      }
      reason =
        "\(functions.exported(call)): "
        + (status == MARTLET_MC_SUCCESS ? "no code" : "error \(status) of the compiler")
    }
    throw failure("fetching the code", source, reason)
  }

  private func log(of program: OpaquePointer) -> String {
    var size = 0
    guard functions.program_log_size(program, &size) == MARTLET_MC_SUCCESS, size > 0 else { return "no log" }
    var text = [CChar](repeating: 0, count: size + 1)
    guard functions.program_log(program, &text) == MARTLET_MC_SUCCESS else { return "no log" }
    return Directory.text(Array(text.prefix { $0 != 0 }) + [0])
  }

  private func check(_ result: Int32, _ call: String, _ source: KernelSource) throws(RuntimeError) {
    // The compiler's numbers are not the library's, and whether its words for them are exported is not sure.
    guard result != MARTLET_MC_SUCCESS else { return }
    throw failure(functions.exported(call), source, "error \(result) of the compiler")
  }

  private func failure(_ call: String, _ source: KernelSource, _ reason: String) -> RuntimeError {
    .callFailed(
      device: Device(.metax), call: "\(call) of \(source.name) with \(functions.exported("rtc")) \(version)",
      reason: reason)
  }
}
