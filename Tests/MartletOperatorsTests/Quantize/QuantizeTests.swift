import FoundationEssentials
import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// Encoding in blocks against ggml's quantisers, whose errors `scripts/goldens/quantize.py` measured.
@Suite struct QuantizeTests {
  struct Reference: Decodable, Sendable, CustomTestStringConvertible {
    let type: String
    let distribution: String
    let rmse: Double
    var testDescription: String { "\(type) \(distribution)" }
  }

  private struct File: Decodable {
    let weights: String
    let errors: [Reference]
  }

  private static let file = try? JSONDecoder().decode(File.self, from: Golden.data("quantize"))
  private static let shape: Shape = [64, 256]

  /// The weights of a distribution, as the script makes them.
  private static func weights(_ distribution: String) throws -> [Float] {
    if distribution == "smollm2" {
      let bytes = try #require(file.flatMap { Data(base64Encoded: $0.weights) })
      return stride(from: 0, to: bytes.count, by: 2).map {
        BFloat16(bits: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8).float
      }
    }
    let streams = (0..<4).map { Generator(900 + $0).uniform(count: shape[0] * shape[1]) }
    return streams[0].indices.map { index in
      let (a, b, c, d) = (streams[0][index], streams[1][index], streams[2][index], streams[3][index])
      return switch distribution {
      case "bell": (a + b) + (c + d)
      case "heavy": (a * b) * c
      case "offset": a * 0.125 + 0.5
      default: a
      }
    }
  }

  private static func encode(
    _ values: [Float], _ shape: Shape, _ from: DType = .f32, as type: DType, on stream: Stream
  ) throws -> (outcome: Quantize.Outcome, out: Tensor) {
    let x = try GuardedTensor(values, shape, from, on: stream.runtime)
    let out = try Tensor(shape, type, on: stream.runtime)
    return (try Quantize(x.tensor, into: out).run(on: stream), out)
  }

  private static func decode(_ tensor: Tensor, on stream: Stream) throws -> [Float] {
    let out = try Tensor(tensor.shape, .f32, on: stream.runtime)
    try Convert(tensor, into: out).run(on: stream)
    return try out.hostValues(on: stream.runtime).map { Float($0) }
  }

  private static func bytes(_ tensor: Tensor) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount))
  }

  @Test func everyTypeIsThere() throws {
    #expect(Set(try #require(Self.file).errors.map(\.type)) == Set(QuantizedWeights.types.map(\.name)))
  }

  @Test(arguments: file?.errors ?? [])
  func errorsAreNoLargerThanThoseOfGGML(_ reference: Reference) throws {
    let stream = try Stream(on: Runtime(.cpu))
    let type = try #require(DType.allCases.first { $0.name == reference.type })
    let weights = try Self.weights(reference.distribution)
    let (outcome, out) = try Self.encode(weights, Self.shape, as: type, on: stream)
    #expect(outcome == .done)
    let error = Self.error(try Self.decode(out, on: stream), weights)
    #expect(error <= 1.001 * reference.rmse, "\(error / reference.rmse) of the reference's")
  }

  /// The loops are not chosen by instruction set, but the conversion of the input is.
  @Test(arguments: Machine.all)
  func bytesDependOnNothingElse(machine: Machine) throws {
    let weights = try Self.weights("heavy")
    for type in QuantizedWeights.types + floatTypes {
      for from in floatTypes {
        let expected = try Self.encode(weights, Self.shape, from, as: type, on: machine.scalar.stream(threads: 1)).out
        for threads in threadCounts {
          let found = try Self.encode(weights, Self.shape, from, as: type, on: machine.stream(threads: threads)).out
          #expect(Self.bytes(found) == Self.bytes(expected), "\(from.name) to \(type.name), \(threads) threads")
        }
      }
    }
  }

  private static func error(_ found: [Float], _ expected: [Float]) -> Double {
    let squares = zip(found, expected).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
    return (squares / Double(expected.count)).squareRoot()
  }

  /// What was quantised once nearly keeps its values in the same type: a second time costs little beside the first.
  @Test(arguments: QuantizedWeights.types)
  func blocksComeBack(_ type: DType) throws {
    let stream = try Stream(on: Runtime(.cpu))
    let weights = try Self.weights("bell")
    let first = try Self.encode(weights, Self.shape, as: type, on: stream).out
    let values = try Self.decode(first, on: stream)
    let again = try Tensor(Self.shape, type, on: stream.runtime)
    #expect(try Quantize(first, into: again).run(on: stream) == .done)
    let share = Self.error(try Self.decode(again, on: stream), values) / Self.error(values, weights)
    #expect(share < 0.25, "\(share)")
  }

  /// Groups in which a search has nothing to look for.
  @Test(arguments: QuantizedWeights.types)
  func plainGroups(_ type: DType) throws {
    let stream = try Stream(on: Runtime(.cpu))
    func expect(_ values: [Float], within tolerance: Float, _ label: String) throws {
      let (outcome, out) = try Self.encode(values, [values.count / 256, 256], as: type, on: stream)
      #expect(outcome == .done, "\(label)")
      let worst = zip(try Self.decode(out, on: stream), values).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= tolerance, "\(label): \(worst)")
    }
    func fill(_ value: Float) -> [Float] { [Float](repeating: value, count: 512) }
    try expect(fill(0), within: 0, "zeros")
    try expect(fill(-0.0), within: 0, "negative zeros")
    for value in [Float(1), -1, 0.3, -0.3, 1000, -1000] {
      try expect(fill(value), within: abs(value) / 500, "\(value)")
    }
    for value in [Float.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-20, 1e-9] {
      try expect(fill(value), within: value, "\(value)")
      try expect(fill(-value), within: value, "-\(value)")
    }
    var single = fill(0)
    single[300] = 2
    try expect(single, within: 0.01, "a single one")
    var last = fill(0)
    last[511] = -2
    try expect(last, within: 0.01, "the last one")
    // One group of a block much larger than the others, which keep their share of the smallest scale.
    var uneven = Generator(5).uniform(count: 512, scale: 0.0625)
    uneven[40] = 64
    try expect(uneven, within: type == .q8_0 ? 0.3 : 4.5, "an outlier")
  }

  @Test(arguments: QuantizedWeights.types + floatTypes)
  func whatIsNoNumberIsTold(_ type: DType) throws {
    let stream = try Stream(on: Runtime(.cpu))
    for bad in [Float.nan, -.nan, .infinity, -.infinity] {
      for place in [0, 255, 256 * 5 + 100, 256 * 8 - 1] {
        var values = Generator(6).uniform(count: 256 * 8)
        values[place] = bad
        let outcome = try Self.encode(values, [8, 256], as: type, on: stream).outcome
        #expect(outcome == .notFinite(row: place / 256), "\(bad) at \(place)")
      }
    }
  }

  @Test(arguments: QuantizedWeights.types + [.f16])
  func whatIsTooLargeIsTold(_ type: DType) throws {
    let stream = try Stream(on: Runtime(.cpu))
    for bad in [Float.greatestFiniteMagnitude, -1e30, 1e12] {
      var values = Generator(6).uniform(count: 256 * 8)
      values[256 * 3 + 7] = bad
      values[256 * 6 + 7] = bad
      #expect(try Self.encode(values, [8, 256], as: type, on: stream).outcome == .tooLarge(row: 3), "\(bad)")
    }
  }

  @Test func halvesEndWhereTheyEnd() throws {
    let stream = try Stream(on: Runtime(.cpu))
    for (value, type, isFine) in [
      (Float(65_519.9), DType.f16, true), (65_520, .f16, false), (-65_520, .f16, false), (1e38, .bf16, true),
      (Float(bitPattern: 0x7f7f_7fff), .bf16, true), (Float(bitPattern: 0x7f7f_8000), .bf16, false),
      (.greatestFiniteMagnitude, .f32, true),
    ] {
      let outcome = try Self.encode([0, value, 1], [1, 3], as: type, on: stream).outcome
      #expect((outcome == .done) == isFine, "\(value) as \(type.name)")
    }
  }

  @Test func refusesWhatItCannotDo() throws {
    let runtime = try Runtime(.cpu)
    let x = try Tensor([2, 256], .f32, on: runtime)
    #expect(throws: OperatorError.self) { try Quantize(x, into: Tensor([2, 128], .q8_0, on: runtime)) }
    #expect(throws: OperatorError.self) { try Quantize(x, into: Tensor([2, 256], .i32, on: runtime)) }
    #expect(throws: OperatorError.self) {
      try Quantize(Tensor([2, 256], .i64, on: runtime), into: Tensor([2, 256], .q8_0, on: runtime))
    }
  }
}
