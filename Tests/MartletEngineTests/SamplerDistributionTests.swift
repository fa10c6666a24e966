import Foundation
import MartletOperators
import Testing

@testable import MartletEngine

/// 100,000 choices follow the distribution that transformers calculates. Seeds are fixed, so the outcome is too.
@Suite struct SamplerDistributionTests {
  static let golden = SamplerGolden.shared
  /// One case of every combination of parameters.
  static let cases = golden.cases.filter { candidate in
    candidate.row == "normal" && candidate.kept.count > 1
      && golden.cases.first { $0.row == candidate.row && $0.kept.count > 1 && $0.names == candidate.names }?.kept
        == candidate.kept
  }
  static let drawCount = 100_000

  @Test(arguments: cases)
  func choicesAlongPositionsFollowTheDistribution(_ golden: SamplerGolden.Case) throws {
    var sampling = golden.sampling
    sampling.seed = 2024
    try check(golden) { position in (sampling, position) }
  }

  @Test func choicesAlongSeedsFollowTheDistribution() throws {
    let golden = Self.cases[0]
    var sampling = golden.sampling
    try check(golden) { draw in
      sampling.seed = UInt64(draw)
      return (sampling, 17)
    }
  }

  private func check(_ golden: SamplerGolden.Case, _ draw: (Int) -> (SamplingParameters, Int)) throws {
    let row = Self.golden.logits(golden.row)
    var counts = Array(repeating: 0, count: row.count)
    var scratch = SamplingScratch()
    var copy = row
    for index in 0..<Self.drawCount {
      let (sampling, position) = draw(index)
      var sampler = Self.golden.sampler(sampling)
      let token = try copy.withUnsafeMutableBufferPointer { copy in
        _ = copy.update(from: row)
        return try sampler.sample(copy, position: position, scratch: &scratch).token
      }
      counts[Int(token)] += 1
    }
    let allowed = Set(golden.kept)
    #expect(!counts.indices.contains { counts[$0] > 0 && !allowed.contains(Int32($0)) })
    let observed = golden.kept.map { counts[Int($0)] }
    #expect(chiSquareDeviation(observed, golden.probabilities) < 4.5)
  }

  /// Pearson's statistic as standard deviations of a normal variable (Wilson and Hilferty, 1931): above 4.5 with
  /// probability 3e-6. Cells that expect fewer than 10 are put together.
  private func chiSquareDeviation(_ observed: [Int], _ probabilities: [Double]) -> Double {
    var cells: [(observed: Double, expected: Double)] = []
    var rest = (observed: 0.0, expected: 0.0)
    for (count, probability) in zip(observed, probabilities) {
      let expected = probability * Double(Self.drawCount)
      if expected >= 10 {
        cells.append((Double(count), expected))
      } else {
        rest = (rest.observed + Double(count), rest.expected + expected)
      }
    }
    if rest.expected >= 1 { cells.append(rest) }
    guard cells.count > 1 else { return abs(rest.observed - rest.expected) / max(rest.expected, 1).squareRoot() }
    let statistic = cells.reduce(0) { $0 + ($1.observed - $1.expected) * ($1.observed - $1.expected) / $1.expected }
    let freedom = Double(cells.count - 1)
    return (cbrt(statistic / freedom) - (1 - 2 / (9 * freedom))) / (2 / (9 * freedom)).squareRoot()
  }

  /// The test above must notice a distribution that is a little wrong.
  @Test func theTestCanFail() {
    let probabilities = [0.5, 0.3, 0.2]
    #expect(chiSquareDeviation([50_000, 30_000, 20_000], probabilities) < 0)
    #expect(chiSquareDeviation([51_000, 29_500, 19_500], probabilities) > 4.5)
  }
}
