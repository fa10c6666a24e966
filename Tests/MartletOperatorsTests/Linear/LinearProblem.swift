import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// The relative error allowed between instruction sets: a last-place difference of an f32 sum can turn one rounding to
/// the type.
func levelTolerance(_ dtype: DType) -> Double {
  switch dtype {
  case .f16: 0x1p-10
  case .bf16: 0x1p-7
  default: 1e-6
  }
}

/// Inputs of a matrix product and its result in double precision.
struct LinearProblem {
  let x: GuardedTensor
  let weight: Tensor
  let bias: GuardedTensor?
  let tokens: Int
  let rows: Int
  let columns: Int
  private let weights: [Float]

  /// Random inputs in guarded memory with padded rows.
  /// - Parameter tokens: how many rows x has; the first ones are alike for all numbers of them.
  init(
    weight type: DType, rows: Int, columns: Int, activation: DType, tokens: Int, bias: Bool = false,
    biasType: DType? = nil, seed: UInt64 = 30, on stream: Stream
  ) throws {
    let runtime = stream.runtime
    (self.tokens, self.rows, self.columns) = (tokens, rows, columns)
    x = try GuardedTensor(
      Generator(seed).uniform(count: tokens * columns, scale: 2), [tokens, columns], activation,
      strides: [columns + 5, 1], on: runtime)
    self.bias =
      bias
      ? try GuardedTensor(Generator(seed + 1).uniform(count: rows), [rows], biasType ?? activation, on: runtime) : nil
    if type.isQuantized {
      let quantized = try QuantizedWeights(type, rows: rows, columns: columns, seed: seed + 2, on: runtime)
      weight = quantized.tensor
      weights = quantized.values
    } else {
      let guarded = try GuardedTensor(
        Generator(seed + 2).uniform(count: rows * columns, scale: 0.25), [rows, columns], type,
        strides: [columns + 3, 1], on: runtime)
      weight = guarded.tensor
      weights = try guarded.values().map { Float($0) }
    }
  }

  /// Where the result goes, with padded rows.
  func output(_ dtype: DType? = nil) throws -> GuardedTensor {
    try GuardedTensor([tokens, rows], dtype ?? x.tensor.dtype, strides: [rows + 9, 1], on: x.runtime)
  }

  /// The result in double precision.
  func expected() throws -> [Double] { try product(x.values()) }

  /// The result in double precision of the scheme for quantised weights: each group of 32 activations becomes 8-bit
  /// integers with one f32 scale, the largest magnitude over 127, rounded to nearest even.
  func expectedWithQuantizedActivations() throws -> [Double] {
    var values = try x.values().map { Float($0) }
    var scales: [Double] = []
    for group in stride(from: 0, to: values.count, by: 32) {
      let largest = values[group..<group + 32].reduce(0) { max($0, abs($1)) }
      let inverse = largest > 0 ? 127 / largest : 0
      for index in group..<group + 32 {
        values[index] = (values[index] * inverse).rounded(.toNearestOrEven)
      }
      scales.append(Double(largest / 127))
    }
    return try product(values.enumerated().map { Double($1) * scales[$0 / 32] })
  }

  private func product(_ x: [Double]) throws -> [Double] {
    let added = try bias?.values() ?? [Double](repeating: 0, count: rows)
    var result: [Double] = []
    result.reserveCapacity(tokens * rows)
    for token in 0..<tokens {
      for row in 0..<rows {
        var sum = added[row]
        for column in 0..<columns { sum += x[token * columns + column] * Double(weights[row * columns + column]) }
        result.append(sum)
      }
    }
    return result
  }
}
