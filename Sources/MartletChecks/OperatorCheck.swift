package import MartletRuntime
internal import MartletTensor

/// One operator on one set of inputs: the same on a device and on its reference must give the same.
///
/// The tables are data for `martlet doctor` and for the tests alike, so that every user's machine can be held to what
/// the tests hold theirs to.
package struct OperatorCheck: Sendable, CustomStringConvertible {
  /// `RMSNorm`.
  package let operatorName: String
  /// What the inputs are: `bf16 × f32 [3, 576]`.
  package let label: String
  /// The greatest relative error, against the larger of the number and the root mean square of all; 0 asks for equal
  /// bytes.
  let tolerance: Double
  /// Makes the inputs, runs the operator, gives what it left.
  let run: @Sendable (CheckStage) throws -> [CheckOutput]

  package var description: String { "\(operatorName) \(label)" }

  /// All checks of all operators.
  package static let all: [OperatorCheck] =
    rowChecks + sampleChecks + copyChecks + rotationChecks + linearChecks + fusedChecks + attentionChecks
    + invarianceChecks

  /// Compares a device with its reference.
  /// - Returns: what is wrong, nil if nothing is.
  package func failure(on stream: Stream, reference: Stream) -> String? {
    do {
      let found = try run(CheckStage(stream))
      let expected = try run(CheckStage(reference))
      return zip(found, expected).lazy.compactMap { compare($0, $1) }.first
    } catch {
      return "\(error)"
    }
  }

  private func compare(_ found: CheckOutput, _ expected: CheckOutput) -> String? {
    if let byte = found.spoiledAt { return "wrote beside its output, at byte \(byte)" }
    if tolerance == 0 {
      let place = zip(found.bytes, expected.bytes).enumerated().first { $1.0 != $1.1 }?.offset
      return place.map { "differs from the reference at element \($0 / found.dtype.blockBytes)" }
    }
    let (numbers, wanted) = (found.numbers, expected.numbers)
    let finite = wanted.filter(\.isFinite)
    let scale = (finite.reduce(0) { $0 + $1 * $1 } / Double(max(1, finite.count))).squareRoot()
    var worst = (error: 0.0, place: 0)
    for (place, pair) in zip(numbers, wanted).enumerated() {
      let error = Self.error(pair.0, pair.1, scale: scale)
      if error > worst.error { worst = (error, place) }
    }
    guard worst.error > tolerance else { return nil }
    return "element \(worst.place) is \(numbers[worst.place]) instead of \(wanted[worst.place]): relative error "
      + "\(Float(worst.error)), allowed \(Float(tolerance))"
  }

  private static func error(_ found: Double, _ expected: Double, scale: Double) -> Double {
    if found == expected || (found.isNaN && expected.isNaN) { return 0 }
    guard found.isFinite, expected.isFinite else { return .infinity }
    return abs(found - expected) / max(abs(expected), scale, .leastNormalMagnitude)
  }

  /// What one rounding that went the other way costs in a type, or the order of additions in f32.
  static func rounding(_ dtype: DType) -> Double {
    switch dtype {
    case .f16: 0x1.2p-10
    case .bf16: 0x1.2p-7
    default: 1e-5
    }
  }

  static let floatTypes: [DType] = [.f32, .f16, .bf16]
  static let blockTypes = DType.allCases.filter(\.isQuantized)
}

extension OperatorCheck {
  /// The stream on which a device is checked, never the default one, and the one that it is compared with: the processor
  /// for a GPU, plain loops for the processor.
  package static func streams(for device: Device) throws(RuntimeError) -> (stream: Stream, reference: Stream) {
    let host = try Runtime(.cpu)
    switch device.kind {
    case .cpu: return (try Stream(on: host), try Stream(on: host, instructionSet: InstructionSet(named: "scalar")))
    case .cuda, .metax: return (try Stream(on: Runtime(device)), try Stream(on: host))
    }
  }
}
