/// The direction of a copy, as in LLAISYS and CUDA.
package enum CopyKind: Sendable {
  case hostToHost, hostToDevice, deviceToHost, deviceToDevice
}

/// An opaque stream of one vendor; on the processor it names nothing.
package struct StreamHandle: Hashable, Sendable {
  package let rawValue: UInt
  package init(rawValue: UInt) { self.rawValue = rawValue }

  /// The one that every device has, which nobody makes or destroys.
  package static let `default` = StreamHandle(rawValue: 0)
}

/// The twelve functions that a vendor provides, cut as LLAISYS cuts them (`llaisys/runtime.h`).
///
/// Everything above is written once for all vendors. Calls concern the device that `setDevice` chose on this thread,
/// which only ``Runtime`` calls: nothing above it has a notion of a current device.
package protocol RuntimeAPI: Sendable {
  /// How many devices of this family the machine has.
  func deviceCount() throws(RuntimeError) -> Int
  /// Makes a device the one that the calling thread's next calls concern.
  func setDevice(_ index: Int) throws(RuntimeError)
  /// Waits for all work on the device.
  func synchronizeDevice() throws(RuntimeError)

  /// Makes a stream: work put on one stream runs in order.
  func createStream() throws(RuntimeError) -> StreamHandle
  /// Destroys a stream that has no work left.
  func destroyStream(_ stream: StreamHandle)
  /// Waits for all work on one stream.
  func synchronizeStream(_ stream: StreamHandle) throws(RuntimeError)

  /// Device memory, at least 64-byte aligned, contents undefined.
  func allocateDevice(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer
  /// Returns what `allocateDevice` gave.
  func freeDevice(_ pointer: UnsafeMutableRawPointer)
  /// Host memory that the device can copy from quickly.
  func allocateHost(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer
  /// Returns what `allocateHost` gave.
  func freeHost(_ pointer: UnsafeMutableRawPointer)

  /// Copies and waits until it is done.
  func copy(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind
  ) throws(RuntimeError)
  /// Copies in the order of the stream.
  func copyAsync(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind,
    stream: StreamHandle
  ) throws(RuntimeError)
}
