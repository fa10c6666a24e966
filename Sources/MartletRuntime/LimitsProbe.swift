/// Measures what a stream's device can do at most, any number of times.
package enum LimitsProbe {
  case processor(MachineProbe)
  case gpu(GPUProbe, MachineLimits.Products)

  /// - Parameter products: what to multiply.
  /// - Throws: `RuntimeError` if there is no memory to read.
  package init(of stream: Stream, products: MachineLimits.Products) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: self = .processor(try MachineProbe(of: stream, products: products))
    case .cuda, .metax: self = .gpu(try GPUProbe(of: stream, products: products), products)
    }
  }

  /// Measures both; takes about a tenth of a second.
  package func measure() throws(RuntimeError) -> MachineLimits {
    switch self {
    case .processor(let probe): return probe.measure()
    case .gpu(let probe, let products):
      let (bandwidth, operations) = try probe.measure()
      return MachineLimits(bandwidth: bandwidth, operations: operations, products: products)
    }
  }
}
