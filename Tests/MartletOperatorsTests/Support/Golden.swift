import FoundationEssentials
import MartletRuntime
import MartletTensor
import Testing

/// One case of `Goldens/<operator>.json`: what an operator makes of generated inputs, in float64. The file's format and the
/// meaning of its fields are described in `scripts/goldens/operators.py`.
struct Golden: Decodable, Sendable, CustomTestStringConvertible {
  let name: String
  let dtype: String
  let seed: UInt64
  let shapes: [String: [Int]]
  let strides: [String: [Int]]?
  let scales: [String: Float]?
  let attributes: Attributes
  let shape: [Int]
  let indices: [Int]?
  let expected: [Double]
  let expectedIndices: [Int]?
  let rms: Double
  let sum: Double
  let sumAbs: Double
  let tolerance: Double

  /// Whatever operators take beside tensors.
  struct Attributes: Decodable, Sendable {
    let epsilon: Float?
    let positions: [Int]?
    let theta: Float?
    let scale: Float?
  }

  private enum CodingKeys: String, CodingKey {
    case name, dtype, seed, shapes, strides, scales, attributes, shape, indices, expected, rms, sum, tolerance
    case expectedIndices = "expected_indices"
    case sumAbs = "sum_abs"
  }

  private struct File: Decodable {
    let cases: [Golden]
  }

  var testDescription: String { "\(name) \(dtype)" }

  /// The cases of an operator.
  static func cases(_ operatorName: String) throws -> [Golden] {
    try JSONDecoder().decode(File.self, from: data(operatorName)).cases
  }

  /// The contents of a file beside the tests.
  static func data(_ name: String) throws -> Data {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try Data(contentsOf: folder.appending(path: "Goldens/\(name).json"))
  }
}

extension Golden {
  var type: DType { DType.allCases.first { $0.name == dtype } ?? .f32 }

  /// Input number `number` of the operator, guarded.
  func input(_ name: String, _ number: Int, on runtime: Runtime) throws -> GuardedTensor {
    let shape = Shape(try #require(shapes[name]))
    let strides = strides?[name].map { Dimensions($0) } ?? Layout(contiguous: shape).strides
    let generator = Generator(seed &+ UInt64(number))
    let layout = Layout(shape: shape, strides: strides, offset: 0)
    // The draws number the places of the storage, gaps included.
    var values: [Float] = []
    let positions = try Tensor(
      storage: Storage(byteCount: try #require(layout.upperBound) * 4, on: runtime), dtype: .f32, layout: layout)
    positions.forEachElementOffset { values.append(generator.uniform($0, scale: scales?[name] ?? 1)) }
    return try GuardedTensor(values, shape, type, strides: strides, on: runtime)
  }

  /// Where the output goes, poisoned and guarded.
  func output(on runtime: Runtime) throws -> GuardedTensor {
    try GuardedTensor(Shape(shape), type, strides: strides?["out"].map { Dimensions($0) }, on: runtime)
  }

  /// Compares an output with what the file holds: samples within the tolerance, and the sum of everything within what
  /// the tolerance allows for it.
  func expectMatch(_ output: GuardedTensor, sourceLocation: SourceLocation = #_sourceLocation) throws {
    output.expectMarginsUntouched(name, sourceLocation: sourceLocation)
    let values = try output.values()
    let sampled = indices.map { $0.map { values[$0] } } ?? values
    let error = relativeError(sampled, expected, scale: rms)
    // Decimals of f32 have nine digits, which give back any number; those of an exact operator too.
    let rounding = tolerance == 0 ? 1e-8 : 0
    #expect(error <= tolerance + rounding, "relative error \(error)", sourceLocation: sourceLocation)
    let total = values.reduce(0, +)
    let allowed = tolerance * (sumAbs + Double(values.count) * rms) + 1e-9 * sumAbs
    #expect(abs(total - sum) <= allowed, "sum \(total) instead of \(sum)", sourceLocation: sourceLocation)
  }
}
