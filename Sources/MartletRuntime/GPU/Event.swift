/// A mark in a stream of a GPU: other streams and the host can wait for it, and two of them tell the time between.
package final class Event: Sendable {
  private let runtime: Runtime
  private let gpu: any GPUAPI
  package let handle: EventHandle

  /// - Parameter isTimed: whether it can tell times, which costs a little.
  /// - Throws: `RuntimeError` if the device is no GPU or gives no event.
  package init(on runtime: Runtime, isTimed: Bool = false) throws(RuntimeError) {
    self.runtime = runtime
    gpu = try runtime.gpu()
    try gpu.setDevice(runtime.device.index)
    handle = try gpu.createEvent(isTimed: isTimed)
  }

  deinit {
    // A device that cannot be chosen any more has lost its events too.
    guard (try? gpu.setDevice(runtime.device.index)) != nil else { return }
    gpu.destroyEvent(handle)
  }

  /// Puts the mark behind everything that is on the stream now.
  package func record(on stream: Stream) throws(RuntimeError) { try gpu.recordEvent(handle, on: stream.handle) }

  /// Whether everything before the mark is done.
  package var isComplete: Bool { get throws(RuntimeError) { try gpu.isComplete(handle) } }

  /// Waits on the host until everything before the mark is done.
  package func synchronize() throws(RuntimeError) { try gpu.synchronizeEvent(handle) }

  /// Milliseconds from this mark to a later one; both must be complete and timed.
  package func milliseconds(to end: Event) throws(RuntimeError) -> Float {
    try gpu.milliseconds(from: handle, to: end.handle)
  }
}

extension Stream {
  /// Lets everything that is put on this stream from now on wait for the mark.
  package func wait(for event: Event) throws(RuntimeError) {
    try runtime.gpu().waitForEvent(event.handle, on: handle)
  }
}
