import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// The plain form of ``Linear``: exact weights, products summed in f32.
@Suite struct LinearTests {
  @Test(arguments: try Golden.cases("linear"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let x = try golden.input("x", 0, on: stream.runtime)
    let weight = try golden.input("weight", 1, on: stream.runtime)
    let bias = golden.shapes["bias"] == nil ? nil : try golden.input("bias", 2, on: stream.runtime)
    let out = try golden.output(on: stream.runtime)
    try Linear(x.tensor, weight: weight.tensor, bias: bias?.tensor, into: out.tensor).run(on: stream)
    try golden.expectMatch(out)
  }

  /// Every type of weight with every type of activation, against double precision.
  @Test(arguments: floatTypes + QuantizedWeights.types, Machine.all)
  func equalsDoublePrecision(type: DType, machine: Machine) throws {
    let (rows, columns) = (19, type.isQuantized ? 768 : 203)
    for dtype in floatTypes {
      for tokens in [0, 1, 5, 16, 37] {
        try expectAgreement(on: machine, levels: max(2e-6, levelTolerance(dtype)), "\(dtype.name) × \(type.name)") {
          stream in
          let problem = try LinearProblem(
            weight: type, rows: rows, columns: columns, activation: dtype, tokens: tokens, bias: true, on: stream)
          let out = try problem.output()
          try Linear(problem.x.tensor, weight: problem.weight, bias: problem.bias?.tensor, into: out.tensor)
            .run(on: stream)
          expectClose(try out.values(), try problem.expected(), within: tolerance(dtype), "\(dtype.name)")
          return [out]
        }
      }
    }
  }

  /// Outputs may have another type than inputs, and biases any.
  @Test(arguments: Machine.all)
  func mixesTypes(machine: Machine) throws {
    let stream = try machine.stream()
    for outType in floatTypes {
      for biasType in floatTypes {
        let problem = try LinearProblem(
          weight: .bf16, rows: 7, columns: 33, activation: .f16, tokens: 3, bias: true, biasType: biasType, on: stream)
        let out = try problem.output(outType)
        try Linear(problem.x.tensor, weight: problem.weight, bias: problem.bias?.tensor, into: out.tensor)
          .run(on: stream)
        expectClose(try out.values(), try problem.expected(), within: tolerance(outType), "\(outType.name)")
      }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    func tensor(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try Tensor(shape, dtype, on: runtime) }
    let (x, weight, bias, out) = (try tensor([3, 32]), try tensor([5, 32]), try tensor([5]), try tensor([3, 5]))
    let packed = try PackedWeight([weight], on: stream)
    let gapBias = try tensor([5, 2]).slice(1, 0..<1).view([5])
    let columns = try tensor([32, 3]).permute([1, 0])
    let outColumns = try tensor([5, 3]).permute([1, 0])
    let weightColumns = try tensor([32, 5]).permute([1, 0])
    func plain(_ weight: Tensor) throws { _ = try Linear(x, weight: weight, bias: bias, into: out) }
    expectRefusal("Linear", "weight") { try plain(tensor([160])) }
    expectRefusal("Linear", "weight") { try plain(tensor([5, 32], .i32)) }
    expectRefusal("Linear", "weight") { try plain(weightColumns) }
    func both(
      _ argument: String, _ x: Tensor, _ bias: Tensor?, _ out: Tensor, sourceLocation: SourceLocation = #_sourceLocation
    ) {
      expectRefusal("Linear", argument, sourceLocation: sourceLocation) {
        _ = try Linear(x, weight: weight, bias: bias, into: out)
      }
      expectRefusal("Linear", argument, sourceLocation: sourceLocation) {
        _ = try Linear(x, weight: packed, bias: bias, into: out)
      }
    }
    both("x", try tensor([3, 32], .i32), bias, out)
    both("x", try tensor([3, 31]), bias, out)
    both("x", try tensor([]), bias, out)
    both("x", columns, bias, out)
    both("bias", x, try tensor([4]), out)
    both("bias", x, try tensor([5], .i32), out)
    both("bias", x, gapBias, out)
    both("out", x, bias, try tensor([3, 6]))
    both("out", x, bias, try tensor([15]))
    both("out", x, bias, try tensor([3, 5], .i32))
    both("out", x, bias, outColumns)
    both("out", x, bias, try readOnly([3, 5], .f32))
  }
}
