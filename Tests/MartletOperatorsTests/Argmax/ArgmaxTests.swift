import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct ArgmaxTests {
  @Test(arguments: try Golden.cases("argmax"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let x = try golden.input("values", 0, on: stream.runtime)
    let shape = Shape(golden.shape)
    for indexType in [DType.i64, .i32] {
      let index = try GuardedTensor(shape, indexType, on: stream.runtime)
      let value = try golden.output(on: stream.runtime)
      try Argmax(x.tensor, index: index.tensor, value: value.tensor).run(on: stream)
      try golden.expectMatch(value)
      index.expectMarginsUntouched()
      #expect(try index.values() == golden.expectedIndices?.map { Double($0) })
    }
  }

  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for dtype in floatTypes {
      for (rows, width) in [(1, 1), (5, 15), (2, 17), (90, 500), (0, 8)] {
        try expectAgreement(on: machine, levels: 0, "\(dtype.name) [\(rows), \(width)]") { stream in
          let x = try GuardedTensor(
            Generator(10).uniform(count: rows * width), [rows, width], dtype, strides: [width + 3, 1],
            on: stream.runtime)
          let index = try GuardedTensor([rows], .i64, on: stream.runtime)
          let value = try GuardedTensor([rows], dtype, on: stream.runtime)
          try Argmax(x.tensor, index: index.tensor, value: value.tensor).run(on: stream)
          return [index, value]
        }
      }
    }
  }

  /// Rows and the position that `torch.argmax` gives for them.
  static let corners: [(row: [Float], position: Int)] = [
    ([-.infinity, -.infinity, -.infinity], 0),
    ([-.infinity, -1e38, -.infinity], 1),
    ([.nan, .infinity], 0),
    ([.infinity, .nan, .nan], 1),
    ([1, .nan, 2, .nan], 1),
    ([0, -0.0], 0),
    ([-0.0, 0], 0),
    ([-1, -0.0, 0], 1),
    ([-3, -2, -2], 1),
    ([.nan], 0),
    ([-(.nan), 1], 0),
  ]

  /// Ties go to the first, NaN wins, wherever in a register or in the tail they are.
  @Test(arguments: Machine.all)
  func tiesAndNaN(machine: Machine) throws {
    let stream = try machine.stream()
    for dtype in floatTypes {
      for (row, position) in Self.corners {
        for (before, after) in [(0, 0), (0, 40), (15, 1), (16, 16), (31, 30), (100, 3)] {
          let low: Float = row.contains { $0 > -.infinity || $0.isNaN } ? -10_000 : -.infinity
          let values =
            [Float](repeating: low, count: before) + row.map { $0 == -1e38 ? -5_000 : $0 }
            + [Float](repeating: low, count: after)
          let x = try GuardedTensor(values, [values.count], dtype, on: stream.runtime)
          let index = try GuardedTensor([1], .i64, on: stream.runtime)
          let value = try GuardedTensor([1], dtype, on: stream.runtime)
          try Argmax(x.tensor, index: index.tensor, value: value.tensor).run(on: stream)
          // Where everything is -infinity, the first element of all is the first of the largest.
          let expected = low == -.infinity ? 0 : before + position
          #expect(try index.values() == [Double(expected)], "\(dtype.name) \(before) + \(row) + \(after)")
          #expect(value.bits[0] == x.bits[expected], "\(dtype.name) \(before) + \(row) + \(after)")
        }
      }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let x = try Tensor([4, 6], .f32, on: runtime)
    let columns = try Tensor([6, 4], .f32, on: runtime).permute([1, 0])
    let index = try Tensor([4], .i64, on: runtime)
    let value = try Tensor([4], .f32, on: runtime)
    let gapIndex = try Tensor([4, 2], .i64, on: runtime).slice(1, 0..<1).view([4])
    let gapValue = try Tensor([4, 2], .f32, on: runtime).slice(1, 0..<1).view([4])
    func plan(_ x: Tensor, _ index: Tensor, _ value: Tensor) throws { _ = try Argmax(x, index: index, value: value) }
    expectRefusal("Argmax", "x") { try plan(Tensor([4, 6], .i32, on: runtime), index, value) }
    expectRefusal("Argmax", "x") { try plan(Tensor([4, 0], .f32, on: runtime), index, value) }
    expectRefusal("Argmax", "x") { try plan(Tensor([], .f32, on: runtime), index, value) }
    expectRefusal("Argmax", "x") { try plan(columns, index, value) }
    expectRefusal("Argmax", "index") { try plan(x, Tensor([3], .i64, on: runtime), value) }
    expectRefusal("Argmax", "index") { try plan(x, Tensor([4], .f32, on: runtime), value) }
    expectRefusal("Argmax", "index") { try plan(x, gapIndex, value) }
    expectRefusal("Argmax", "index") { try plan(x, readOnly([4], .i64), value) }
    expectRefusal("Argmax", "value") { try plan(x, index, Tensor([4, 1], .f32, on: runtime)) }
    expectRefusal("Argmax", "value") { try plan(x, index, Tensor([4], .f16, on: runtime)) }
    expectRefusal("Argmax", "value") { try plan(x, index, gapValue) }
    expectRefusal("Argmax", "value") { try plan(x, index, readOnly([4], .f32)) }
  }
}
