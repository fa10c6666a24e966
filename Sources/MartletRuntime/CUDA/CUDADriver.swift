package import CMartletDriver
internal import Synchronization

/// An opened driver: its functions, and the primary contexts of its devices.
package final class CUDADriver: Sendable {
  /// The one of this machine, opened at the first use.
  static let shared: CUDADriver = {
    let (functions, search) = CUDALibraries.openDriver()
    return CUDADriver(functions, search: search)
  }()

  /// How it was looked for.
  let search: LibrarySearch
  private let state: Result<martlet_cuda_functions, RuntimeError>
  /// Held to the end of the process.
  private let contexts = Mutex<[Int: UInt]>([:])

  /// - Parameter functions: nil if no driver was found.
  package init(_ functions: martlet_cuda_functions?, search: LibrarySearch) {
    self.search = search
    guard let functions else {
      state = .failure(
        .deviceUnavailable(device: Device.Kind.cuda.rawValue, reason: search.failure ?? "there is no driver"))
      return
    }
    let result = functions.initialize(0)
    if result == MARTLET_CU_SUCCESS {
      state = .success(functions)
    } else {
      state = .failure(
        .deviceUnavailable(
          device: Device.Kind.cuda.rawValue,
          reason: "the driver (\(search.path ?? "")) does not start: \(Self.describe(result, functions))"))
    }
  }

  /// The functions, ready for use.
  /// - Throws: `RuntimeError.deviceUnavailable` with the reason if there is no working driver.
  func functions() throws(RuntimeError) -> martlet_cuda_functions { try state.get() }

  /// The primary context of a device; the first call of each makes it.
  func context(of index: Int, _ make: () throws(RuntimeError) -> UInt) throws(RuntimeError) -> UInt {
    let result: Result<UInt, RuntimeError> = contexts.withLock { contexts in
      if let context = contexts[index] { return .success(context) }
      do throws(RuntimeError) {
        let context = try make()
        contexts[index] = context
        return .success(context)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// The driver's words for a result.
  static func describe(_ result: Int32, _ functions: martlet_cuda_functions) -> String {
    var (name, text): (UnsafePointer<CChar>?, UnsafePointer<CChar>?) = (nil, nil)
    _ = functions.error_name(result, &name)
    _ = functions.error_string(result, &text)
    return "\(text.map { String(cString: $0) } ?? "unknown error") (\(name.map { String(cString: $0) } ?? "\(result)"))"
  }
}
