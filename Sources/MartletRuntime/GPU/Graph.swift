/// A sequence of work that was recorded once and is launched as a whole: one call in place of hundreds.
///
/// The work reads and writes the addresses that it was recorded with, so everything that changes between launches lives
/// in memory that stays where it is.
package final class Graph: Sendable {
  private let runtime: Runtime
  private let gpu: any GPUAPI
  private let handle: GraphHandle

  /// Records what `body` puts on the stream; nothing of it runs.
  ///
  /// `body` must not allocate, load kernels or wait: run it once before, outside of a recording.
  /// - Throws: what `body` throws, or `RuntimeError` if it did what cannot be recorded.
  package init(on stream: Stream, recording body: () throws -> Void) throws {
    runtime = stream.runtime
    gpu = try runtime.gpu()
    try gpu.setDevice(runtime.device.index)
    let recorder = try gpu.beginCapture()
    do {
      try stream.redirected(to: recorder, body)
    } catch {
      // The recording goes on until it is ended, whatever comes of it.
      if let graph = try? gpu.endCapture(recorder) { gpu.destroyGraph(graph) }
      throw error
    }
    handle = try gpu.endCapture(recorder)
  }

  deinit {
    guard (try? gpu.setDevice(runtime.device.index)) != nil else { return }
    gpu.destroyGraph(handle)
  }

  /// Puts the recorded work on a stream of the same device.
  package func launch(on stream: Stream) throws(RuntimeError) {
    try gpu.setDevice(runtime.device.index)
    try gpu.launchGraph(handle, on: stream.handle)
  }
}
