import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct AddRMSNormTests {
  /// The fused form gives the bits of its two parts.
  @Test(arguments: Machine.all)
  func equalsItsParts(machine: Machine) throws {
    for dtype in floatTypes {
      for (rows, width) in [(1, 1), (3, 15), (2, 17), (40, 576), (0, 8), (5, 0)] {
        let levels = dtype == .f32 ? 1e-6 : dtype == .f16 ? 0x1p-10 : 0x1p-7
        let label = "\(dtype.name) [\(rows), \(width)]"
        func inputs(_ stream: Stream) throws -> (x: GuardedTensor, residual: GuardedTensor, weight: GuardedTensor) {
          (
            try GuardedTensor(
              Generator(7).uniform(count: rows * width), [rows, width], dtype, strides: [width + 3, 1],
              on: stream.runtime),
            try GuardedTensor(
              Generator(8).uniform(count: rows * width, scale: 4), [rows, width], dtype, strides: [width + 5, 1],
              on: stream.runtime),
            try GuardedTensor(Generator(9).uniform(count: width), [width], dtype, on: stream.runtime)
          )
        }
        func fused(_ stream: Stream) throws -> [GuardedTensor] {
          let (x, residual, weight) = try inputs(stream)
          let out = try GuardedTensor([rows, width], dtype, strides: [width + 7, 1], on: stream.runtime)
          try AddRMSNorm(x.tensor, residual: residual.tensor, weight: weight.tensor, epsilon: 1e-6, into: out.tensor)
            .run(on: stream)
          return [residual, out]
        }
        try expectAgreement(on: machine, levels: levels, label, fused)
        let stream = try machine.stream()
        let results = try fused(stream)
        let (x, residual, weight) = try inputs(stream)
        let out = try GuardedTensor([rows, width], dtype, on: stream.runtime)
        try Add(residual.tensor, x.tensor, into: residual.tensor).run(on: stream)
        try RMSNorm(residual.tensor, weight: weight.tensor, epsilon: 1e-6, into: out.tensor).run(on: stream)
        #expect(results[0].bits == residual.bits, "\(label)")
        #expect(results[1].bits == out.bits, "\(label)")
      }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let good = try Tensor([4, 6], .f32, on: stream.runtime)
    let half = try Tensor([4, 6], .f16, on: stream.runtime)
    let other = try Tensor([6, 4], .f32, on: stream.runtime)
    let columns = try other.permute([1, 0])
    let integers = try Tensor([4, 6], .i32, on: stream.runtime)
    let weight = try Tensor([6], .f32, on: stream.runtime)
    func plan(_ x: Tensor, _ residual: Tensor, _ weight: Tensor, _ out: Tensor) throws {
      _ = try AddRMSNorm(x, residual: residual, weight: weight, epsilon: 1e-5, into: out)
    }
    expectRefusal("AddRMSNorm", "x") { try plan(integers, good, weight, good) }
    expectRefusal("AddRMSNorm", "x") { try plan(columns, good, weight, good) }
    expectRefusal("AddRMSNorm", "x") { try plan(Tensor([], .f32, on: stream.runtime), good, weight, good) }
    expectRefusal("AddRMSNorm", "residual") { try plan(good, other, weight, good) }
    expectRefusal("AddRMSNorm", "residual") { try plan(good, half, weight, good) }
    expectRefusal("AddRMSNorm", "residual") { try plan(good, columns, weight, good) }
    expectRefusal("AddRMSNorm", "residual") { try plan(good, readOnly([4, 6], .f32), weight, good) }
    expectRefusal("AddRMSNorm", "weight") { try plan(good, good, Tensor([6], .i32, on: stream.runtime), good) }
    expectRefusal("AddRMSNorm", "weight") { try plan(good, good, Tensor([4], .f32, on: stream.runtime), good) }
    expectRefusal("AddRMSNorm", "out") { try plan(good, good, weight, other) }
    expectRefusal("AddRMSNorm", "out") { try plan(good, good, weight, half) }
    expectRefusal("AddRMSNorm", "out") { try plan(good, good, weight, columns) }
    expectRefusal("AddRMSNorm", "out") { try plan(good, good, weight, readOnly([4, 6], .f32)) }
  }
}
