import MartletOperators
import MartletTensor
import Testing

/// The greatest relative error of `found`: |found - expected| / max(|expected|, scale), where the scale is the root mean
/// square of the expected numbers unless given, so that numbers near zero among large ones count as they should.
/// Infinite where one is NaN.
func relativeError(_ found: [Double], _ expected: [Double], scale: Double? = nil) -> Double {
  guard found.count == expected.count else { return .infinity }
  let squares = expected.reduce(0) { $0 + $1 * $1 }
  let scale = max(scale ?? (squares / Double(max(1, expected.count))).squareRoot(), .leastNormalMagnitude)
  return zip(found, expected).reduce(0) { worst, pair in
    let error = abs(pair.0 - pair.1) / max(abs(pair.1), scale)
    return error.isNaN ? .infinity : max(worst, error)
  }
}

/// The relative error that is allowed against a float64 reference: a few roundings of the type.
func tolerance(_ dtype: DType) -> Double {
  switch dtype {
  case .f16: 1e-3
  case .bf16: 1e-2
  default: 1e-5
  }
}

/// The three types that activations come in.
let floatTypes: [DType] = [.f32, .f16, .bf16]

/// Expects numbers to be within a relative error.
func expectClose(
  _ found: [Double], _ expected: [Double], within tolerance: Double, _ label: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  let error = relativeError(found, expected)
  #expect(error <= tolerance, "\(label): relative error \(error)", sourceLocation: sourceLocation)
}

/// Expects a plan to be refused with an error that names the operator and the argument.
func expectRefusal(
  _ operatorName: String, _ argument: String, sourceLocation: SourceLocation = #_sourceLocation,
  _ makePlan: () throws -> Void
) {
  do {
    try makePlan()
    Issue.record("\(operatorName) took a wrong \(argument)", sourceLocation: sourceLocation)
  } catch let error as OperatorError {
    #expect(error.operatorName == operatorName, sourceLocation: sourceLocation)
    #expect(error.argument == argument, "\(error)", sourceLocation: sourceLocation)
    #expect(error.description.contains(error.expected), sourceLocation: sourceLocation)
  } catch {
    Issue.record("\(operatorName) threw \(error) instead of an OperatorError", sourceLocation: sourceLocation)
  }
}
