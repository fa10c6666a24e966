import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct RMSNormTests {
  @Test(arguments: try Golden.cases("rms_norm"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let x = try golden.input("x", 0, on: stream.runtime)
    let weight = try golden.input("weight", 1, on: stream.runtime)
    let out = try golden.output(on: stream.runtime)
    let epsilon = try #require(golden.attributes.epsilon)
    try RMSNorm(x.tensor, weight: weight.tensor, epsilon: epsilon, into: out.tensor).run(on: stream)
    try golden.expectMatch(out)
  }

  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for (dtype, weightType) in [(DType.f32, DType.f32), (.f16, .f32), (.bf16, .bf16), (.bf16, .f32), (.f32, .f16)] {
      for (rows, width) in [(1, 1), (3, 15), (40, 576), (0, 8), (5, 0)] {
        let levels = dtype == .f32 ? 1e-6 : dtype == .f16 ? 0x1p-10 : 0x1p-7
        try expectAgreement(on: machine, levels: levels, "\(dtype.name) [\(rows), \(width)]") { stream in
          let x = try GuardedTensor(
            Generator(3).uniform(count: rows * width), [rows, width], dtype, strides: [width + 3, 1],
            on: stream.runtime)
          let weight = try GuardedTensor(Generator(4).uniform(count: width), [width], weightType, on: stream.runtime)
          let out = try GuardedTensor([rows, width], dtype, strides: [width + 7, 1], on: stream.runtime)
          try RMSNorm(x.tensor, weight: weight.tensor, epsilon: 1e-5, into: out.tensor).run(on: stream)
          return [out]
        }
      }
    }
  }

  /// The normalised value is rounded to the type before the weight multiplies it, as in transformers.
  @Test(arguments: Machine.all)
  func roundsBeforeTheWeight(machine: Machine) throws {
    let stream = try machine.stream()
    let values = Generator(5).uniform(count: 96)
    let x = try GuardedTensor(values, [1, 96], .bf16, on: stream.runtime)
    let weight = try GuardedTensor(Generator(6).uniform(count: 96), [96], .f32, on: stream.runtime)
    let out = try GuardedTensor([1, 96], .bf16, on: stream.runtime)
    try RMSNorm(x.tensor, weight: weight.tensor, epsilon: 1e-5, into: out.tensor).run(on: stream)
    let rounded = try x.values()
    let mean = rounded.reduce(0) { $0 + $1 * $1 } / 96
    let expected = try zip(rounded, weight.values()).map { value, weight in
      let normal = BFloat16(Float(value / (mean + 1e-5).squareRoot()))
      return Double(BFloat16(normal.float * Float(weight)).float)
    }
    #expect(try out.values() == expected)
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let good = try Tensor([4, 6], .f32, on: stream.runtime)
    let half = try Tensor([4, 6], .f16, on: stream.runtime)
    let other = try Tensor([6, 4], .f32, on: stream.runtime)
    let columns = try other.permute([1, 0])
    let integers = try Tensor([4, 6], .i32, on: stream.runtime)
    let weight = try Tensor([6], .f32, on: stream.runtime)
    let gaps = try Tensor([6, 2], .f32, on: stream.runtime).slice(1, 0..<1).view([6])
    func plan(_ x: Tensor, _ weight: Tensor, _ out: Tensor) throws {
      _ = try RMSNorm(x, weight: weight, epsilon: 1e-5, into: out)
    }
    expectRefusal("RMSNorm", "x") { try plan(integers, weight, good) }
    expectRefusal("RMSNorm", "x") { try plan(columns, weight, good) }
    expectRefusal("RMSNorm", "x") { try plan(Tensor([], .f32, on: stream.runtime), weight, good) }
    expectRefusal("RMSNorm", "weight") { try plan(good, Tensor([6], .i32, on: stream.runtime), good) }
    expectRefusal("RMSNorm", "weight") { try plan(good, Tensor([5], .f32, on: stream.runtime), good) }
    expectRefusal("RMSNorm", "weight") { try plan(good, gaps, good) }
    expectRefusal("RMSNorm", "out") { try plan(good, weight, other) }
    expectRefusal("RMSNorm", "out") { try plan(good, weight, half) }
    expectRefusal("RMSNorm", "out") { try plan(good, weight, columns) }
    expectRefusal("RMSNorm", "out") { try plan(good, weight, readOnly([4, 6], .f32)) }
  }
}
