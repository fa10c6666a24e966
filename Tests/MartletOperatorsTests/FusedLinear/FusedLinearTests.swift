import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// ``FusedLinear`` on the processor against double precision; `MartletChecks` compares a GPU's kernels with the operators
/// that they stand for.
@Suite struct FusedLinearTests {
  private static let (rows, columns, outputs) = (3, 64, 10)
  private static let epsilon: Float = 1e-5

  private struct Problem {
    let stream: Stream
    let x, gain, weight, bias: [Float]

    init() throws {
      stream = try Machine.all[0].stream()
      x = Generator(1).uniform(count: rows * columns, scale: 2)
      gain = Generator(2).uniform(count: columns)
      weight = Generator(3).uniform(count: outputs * columns)
      bias = Generator(4).uniform(count: outputs)
    }

    func tensor(_ values: [Float], _ shape: Shape) throws -> Tensor {
      try GuardedTensor(values, shape, .f32, on: stream.runtime).tensor
    }

    func run(_ ending: FusedLinear.Ending, into out: Tensor) throws {
      let norm = FusedLinear.Norm(weight: try tensor(gain, [columns]), epsilon: epsilon)
      let packed = try PackedWeight([tensor(weight, [outputs, columns])], on: stream)
      try FusedLinear(
        tensor(x, [rows, columns]), norm: norm, weight: packed, bias: tensor(bias, [outputs]), ending: ending,
        into: out, on: stream.runtime
      ).run(on: stream)
    }

    /// The normalised product with its bias, in double precision.
    var expected: [[Double]] {
      (0..<rows).map { row in
        let values = x[row * columns..<(row + 1) * columns].map(Double.init)
        let mean = values.reduce(0) { $0 + $1 * $1 } / Double(columns)
        let scale = 1 / (mean + Double(epsilon)).squareRoot()
        return (0..<outputs).map { output in
          values.indices.reduce(Double(bias[output])) {
            $0 + values[$1] * scale * Double(gain[$1]) * Double(weight[output * columns + $1])
          }
        }
      }
    }
  }

  @Test func storesAndAdds() throws {
    let problem = try Problem()
    let out = try GuardedTensor([Self.rows, Self.outputs], .f32, on: problem.stream.runtime)
    try problem.run(.stored, into: out.tensor)
    expectClose(try out.values(), problem.expected.flatMap { $0 }, within: 1e-5, "stored")
    try problem.run(.added, into: out.tensor)
    expectClose(try out.values(), problem.expected.flatMap { $0.map { 2 * $0 } }, within: 1e-5, "added")
    out.expectMarginsUntouched()
  }

  @Test func gates() throws {
    let problem = try Problem()
    let half = Self.outputs / 2
    let out = try GuardedTensor([Self.rows, half], .f32, on: problem.stream.runtime)
    try problem.run(.gated, into: out.tensor)
    let expected = problem.expected.flatMap { y in
      (0..<half).map { y[$0] / (1 + exponential(-y[$0])) * y[half + $0] }
    }
    expectClose(try out.values(), expected, within: 1e-5, "gated")
    out.expectMarginsUntouched()
  }

  @Test func chooses() throws {
    let problem = try Problem()
    let runtime = problem.stream.runtime
    let out = try GuardedTensor([Self.rows, Self.outputs], .f32, on: runtime)
    let index = try GuardedTensor([Self.rows], .i32, on: runtime)
    let value = try GuardedTensor([Self.rows], .f32, on: runtime)
    try problem.run(.chosen(index: index.tensor, value: value.tensor), into: out.tensor)
    let largest = problem.expected.map { y in y.indices.max { y[$0] < y[$1] }! }
    #expect(try index.values() == largest.map(Double.init))
    expectClose(try value.values(), zip(problem.expected, largest).map { $0[$1] }, within: 1e-5, "value")
  }

  @Test func refusesWhatDoesNotFit() throws {
    let problem = try Problem()
    let runtime = problem.stream.runtime
    func tensor(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try Tensor(shape, dtype, on: runtime) }
    let packed = try PackedWeight([problem.tensor(problem.weight, [10, 64])], on: problem.stream)
    let x = try tensor([3, 64])
    func plan(
      _ x: Tensor, norm: Tensor? = nil, bias: Tensor? = nil, ending: FusedLinear.Ending = .stored,
      into out: Tensor
    ) throws {
      _ = try FusedLinear(
        x, norm: norm.map { .init(weight: $0, epsilon: 1e-5) }, weight: packed, bias: bias, ending: ending, into: out,
        on: runtime)
    }
    let name = "FusedLinear"
    let out = try tensor([3, 10])
    expectRefusal(name, "x") { try plan(tensor([3, 63]), into: out) }
    expectRefusal(name, "x") { try plan(tensor([9, 64]), into: tensor([9, 10])) }
    expectRefusal(name, "x") { try plan(tensor([3, 64], .i32), into: out) }
    expectRefusal(name, "norm") { try plan(x, norm: tensor([63]), into: out) }
    expectRefusal(name, "bias") { try plan(x, bias: tensor([9]), into: out) }
    expectRefusal(name, "out") { try plan(x, into: tensor([3, 9])) }
    expectRefusal(name, "out") { try plan(x, ending: .gated, into: out) }
    expectRefusal(name, "out") { try plan(x, into: tensor([3, 10], .bf16)) }
    expectRefusal(name, "index") {
      try plan(x, ending: .chosen(index: tensor([3], .i64), value: tensor([3])), into: out)
    }
    expectRefusal(name, "value") {
      try plan(x, ending: .chosen(index: tensor([3], .i32), value: tensor([2])), into: out)
    }
  }
}
