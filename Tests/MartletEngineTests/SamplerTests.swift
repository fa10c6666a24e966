import Foundation
import MartletOperators
import Testing

@testable import MartletEngine

/// What transformers' logits processors make of rows of logits; made by `scripts/goldens/sampler.py`.
struct SamplerGolden: Decodable {
  struct Case: Decodable, CustomTestStringConvertible {
    let row: String
    let parameters: [String: Value]
    let processed: [Float?]?
    let kept: [Int32]
    let probabilities: [Double]

    var testDescription: String { "\(row) \(sampling)" }

    var names: Set<String> { Set(parameters.keys) }

    var sampling: SamplingParameters {
      var sampling = SamplingParameters()
      for (name, value) in parameters {
        switch (name, value) {
        case ("temperature", .number(let number)): sampling.temperature = Float(number)
        case ("topK", .number(let number)): sampling.topK = Int(number)
        case ("topP", .number(let number)): sampling.topP = Float(number)
        case ("minP", .number(let number)): sampling.minP = Float(number)
        case ("repetitionPenalty", .number(let number)): sampling.repetitionPenalty = Float(number)
        case ("logitBias", .table(let table)):
          for (token, bias) in table { sampling.logitBias[Int32(token)!] = Float(bias) }
        default: Issue.record("the golden file has a parameter \(name) that the test does not know")
        }
      }
      return sampling
    }
  }

  enum Value: Decodable {
    case number(Double)
    case table([String: Double])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let number = try? container.decode(Double.self) {
        self = .number(number)
      } else {
        self = .table(try container.decode([String: Double].self))
      }
    }
  }

  let prompt: [Int32]
  let output: [Int32]
  let rows: [String: [Float?]]
  let logSoftmax: [String: [Double?]]
  let cases: [Case]

  static let shared: SamplerGolden = {
    do {
      let url = Bundle.module.bundleURL.appendingPathComponent("Goldens/sampler.json")
      return try JSONDecoder().decode(SamplerGolden.self, from: Data(contentsOf: url))
    } catch {
      fatalError("cannot read the sampler's golden file: \(error)")
    }
  }()

  /// A row's logits; JSON's null is negative infinity.
  func logits(_ name: String) -> [Float] { rows[name]!.map { $0 ?? -.infinity } }

  /// A sampler that has seen the golden file's prompt and output.
  func sampler(_ sampling: SamplingParameters) -> Sampler {
    var sampler = Sampler(parameters: sampling, prompt: prompt, seed: 1)
    for token in output { sampler.record(token) }
    return sampler
  }
}

@Suite struct SamplerTests {
  static let golden = SamplerGolden.shared

  @Test(arguments: golden.cases)
  func agreesWithTransformers(_ golden: SamplerGolden.Case) {
    let sampler = Self.golden.sampler(golden.sampling)
    var row = Self.golden.logits(golden.row)
    var scratch = SamplingScratch()
    row.withUnsafeMutableBufferPointer { row in
      sampler.process(row)
      if let processed = golden.processed {
        for (logit, expected) in zip(row, processed) {
          let expected = expected ?? -.infinity
          #expect(logit == expected || abs(logit - expected) <= 1e-6 * abs(expected))
        }
      }
      sampler.rule(position: 0).select(from: UnsafeBufferPointer(row), highest: row.max()!, scratch: &scratch)
    }
    let mass = scratch.candidates.reduce(0.0) { $0 + Double($1.weight) }
    // What is 10^12 times less probable than the best token has no weight.
    let least = golden.probabilities.max()! / Double(SamplingRule.unit)
    let kept = zip(golden.kept, golden.probabilities).filter { $0.1 >= least }
    let candidates = scratch.candidates
    #expect(candidates.map(\.token) == kept.map(\.0))
    // Logits around 1000 are given to 6e-5 only, and dividing them by the temperature rounds anew.
    let tolerance = golden.row == "offset" ? 3e-4 : 2e-6
    for (candidate, (_, expected)) in zip(candidates, kept) {
      #expect(abs(Double(candidate.weight) / mass - expected) <= tolerance * expected + 1e-9)
    }
  }

  @Test func logprobsAreThoseOfTheRawLogits() throws {
    var sampling = SamplingParameters(temperature: 0.3, topK: 1)
    sampling.logprobs = 5
    sampling.repetitionPenalty = 1.5
    sampling.logitBias = [11: 1000]
    for (name, expected) in Self.golden.logSoftmax {
      var sampler = Self.golden.sampler(sampling)
      var scratch = SamplingScratch()
      var row = Self.golden.logits(name)
      let result = try row.withUnsafeMutableBufferPointer {
        try sampler.sample($0, position: 9, scratch: &scratch)
      }
      #expect(result.token == 11)
      let tolerance = name == "offset" ? 1e-4 : 2e-6
      #expect(abs(Double(result.logprob!) - expected[11]!) < tolerance * max(1, abs(expected[11]!)))
      // Highest first, equals by id.
      let order = expected.indices.sorted { (expected[$1] ?? -1e9, $0) < (expected[$0] ?? -1e9, $1) }
      #expect(result.top.map(\.token) == order.prefix(5).map { Int32($0) })
      for top in result.top {
        let value = expected[Int(top.token)]!
        #expect(abs(Double(top.logprob) - value) < tolerance * max(1, abs(value)))
      }
    }
  }

  @Test(
    arguments: [
      ([1, 3, 3, 2], 1), ([-5, -5, -5], 0), ([-.infinity, -1, -1], 1), ([0, -0.0], 0), ([-.infinity, -3e38], 1),
    ] as [([Float], Int32)])
  func greedyTakesTheLowestOfEquals(logits: [Float], expected: Int32) throws {
    #expect(try sample(SamplingParameters(), logits).token == expected)
  }

  @Test func presenceAndFrequencyCountTheOutputOnly() {
    var sampling = SamplingParameters()
    sampling.presencePenalty = 0.5
    sampling.frequencyPenalty = 0.25
    var row: [Float] = [1, 1, 1, 1]
    var sampler = Sampler(parameters: sampling, prompt: [0, 1], seed: 0)
    for token: Int32 in [1, 2, 2] { sampler.record(token) }
    row.withUnsafeMutableBufferPointer { sampler.process($0) }
    #expect(row == [1, 0.25, 0, 1])
  }

  @Test(arguments: [0, 1] as [Float])
  func brokenLogitsAreErrors(temperature: Float) {
    let sampling = SamplingParameters(temperature: temperature)
    #expect(throws: SamplingError.notFinite(token: 1, value: "nan")) { try sample(sampling, [0, .nan, 1]) }
    #expect(throws: SamplingError.notFinite(token: 0, value: "inf")) { try sample(sampling, [.infinity, 1]) }
    #expect(throws: SamplingError.nothingLeft) { try sample(sampling, [-.infinity, -.infinity]) }
    var extreme = sampling
    extreme.logitBias = [1: 3e38]
    extreme.repetitionPenalty = 1e-30
    #expect(throws: SamplingError.overflow(token: 1)) { try sample(extreme, [1, 3e38]) }
    #expect(throws: SamplingError.overflow(token: 0)) { try sample(extreme, [3e30, 1], prompt: [0]) }
  }

  @Test func extremeButValidParametersStillChoose() throws {
    let logits: [Float] = [-3e38, 3e38, 0, 1, -.infinity]
    for temperature: Float in [.leastNonzeroMagnitude, 1e-30, 1e30, .greatestFiniteMagnitude] {
      for topK in [0, 1, 3, .max] {
        for topP: Float in [.leastNonzeroMagnitude, 0.5, 1] {
          for minP: Float in [0, .leastNonzeroMagnitude, 1] {
            let sampling = SamplingParameters(temperature: temperature, topK: topK, topP: topP, minP: minP)
            try sampling.validate()
            #expect(try sample(sampling, logits).token != 4)
          }
        }
      }
    }
  }

  /// Vocabularies large enough for the short cuts, against sorting everything.
  @Test(arguments: 0..<60 as Range<UInt64>)
  func selectsWhatAFullSortSelects(seed: UInt64) throws {
    var random = SplitMix64(state: seed)
    let scale = [0.3, 2, 12].randomElement(using: &random)!
    let isTied = random.chance(0.3)
    let row = (0..<Int.random(in: 500...3000, using: &random)).map { _ in
      let logit = (0..<4).reduce(0.0) { sum, _ in sum + .random(in: -scale...scale, using: &random) }
      return Float(isTied ? logit.rounded() : logit)
    }
    let sampling = SamplingParameters(
      temperature: [0.2, 1, 3].randomElement(using: &random)!,
      topK: [0, 1, 5, 40, 200, 2000].randomElement(using: &random)!,
      topP: [1, 0.999, 0.9, 0.3].randomElement(using: &random)!,
      minP: [0, 0.001, 0.1].randomElement(using: &random)!)

    let sorted = row.indices.sorted { (row[$1], $0) < (row[$0], $1) }
    let highest = row[sorted[0]]
    // Sums of whole numbers are exact, so the order of additions does not matter.
    func weight(_ token: Int) -> Double {
      Double(SamplingRule.weight(distance: (highest - row[token]) / sampling.temperature)) / Double(SamplingRule.unit)
    }
    var kept = sorted[...]
    if sampling.topK > 0, sampling.topK < row.count {
      let last = row[sorted[sampling.topK - 1]]
      kept = kept.prefix { row[$0] >= last }
    }
    let mass = kept.reduce(0.0) { $0 + weight($1) }
    var before = 0.0
    kept = kept.prefix { token in
      defer { before += weight(token) }
      return sampling.topP == 1 || before < Double(sampling.topP) * mass
    }
    kept = kept.prefix { weight($0) >= Double(sampling.minP) && weight($0) > 0 }

    var scratch = SamplingScratch()
    row.withUnsafeBufferPointer { row in
      Sampler(parameters: sampling, prompt: [], seed: 0).rule(position: 0)
        .select(from: row, highest: highest, scratch: &scratch)
    }
    #expect(scratch.candidates.map { Int($0.token) } == kept.sorted())

    var greedy = SamplingParameters()
    greedy.logprobs = [0, 1, 7, 100].randomElement(using: &random)!
    let top = try sample(greedy, row).top.map { Int($0.token) }
    #expect(top == Array(sorted.prefix(greedy.logprobs!)))
  }

  @Test func theSeedAndThePositionDetermineTheChoice() throws {
    let row = Self.golden.logits("flat")
    func choices(seed: UInt64, positions: some Swift.Sequence<Int>) throws -> [Int32] {
      let sampling = SamplingParameters(temperature: 1, seed: seed)
      return try positions.map { try sample(sampling, row, position: $0).token }
    }
    let forwards = try choices(seed: 7, positions: 0..<200)
    #expect(try choices(seed: 7, positions: (0..<200).reversed()) == forwards.reversed())
    #expect(try choices(seed: 8, positions: 0..<200) != forwards)
    #expect(try choices(seed: 7 | 1 << 40, positions: 0..<200) != forwards)
  }

  private func sample(
    _ sampling: SamplingParameters, _ logits: [Float], prompt: [Int32] = [], position: Int = 0
  ) throws -> GeneratedToken {
    var sampler = Sampler(parameters: sampling, prompt: prompt, seed: 0)
    var scratch = SamplingScratch()
    var row = logits
    return try row.withUnsafeMutableBufferPointer { try sampler.sample($0, position: position, scratch: &scratch) }
  }
}
