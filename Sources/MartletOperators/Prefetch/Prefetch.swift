package import MartletRuntime

/// Says which weights the next matrix product reads, so that what waits meanwhile can bring them nearer. It changes no
/// result.
///
/// On the processor, threads that wait fill their second cache: see ``ThreadPool/expect(_:count:unitBytes:grain:)``.
package struct Prefetch: Operator {
  let weight: PackedWeight
  let rows: Int

  /// - Parameter rows: how many rows the product has.
  package init(_ weight: PackedWeight, rows: Int) {
    self.weight = weight
    self.rows = rows
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: runOnGPU()
    }
  }
}

extension [any Operator] {
  /// These operators, which make up a step, with a ``Prefetch`` before every product that names the product after it; after
  /// the last comes the first of the next step.
  package func withPrefetches() -> [any Operator] {
    var upcoming = lazy.compactMap(Prefetch.init(of:)).first
    var reversed: [any Operator] = []
    for step in self.reversed() {
      reversed.append(step)
      guard let prefetch = Prefetch(of: step) else { continue }
      if let upcoming { reversed.append(upcoming) }
      upcoming = prefetch
    }
    return reversed.reversed()
  }
}

extension Prefetch {
  /// What announces `step`, if that is a product with packed weights.
  fileprivate init?(of step: any Operator) {
    guard let linear = step as? Linear, case .packed(let weight) = linear.weight else { return nil }
    self.init(weight, rows: linear.x.count)
  }
}
