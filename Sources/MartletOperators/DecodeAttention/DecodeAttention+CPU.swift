import MartletRuntime

extension DecodeAttention {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) { try reference.run(on: stream) }
}
