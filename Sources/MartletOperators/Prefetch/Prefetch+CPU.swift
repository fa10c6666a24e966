import MartletRuntime

extension Prefetch {
  func runOnCPU(_ stream: Stream) {
    stream.pool.expect(
      weight.base, count: weight.panelCount, unitBytes: weight.panelBytes, grain: weight.panelGrain(rows: rows))
  }
}
