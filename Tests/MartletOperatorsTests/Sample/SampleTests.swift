import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct SampleTests {
  /// Against the exponential of the C library: the digits that are promised, and never more for a greater distance.
  @Test func weightsAreExponentials() {
    var (worst, before) = (0.0, SamplingRule.unit)
    for bits in stride(from: UInt32(0x3000_0000), to: 0x41e4_0000, by: 211) {
      let distance = Float(bitPattern: bits)
      let weight = SamplingRule.weight(distance: distance)
      let exact = exponential(-Double(distance)) * Double(SamplingRule.unit)
      worst = max(worst, (abs(Double(weight) - exact) - 1) / max(exact, 1))
      #expect(weight <= before)
      before = weight
    }
    #expect(worst < 2e-8)
    #expect(before == 0)
    #expect(SamplingRule.weight(distance: 0) == SamplingRule.unit)
    for distance in [.nan, .infinity, 28, 1e30] as [Float] { #expect(SamplingRule.weight(distance: distance) == 0) }
  }

  /// The known answers of Random123 (`tests/kat_vectors`, "philox4x32 10").
  @Test(
    arguments: [
      ([0, 0, 0, 0], [0, 0], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
      (
        [0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff], [0xffff_ffff, 0xffff_ffff],
        [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
      ),
      (
        [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0],
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
      ),
    ] as [([UInt32], [UInt32], [UInt32])])
  func philoxGivesItsKnownAnswers(counter: [UInt32], key: [UInt32], expected: [UInt32]) {
    #expect(Philox.block(counter: SIMD4(counter), key: SIMD2(key)) == SIMD4(expected))
  }

  /// Against sorting everything and adding in the order of the ids.
  @Test(arguments: Machine.all)
  func choosesWhatAFullSortChooses(machine: Machine) throws {
    let stream = try machine.stream()
    for seed in 0..<300 as Range<UInt64> {
      let (rule, row) = SampleDraw.rule(seed, width: 400)
      let tokens = try chosen(row, [rule], on: stream)
      #expect(tokens == [plain(rule, row)], "\(rule)")
    }
  }

  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for (rows, width) in [(1, 1), (5, 15), (40, 2000), (0, 8)] {
      try expectAgreement(on: machine, levels: 0, "[\(rows), \(width)]") { stream in
        let rules = (0..<rows).map { SampleDraw.rule(UInt64($0), width: 1).rule }
        let x = try GuardedTensor(
          Generator(10).uniform(count: rows * width, scale: 5), [rows, width], .f32, strides: [width + 3, 1],
          on: stream.runtime)
        let words = try GuardedTensor(rules.flatMap { $0.words.map { Int($0) } }, [rows, 8], .i32, on: stream.runtime)
        let out = try GuardedTensor([rows], .i32, on: stream.runtime)
        try Sample(x.tensor, rules: words.tensor, into: out.tensor).run(on: stream)
        return [out]
      }
    }
  }

  @Test func nothingIsChosenFromBrokenRows() throws {
    let stream = try Machine.all[0].stream()
    for row in [[1, .nan], [.infinity, 0], [-.infinity, -.infinity]] as [[Float]] {
      for temperature: Float in [0, 1] {
        #expect(try chosen(row, [SamplingRule(temperature: temperature)], on: stream) == [-1])
      }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let logits = try Tensor([4, 6], .f32, on: runtime)
    let rules = try Tensor([4, 8], .i32, on: runtime)
    let out = try Tensor([4], .i32, on: runtime)
    let columns = try Tensor([6, 4], .f32, on: runtime).permute([1, 0])
    func plan(_ logits: Tensor, _ rules: Tensor, _ out: Tensor) throws {
      _ = try Sample(logits, rules: rules, into: out)
    }
    expectRefusal("Sample", "logits") { try plan(Tensor([4, 6], .bf16, on: runtime), rules, out) }
    expectRefusal("Sample", "logits") { try plan(Tensor([4], .f32, on: runtime), rules, out) }
    expectRefusal("Sample", "logits") { try plan(Tensor([4, 0], .f32, on: runtime), rules, out) }
    expectRefusal("Sample", "logits") { try plan(columns, rules, out) }
    expectRefusal("Sample", "rules") { try plan(logits, Tensor([4, 7], .i32, on: runtime), out) }
    expectRefusal("Sample", "rules") { try plan(logits, Tensor([4, 8], .f32, on: runtime), out) }
    expectRefusal("Sample", "rules") { try plan(logits, Tensor([8, 4], .i32, on: runtime).permute([1, 0]), out) }
    expectRefusal("Sample", "out") { try plan(logits, rules, Tensor([3], .i32, on: runtime)) }
    expectRefusal("Sample", "out") { try plan(logits, rules, Tensor([4], .i64, on: runtime)) }
    expectRefusal("Sample", "out") { try plan(logits, rules, readOnly([4], .i32)) }
  }

  private func chosen(_ row: [Float], _ rules: [SamplingRule], on stream: Stream) throws -> [Int32] {
    let logits = try GuardedTensor(row, [rules.count, row.count / rules.count], .f32, on: stream.runtime)
    let words = try GuardedTensor(
      rules.flatMap { $0.words.map { Int($0) } }, [rules.count, 8], .i32, on: stream.runtime)
    let out = try GuardedTensor([rules.count], .i32, on: stream.runtime)
    try Sample(logits.tensor, rules: words.tensor, into: out.tensor).run(on: stream)
    return try out.values().map { Int32($0) }
  }

  /// The definition, word by word.
  private func plain(_ rule: SamplingRule, _ row: [Float]) -> Int32 {
    let sorted = row.indices.sorted { (row[$1], $0) < (row[$0], $1) }
    let highest = row[sorted[0]]
    if rule.temperature == 0 { return Int32(sorted[0]) }
    func weight(_ token: Int) -> UInt64 { SamplingRule.weight(distance: (highest - row[token]) / rule.temperature) }
    var kept = sorted[...]
    if rule.topK > 0, rule.topK < row.count {
      let last = row[sorted[Int(rule.topK) - 1]]
      kept = kept.prefix { row[$0] >= last }
    }
    let mass = kept.reduce(0) { $0 + weight($1) }
    var before: UInt64 = 0
    kept = kept.prefix { token in
      defer { before += weight(token) }
      return rule.topP == 1 || Double(before) < Double(rule.topP) * Double(mass)
    }
    kept = kept.filter { Double(weight($0)) >= Double(rule.minP) * Double(SamplingRule.unit) && weight($0) > 0 }[...]
    let random = Philox.word(seed: rule.seed, position: rule.position)
    let target = random.multipliedFullWidth(by: kept.reduce(0) { $0 + weight($1) }).high
    var sum: UInt64 = 0
    for token in kept.sorted() {
      sum += weight(token)
      if target < sum { return Int32(token) }
    }
    return -1
  }
}

/// Random rules and rows: peaked and flat ones, ties, forbidden tokens.
enum SampleDraw {
  static func rule(_ seed: UInt64, width: Int) -> (rule: SamplingRule, row: [Float]) {
    let draws = Generator(seed &* 0x9e37 &+ 5)
    func pick<T>(_ index: Int, _ values: [T]) -> T { values[draws.below(index, values.count)] }
    let rule = SamplingRule(
      temperature: pick(0, [0, 0.2, 0.7, 1, 1, 3]), topK: pick(1, [0, 0, 1, 5, 40, 200, 2000]),
      topP: pick(2, [1, 1, 0.999, 0.9, 0.5, 0.01]), minP: pick(3, [0, 0, 0.001, 0.1, 1]), seed: draws[4],
      position: draws[5] >> 30)
    let scale: Float = pick(6, [0.001, 0.3, 2, 8, 30])
    let numbers = Generator(seed &+ 99)
    let row = (0..<width).map { token in
      // Sums of three are peaked a little, as logits are.
      let logit = (0..<3).reduce(Float(0)) { $0 + numbers.uniform(3 * token + $1, scale: scale) }
      switch draws.below(7, 5) {
      case 0: return logit.rounded()
      case 1: return numbers.below(token + 1_000_000, 4) == 0 ? logit : -.infinity
      case 2: return numbers.below(token + 1_000_000, 50) == 0 ? logit + 3 * scale : logit
      default: return logit
      }
    }
    return (rule, row.contains { $0 > -.infinity } ? row : row.map { _ in 1 })
  }
}
