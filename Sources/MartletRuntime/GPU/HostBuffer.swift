/// Memory of the host that a device can copy from and to quickly: pinned for a GPU.
///
/// `@unchecked Sendable`: pointer and size never change; whoever shares the bytes orders the accesses, as with ``Storage``.
package final class HostBuffer: @unchecked Sendable {
  package let bytes: UnsafeMutableRawBufferPointer
  private let runtime: Runtime

  package init(byteCount: Int, for runtime: Runtime) throws(RuntimeError) {
    self.runtime = runtime
    try runtime.api.setDevice(runtime.device.index)
    bytes = UnsafeMutableRawBufferPointer(start: try runtime.api.allocateHost(bytes: byteCount), count: byteCount)
  }

  deinit {
    guard let base = bytes.baseAddress, (try? runtime.api.setDevice(runtime.device.index)) != nil else { return }
    runtime.api.freeHost(base)
  }
}
