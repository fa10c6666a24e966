import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct RoPETests {
  @Test(arguments: try Golden.cases("rope"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let x = try golden.input("x", 0, on: stream.runtime)
    let list = try #require(golden.attributes.positions)
    let theta = try #require(golden.attributes.theta)
    for type in [DType.i64, .i32] {
      let positions = try GuardedTensor(list, [list.count], type, on: stream.runtime)
      let out = try golden.output(on: stream.runtime)
      try RoPE(x.tensor, positions: positions.tensor, theta: theta, into: out.tensor).run(on: stream)
      try golden.expectMatch(out)
    }
  }

  /// Padded and permuted heads, in place and not.
  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for dtype in floatTypes {
      for (tokens, heads, width) in [(1, 1, 2), (7, 3, 20), (40, 9, 64), (0, 2, 8), (3, 0, 8), (3, 2, 0)] {
        try expectAgreement(on: machine, levels: 0, "\(dtype.name) [\(tokens), \(heads), \(width)]") { stream in
          let shape: Shape = [tokens, heads, width]
          let values = Generator(13).uniform(count: tokens * heads * width)
          let x = try GuardedTensor(
            values, shape, dtype, strides: [width + 1, tokens * (width + 1), 1], on: stream.runtime)
          let positions = try GuardedTensor((0..<tokens).map { $0 * 3 }, [tokens], .i32, on: stream.runtime)
          let out = try GuardedTensor(
            shape, dtype, strides: [heads * (width + 4) + 5, width + 4, 1], on: stream.runtime)
          try RoPE(x.tensor, positions: positions.tensor, theta: 10_000, into: out.tensor).run(on: stream)
          try RoPE(x.tensor, positions: positions.tensor, theta: 10_000, into: x.tensor).run(on: stream)
          #expect(x.bits == out.bits)
          return [x, out]
        }
      }
    }
  }

  /// A table's rows hold the sines and cosines that the plain operator uses: rotating with them gives its bits
  /// (``CacheAppendTests``), and here they are compared with double precision.
  @Test(arguments: Machine.all)
  func tableOfRotations(machine: Machine) throws {
    let list = [0, 1, 2, 77, 4095] + Array(100..<150)
    let frequencies = RotaryFrequencies(theta: 500_000, headDimension: 20)
    try expectAgreement(on: machine, levels: 0) { stream in
      let positions = try GuardedTensor(list, [list.count], .i32, on: stream.runtime)
      let out = try GuardedTensor([list.count, 20], .f32, on: stream.runtime)
      try RotationTable(positions: positions.tensor, frequencies: frequencies, into: out.tensor).run(on: stream)
      var expected: [Double] = []
      for position in list {
        // The angle is formed in f32 by definition.
        let angles = frequencies.values.map { Double(Float(position) * $0) }
        expected += angles.map { cosine($0) } + angles.map { sine($0) }
      }
      expectClose(try out.values(), expected, within: 1e-7)
      return [out]
    }
  }

  /// LLAISYS's angles, `position / theta^(2i/d)` in f32 with one rounding each, compared with double precision after them.
  @Test(arguments: Machine.all)
  func quotientAngles(machine: Machine) throws {
    let stream = try machine.stream()
    let (list, width) = ([0, 1, 511, 1023, 70_000], 64)
    let positions = try GuardedTensor(list, [list.count], .i64, on: stream.runtime)
    let values = Generator(14).uniform(count: list.count * width)
    let x = try GuardedTensor(values, [list.count, 1, width], .f32, on: stream.runtime)
    let out = try GuardedTensor([list.count, 1, width], .f32, on: stream.runtime)
    try RoPE(x.tensor, positions: positions.tensor, theta: 10_000, angle: .quotient, into: out.tensor).run(on: stream)
    var expected = values.map { Double($0) }
    for (token, position) in list.enumerated() {
      for pair in 0..<width / 2 {
        let period = Float(power(10_000, Double(Float(2 * pair) / Float(width))))
        let angle = Double(Float(position) / period)
        let (first, second) = (token * width + pair, token * width + pair + width / 2)
        let (a, b) = (expected[first], expected[second])
        expected[first] = a * cosine(angle) - b * sine(angle)
        expected[second] = b * cosine(angle) + a * sine(angle)
      }
    }
    expectClose(try out.values(), expected, within: 1e-6)
  }

  @Test func frequencies() {
    let frequencies = RotaryFrequencies(theta: 10_000, headDimension: 8)
    #expect(frequencies.values == [1, 0.1, 0.01, 0.001])
    let scaled = RotaryFrequencies(theta: 10_000, headDimension: 8, scaling: .factors([1, 2, 4, 8]))
    #expect(scaled.values == zip(frequencies.values, [1, 2, 4, 8]).map { $0 / $1 })
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let x = try Tensor([3, 2, 8], .f32, on: runtime)
    let positions = try Tensor([3], .i64, on: runtime)
    let gapHeads = try Tensor([3, 2, 8, 2], .f32, on: runtime).slice(3, 0..<1).view([3, 2, 8])
    let gapPositions = try Tensor([3, 2], .i64, on: runtime).slice(1, 0..<1).view([3])
    func plan(_ x: Tensor, _ positions: Tensor, _ out: Tensor, theta: Float = 10_000) throws {
      _ = try RoPE(x, positions: positions, theta: theta, into: out)
    }
    expectRefusal("RoPE", "x") { try plan(Tensor([3, 2, 8], .i32, on: runtime), positions, x) }
    expectRefusal("RoPE", "x") { try plan(Tensor([3, 16], .f32, on: runtime), positions, x) }
    expectRefusal("RoPE", "x") { try plan(Tensor([3, 2, 7], .f32, on: runtime), positions, x) }
    expectRefusal("RoPE", "x") { try plan(gapHeads, positions, x) }
    expectRefusal("RoPE", "positions") { try plan(x, Tensor([4], .i64, on: runtime), x) }
    expectRefusal("RoPE", "positions") { try plan(x, Tensor([3], .f32, on: runtime), x) }
    expectRefusal("RoPE", "positions") { try plan(x, gapPositions, x) }
    expectRefusal("RoPE", "out") { try plan(x, positions, Tensor([3, 8, 2], .f32, on: runtime)) }
    expectRefusal("RoPE", "out") { try plan(x, positions, Tensor([3, 2, 8], .f16, on: runtime)) }
    expectRefusal("RoPE", "out") { try plan(x, positions, gapHeads) }
    expectRefusal("RoPE", "out") { try plan(x, positions, readOnly([3, 2, 8], .f32)) }
    for theta in [0, -1, Float.nan, .infinity] {
      expectRefusal("RoPE", "theta") { try plan(x, positions, x, theta: theta) }
    }
  }

  @Test func tableRefusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let positions = try Tensor([3], .i32, on: runtime)
    let out = try Tensor([3, 8], .f32, on: runtime)
    let gapPositions = try Tensor([3, 2], .i32, on: runtime).slice(1, 0..<1).view([3])
    let columns = try Tensor([8, 3], .f32, on: runtime).permute([1, 0])
    func plan(_ positions: Tensor, _ out: Tensor) throws {
      _ = try RotationTable(
        positions: positions, frequencies: RotaryFrequencies(theta: 10_000, headDimension: 8), into: out)
    }
    expectRefusal("RotationTable", "positions") { try plan(Tensor([3, 1], .i32, on: runtime), out) }
    expectRefusal("RotationTable", "positions") { try plan(Tensor([3], .i64, on: runtime), out) }
    expectRefusal("RotationTable", "positions") { try plan(gapPositions, out) }
    expectRefusal("RotationTable", "out") { try plan(positions, Tensor([3, 6], .f32, on: runtime)) }
    expectRefusal("RotationTable", "out") { try plan(positions, Tensor([3, 8], .f16, on: runtime)) }
    expectRefusal("RotationTable", "out") { try plan(positions, columns) }
    expectRefusal("RotationTable", "out") { try plan(positions, readOnly([3, 8], .f32)) }
  }
}
