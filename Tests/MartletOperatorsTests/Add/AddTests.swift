import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct AddTests {
  @Test(arguments: try Golden.cases("add"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let a = try golden.input("a", 0, on: stream.runtime)
    let b = try golden.input("b", 1, on: stream.runtime)
    let out = try golden.output(on: stream.runtime)
    if golden.name == "column-major" {
      expectRefusal("Add", "a") { _ = try Add(a.tensor, b.tensor, into: out.tensor) }
    }
    try Add(rows(a, stream), rows(b, stream), into: out.tensor).run(on: stream)
    try golden.expectMatch(out)
  }

  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for dtype in floatTypes {
      for (rows, width) in [(1, 1), (3, 15), (2, 17), (70, 511), (0, 8), (5, 0)] {
        try expectAgreement(on: machine, levels: 0, "\(dtype.name) [\(rows), \(width)]") { stream in
          let shape: Shape = [rows, width]
          let values = Generator(1).uniform(count: rows * width)
          let a = try GuardedTensor(values, shape, dtype, strides: [width + 3, 1], on: stream.runtime)
          let b = try GuardedTensor(
            values.map { $0 * 0.3 }, shape, dtype, strides: [width + 5, 1], on: stream.runtime)
          let out = try GuardedTensor(shape, dtype, strides: [width + 7, 1], on: stream.runtime)
          try Add(a.tensor, b.tensor, into: out.tensor).run(on: stream)
          return [out]
        }
      }
    }
  }

  @Test(arguments: Machine.all)
  func worksInPlaceAndOnEmptyTensors(machine: Machine) throws {
    let stream = try machine.stream()
    let a = try GuardedTensor([1, 2, 3] as [Float], [3, 1], .f16, strides: [2, 1], on: stream.runtime)
    try Add(a.tensor, a.tensor, into: a.tensor).run(on: stream)
    #expect(try a.values() == [2, 4, 6])
    for shape: Shape in [[0], [0, 5], [2, 0, 5], [3, 2, 0]] {
      let empty = try GuardedTensor(shape, .f32, on: stream.runtime)
      try Add(empty.tensor, empty.tensor, into: empty.tensor).run(on: stream)
      empty.expectMarginsUntouched()
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let good = try Tensor([4, 6], .f32, on: stream.runtime)
    let half = try Tensor([4, 6], .f16, on: stream.runtime)
    let other = try Tensor([6, 4], .f32, on: stream.runtime)
    let columns = try other.permute([1, 0])
    let integers = try Tensor([4, 6], .i32, on: stream.runtime)
    expectRefusal("Add", "a") { _ = try Add(integers, integers, into: integers) }
    expectRefusal("Add", "a") { _ = try Add(columns, good, into: good) }
    expectRefusal("Add", "b") { _ = try Add(good, other, into: good) }
    expectRefusal("Add", "b") { _ = try Add(good, half, into: good) }
    expectRefusal("Add", "b") { _ = try Add(good, columns, into: good) }
    expectRefusal("Add", "out") { _ = try Add(good, good, into: other) }
    expectRefusal("Add", "out") { _ = try Add(good, good, into: half) }
    expectRefusal("Add", "out") { _ = try Add(good, good, into: columns) }
    expectRefusal("Add", "out") { _ = try Add(good, good, into: readOnly([4, 6], .f32)) }
  }

  /// The tensor itself, or a copy without gaps where it has no rows.
  private func rows(_ input: GuardedTensor, _ stream: Stream) throws -> Tensor {
    input.tensor.strides.last == 1 ? input.tensor : try input.tensor.contiguous(on: stream.runtime)
  }
}
