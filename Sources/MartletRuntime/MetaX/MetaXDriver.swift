package import CMartletDriver
internal import Synchronization

/// MetaX's opened library, and what was learnt of its devices.
package final class MetaXDriver: Sendable {
  /// The one of this machine, opened at the first use.
  static let shared: MetaXDriver = {
    let (functions, search) = MetaXLibraries.open()
    return MetaXDriver(functions, search: search)
  }()

  /// How kernels get their argument.
  enum Passing: CaseIterable {
    /// An array of addresses of arguments, as in CUDA.
    case addresses
    /// A buffer that is announced, which one user of the library says is the only way; its end by CUDA's number or HIP's.
    case packed, packedWithOtherEnd
  }

  private struct State {
    var descriptions: [Int: GPUDescription] = [:]
    /// How the first launch that worked was made.
    var passing: Passing?
  }

  /// How it was looked for.
  let search: LibrarySearch
  private let opened: Result<martlet_mc_functions, RuntimeError>
  private let state = Mutex(State())

  /// - Parameter functions: nil if no library was found.
  package init(_ functions: martlet_mc_functions?, search: LibrarySearch) {
    self.search = search
    func unavailable(_ reason: String) -> RuntimeError {
      .deviceUnavailable(device: Device.Kind.metax.rawValue, reason: reason)
    }
    guard let functions else {
      opened = .failure(unavailable(search.failure ?? "there is no library"))
      return
    }
    // Not every release may have it, and those that have it may do without.
    let result = functions.initialize?(0) ?? 0
    opened =
      result == MARTLET_MC_SUCCESS
      ? .success(functions)
      : .failure(
        unavailable(
          "the library (\(search.path ?? "")) does not start: \(Self.describe(Int32(result), functions))"))
  }

  /// The functions, ready for use.
  /// - Throws: `RuntimeError.deviceUnavailable` with the reason if there is no working library.
  func functions() throws(RuntimeError) -> martlet_mc_functions { try opened.get() }

  /// What a device is; the first call of each asks.
  func description(
    of index: Int, _ ask: () throws(RuntimeError) -> GPUDescription
  ) throws(RuntimeError) -> GPUDescription {
    if let known = state.withLock({ $0.descriptions[index] }) { return known }
    // Asking compiles and launches: two threads may both do it, with one answer.
    let description = try ask()
    state.withLock { $0.descriptions[index] = description }
    return description
  }

  /// Ways to launch, those first that are worth trying; one once it is known to work.
  var passings: [Passing] { state.withLock { $0.passing.map { [$0] } ?? Passing.allCases } }

  /// Remembers the first way that worked.
  func note(_ passing: Passing) { state.withLock { $0.passing = $0.passing ?? passing } }

  /// The library's words for a result.
  static func describe(_ result: Int32, _ functions: martlet_mc_functions) -> String {
    let text = functions.error_string(result).map { String(cString: $0) } ?? "unknown error"
    let name = functions.error_name(result).map { String(cString: $0) }
    return "\(text) (\(name.map { "\($0), " } ?? "")\(result))"
  }
}

extension martlet_mc_functions {
  /// A function as the library exports it.
  func exported(_ name: String) -> String { String(cString: prefix) + name }

  /// The six functions of graphs; nil if the library lacks one.
  var graphs: MetaXGraphFunctions? {
    guard let begin = capture_begin, let end = capture_end, let instantiate = graph_instantiate,
      let launch = graph_launch, let destroyExecutable = graph_exec_destroy, let destroy = graph_destroy
    else { return nil }
    return MetaXGraphFunctions(
      begin: begin, end: end, instantiate: instantiate, launch: launch, destroyExecutable: destroyExecutable,
      destroy: destroy)
  }
}

/// Functions of graphs, all of them or none.
struct MetaXGraphFunctions {
  let begin: @convention(c) (OpaquePointer, Int32) -> Int32
  let end: @convention(c) (OpaquePointer, UnsafeMutablePointer<OpaquePointer?>) -> Int32
  let instantiate:
    @convention(c) (
      UnsafeMutablePointer<OpaquePointer?>, OpaquePointer, UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
      UnsafeMutablePointer<CChar>?, Int
    ) -> Int32
  let launch: @convention(c) (OpaquePointer, OpaquePointer?) -> Int32
  let destroyExecutable: @convention(c) (OpaquePointer) -> Int32
  let destroy: @convention(c) (OpaquePointer) -> Int32
}
