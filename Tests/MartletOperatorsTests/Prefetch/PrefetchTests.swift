import MartletRuntime
import MartletTensor
import Testing

@testable import MartletOperators

struct PrefetchTests {
  /// Every product is preceded by the announcement of the product after it, the last by that of the first.
  @Test func everyProductAnnouncesTheNext() throws {
    let runtime = try Runtime(.cpu)
    let stream = try Stream(on: runtime, threads: 2)
    let row = try Tensor([Float](repeating: 1, count: 32), shape: [1, 32], on: runtime)
    let weights = try (0..<3).map { index in
      try PackedWeight(
        [try Tensor([Float](repeating: Float(index), count: 1024), shape: [32, 32], on: runtime)], on: stream)
    }
    let outs = try weights.map { _ in try Tensor([1, 32], .f32, on: runtime) }
    let sum = try Tensor([1, 32], .f32, on: runtime)
    var plain: [any Operator] = []
    for (weight, out) in zip(weights, outs) {
      plain += [try Linear(row, weight: weight, into: out), try Add(out, row, into: sum)] as [any Operator]
    }

    let steps = plain.withPrefetches()
    #expect(steps.count == plain.count + weights.count)
    for index in 0..<3 {
      let announced = try #require(steps[3 * index] as? Prefetch)
      #expect(announced.weight.base == weights[(index + 1) % 3].base)
      #expect(steps[3 * index + 1] is Linear)
    }
    for step in steps { try step.run(on: stream) }
    for (index, out) in outs.enumerated() {
      #expect(try out.hostValues(on: runtime) == [Double](repeating: Double(32 * index), count: 32))
    }
  }

  @Test func stepsWithoutPackedWeightsStayAsTheyAre() throws {
    let runtime = try Runtime(.cpu)
    let row = try Tensor([Float](repeating: 1, count: 4), shape: [1, 4], on: runtime)
    let steps: [any Operator] = [try Add(row, row, into: try Tensor([1, 4], .f32, on: runtime))]
    #expect(steps.withPrefetches().count == 1)
  }
}
