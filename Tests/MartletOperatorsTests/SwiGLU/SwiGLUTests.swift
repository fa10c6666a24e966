import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct SwiGLUTests {
  @Test(arguments: try Golden.cases("swiglu"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let gate = try golden.input("gate", 0, on: stream.runtime)
    let up = try golden.input("up", 1, on: stream.runtime)
    let out = try golden.output(on: stream.runtime)
    let rows = gate.tensor.strides.last == 1 ? gate.tensor : try gate.tensor.contiguous(on: stream.runtime)
    try SwiGLU(gate: rows, up: up.tensor, into: out.tensor).run(on: stream)
    try golden.expectMatch(out)
  }

  /// Gate and up are halves of one wide matrix, as models have them; rows longer than a piece of work.
  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for dtype in floatTypes {
      for (rows, width) in [(1, 1), (3, 15), (1, 1025), (9, 2100), (0, 8), (5, 0)] {
        // A last-place difference of an exponential can turn a rounding to the type: one unit of it.
        let levels = dtype == .f32 ? 1e-6 : dtype == .f16 ? 0x1p-10 : 0x1p-7
        try expectAgreement(on: machine, levels: levels, "\(dtype.name) [\(rows), \(width)]") { stream in
          let both = try GuardedTensor(
            Generator(2).uniform(count: rows * 2 * width, scale: 8), [rows, 2 * width], dtype,
            strides: [2 * width + 3, 1], on: stream.runtime)
          let out = try GuardedTensor([rows, width], dtype, strides: [width + 7, 1], on: stream.runtime)
          try SwiGLU(
            gate: both.tensor.slice(1, 0..<width), up: both.tensor.slice(1, width..<2 * width), into: out.tensor
          ).run(on: stream)
          return [out]
        }
      }
    }
  }

  /// The activated gate is rounded to the type before it is multiplied, as in transformers.
  @Test(arguments: Machine.all)
  func roundsBeforeTheProduct(machine: Machine) throws {
    let stream = try machine.stream()
    let gate = try GuardedTensor(Generator(22).uniform(count: 500, scale: 4), [500], .bf16, on: stream.runtime)
    let up = try GuardedTensor(Generator(23).uniform(count: 500, scale: 4), [500], .bf16, on: stream.runtime)
    let out = try GuardedTensor([500], .bf16, on: stream.runtime)
    try SwiGLU(gate: gate.tensor, up: up.tensor, into: out.tensor).run(on: stream)
    let expected = try zip(gate.values(), up.values()).map { gate, up in
      let activated = BFloat16(Float(gate / (1 + exponential(-gate))))
      return Double(BFloat16(activated.float * Float(up)).float)
    }
    #expect(try out.values() == expected)
  }

  /// Gates so large that the exponential overflows or vanishes.
  @Test(arguments: Machine.all)
  func extremeGates(machine: Machine) throws {
    let stream = try machine.stream()
    let gates: [Float] = [-1e30, -200, -89, -88, 0, 88, 89, 200, 1e30]
    let gate = try GuardedTensor(gates, [9], .f32, on: stream.runtime)
    let up = try GuardedTensor([Float](repeating: 1, count: 9), [9], .f32, on: stream.runtime)
    let out = try GuardedTensor([9], .f32, on: stream.runtime)
    try SwiGLU(gate: gate.tensor, up: up.tensor, into: out.tensor).run(on: stream)
    let values = try out.values()
    for (value, gate) in zip(values, gates) {
      #expect(gate >= 0 ? value == Double(gate) : value <= 0 && value > -1e-35, "silu(\(gate)) = \(value)")
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let good = try Tensor([4, 6], .f32, on: stream.runtime)
    let half = try Tensor([4, 6], .bf16, on: stream.runtime)
    let other = try Tensor([6, 4], .f32, on: stream.runtime)
    let columns = try other.permute([1, 0])
    let integers = try Tensor([4, 6], .i64, on: stream.runtime)
    expectRefusal("SwiGLU", "gate") { _ = try SwiGLU(gate: integers, up: integers, into: integers) }
    expectRefusal("SwiGLU", "gate") { _ = try SwiGLU(gate: columns, up: good, into: good) }
    expectRefusal("SwiGLU", "up") { _ = try SwiGLU(gate: good, up: other, into: good) }
    expectRefusal("SwiGLU", "up") { _ = try SwiGLU(gate: good, up: half, into: good) }
    expectRefusal("SwiGLU", "up") { _ = try SwiGLU(gate: good, up: columns, into: good) }
    expectRefusal("SwiGLU", "out") { _ = try SwiGLU(gate: good, up: good, into: other) }
    expectRefusal("SwiGLU", "out") { _ = try SwiGLU(gate: good, up: good, into: half) }
    expectRefusal("SwiGLU", "out") { _ = try SwiGLU(gate: good, up: good, into: columns) }
    expectRefusal("SwiGLU", "out") { _ = try SwiGLU(gate: good, up: good, into: readOnly([4, 6], .f32)) }
  }
}
