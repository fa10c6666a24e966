package import MartletRuntime

/// A piece of work on tensors whose shapes, types and devices were checked when it was made: it may be run any number of
/// times, each time on what the tensors hold then.
package protocol Operator: Sendable {
  /// Gives the work to the stream.
  /// - Throws: `RuntimeError` if the device has no memory for intermediate results or fails.
  func run(on stream: Stream) throws(RuntimeError)
}
