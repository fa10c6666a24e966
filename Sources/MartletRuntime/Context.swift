import Synchronization

/// The devices that a program has opened, each once.
///
/// There is no global context and no current device: whoever loads a model makes a context and hands it down.
package final class Context: Sendable {
  private let runtimes = Mutex<[Device: Runtime]>([:])

  package init() {}

  /// The runtime of a device, opened at the first call.
  package func runtime(for device: Device) throws(RuntimeError) -> Runtime {
    let result: Result<Runtime, RuntimeError> = runtimes.withLock { runtimes in
      if let runtime = runtimes[device] { return .success(runtime) }
      do throws(RuntimeError) {
        let runtime = try Runtime(device)
        runtimes[device] = runtime
        return .success(runtime)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }
}
