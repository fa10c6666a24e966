import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct RearrangeTests {
  @Test(arguments: try Golden.cases("rearrange"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let x = try golden.input("x", 0, on: stream.runtime)
    let out = try golden.output(on: stream.runtime)
    try Rearrange(x.tensor, into: out.tensor).run(on: stream)
    try golden.expectMatch(out)
  }

  /// Random orders of dimensions on both sides, padded, with elements of 2, 4 and 8 bytes.
  @Test(arguments: Machine.all)
  func copiesAnyLayout(machine: Machine) throws {
    let extents = [3, 1, 5, 33, 2]
    for seed in 0..<12 as Range<UInt64> {
      let dtype = [DType.f16, .i32, .i64][Int(seed % 3)]
      let count = extents.reduce(1, *)
      let values = (0..<count).map { $0 + 1 }
      try expectAgreement(on: machine, levels: 0, "seed \(seed)") { stream in
        let (from, to) = (strides(extents, 2 * seed), strides(extents, 2 * seed + 1))
        let x =
          dtype == .f16
          ? try GuardedTensor(values.map { Float($0) }, Shape(extents), dtype, strides: from, on: stream.runtime)
          : try GuardedTensor(values, Shape(extents), dtype, strides: from, on: stream.runtime)
        let out = try GuardedTensor(Shape(extents), dtype, strides: to, on: stream.runtime)
        try Rearrange(x.tensor, into: out.tensor).run(on: stream)
        #expect(out.bits == x.bits)
        return [out]
      }
    }
  }

  /// Strides that lay the dimensions out in a random order, with a gap of one element after some of them.
  private func strides(_ extents: [Int], _ seed: UInt64) -> Dimensions {
    let generator = Generator(seed)
    var result = [Int](repeating: 0, count: extents.count)
    var stride = 1
    for dimension in generator.shuffled(extents.count) {
      result[dimension] = stride
      stride = stride * extents[dimension] + generator.below(100 + dimension, 2)
    }
    return Dimensions(result)
  }

  @Test(arguments: Machine.all)
  func emptyAndScalar(machine: Machine) throws {
    let stream = try machine.stream()
    for shape: Shape in [[0], [4, 0, 3], [0, 0]] {
      let x = try GuardedTensor(shape, .f32, on: stream.runtime)
      let out = try GuardedTensor(shape, .f32, on: stream.runtime)
      try Rearrange(x.tensor, into: out.tensor).run(on: stream)
      out.expectMarginsUntouched()
    }
    let x = try GuardedTensor([7 as Float], [], .f32, on: stream.runtime)
    let out = try GuardedTensor([], .f32, on: stream.runtime)
    try Rearrange(x.tensor, into: out.tensor).run(on: stream)
    #expect(try out.values() == [7])
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let good = try Tensor([4, 32], .f32, on: stream.runtime)
    let blocks = try Tensor([4, 32], .q8_0, on: stream.runtime)
    expectRefusal("Rearrange", "out") {
      _ = try Rearrange(good, into: Tensor([32, 4], .f32, on: stream.runtime))
    }
    expectRefusal("Rearrange", "out") { _ = try Rearrange(good, into: Tensor([4, 32], .i32, on: stream.runtime)) }
    expectRefusal("Rearrange", "out") { _ = try Rearrange(good, into: readOnly([4, 32], .f32)) }
    expectRefusal("Rearrange", "x") { _ = try Rearrange(blocks, into: blocks) }
  }
}
