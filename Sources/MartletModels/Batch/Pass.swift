package import MartletRuntime

/// What a step computes with: the stream that its work goes to and the arena that its tensors live in.
///
/// The runner makes one and hands it down; nothing below looks anything up elsewhere.
package struct Pass {
  package let stream: Stream
  package var arena: Arena

  package init(on stream: Stream) throws(RuntimeError) {
    self.stream = stream
    arena = try Arena(runtime: stream.runtime)
  }
}
