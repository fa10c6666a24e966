import CMartletSIMD
import MartletRuntime
import Testing

/// The exponential inside softmax and SwiGLU, against the C library's in double precision.
@Suite struct ExponentialsTests {
  /// The greatest error in units of the last place of the exact result, subnormal ones included: 0.94 was found with
  /// fused sums of products, 1.20 without.
  static let allowedError = 1.5

  @Test(arguments: Machine.all)
  func accuracy(machine: Machine) throws {
    let stream = try machine.stream()
    // Every f32 whose low bits are `residue`, from tiny to the last that does not overflow, both signs.
    var worst = (error: 0.0, at: Float(0))
    for start in stride(from: UInt32(0x3080_0000), to: 0x42d0_0000, by: 1 << 18) {
      let magnitudes = stride(from: start, to: start + (1 << 18), by: 229).map { Float(bitPattern: $0) }
      for sign: Float in [1, -1] {
        let inputs = magnitudes.map { $0 * sign }.filter { $0 < 88.72 }
        var results = inputs
        _ = stream.kernels.pointee.exponentials(&results, 0, results.count)
        for (x, result) in zip(inputs, results) {
          let exact = exponential(Double(x))
          let unit = max(Double(Float(exact).ulp), Double(Float.leastNonzeroMagnitude))
          let error = abs(Double(result) - exact) / unit
          if !(error <= worst.error) { worst = (error, x) }
        }
      }
    }
    #expect(worst.error <= Self.allowedError, "exp(\(worst.at)) is off by \(worst.error) units")
  }

  @Test(arguments: Machine.all)
  func corners(machine: Machine) throws {
    let stream = try machine.stream()
    var values: [Float] = [0, -0.0, -.infinity, -1e30, -104, 89, 1e30, .infinity, .nan]
    _ = stream.kernels.pointee.exponentials(&values, 0, values.count)
    #expect(values[0..<8].elementsEqual([1, 1, 0, 0, 0, .infinity, .infinity, .infinity]))
    #expect(values[8].isNaN)
  }

  /// The sum is that of what was written, whatever the count; nothing beyond it changes.
  @Test(arguments: Machine.all)
  func sums(machine: Machine) throws {
    let stream = try machine.stream()
    for count in [0, 1, 15, 16, 17, 100, 256] {
      var values = Generator(20).uniform(count: count, scale: 8) + [Float](repeating: 7, count: 20)
      let shifted = values.prefix(count).map { exponential(Double($0) - 8) }
      let sum = stream.kernels.pointee.exponentials(&values, 8, count)
      expectClose(values.prefix(count).map { Double($0) }, shifted, within: 1e-6)
      expectClose([Double(sum)], [values.prefix(count).reduce(0) { $0 + Double($1) }], within: 1e-6)
      #expect(values.suffix(20).allSatisfy { $0 == 7 })
    }
  }
}
