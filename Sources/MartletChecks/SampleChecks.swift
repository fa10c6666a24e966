import MartletOperators
import MartletTensor

extension OperatorCheck {
  /// Rules of every kind, one after the other on the rows of a check.
  private static let rules: [SamplingRule] = [
    SamplingRule(), SamplingRule(temperature: 1), SamplingRule(temperature: 0.7, topK: 50, topP: 0.9),
    SamplingRule(temperature: 1, topP: 0.95), SamplingRule(temperature: 1.3, minP: 0.02),
    SamplingRule(temperature: 0.2, topK: 1), SamplingRule(temperature: 2, topK: 1500, topP: 0.6, minP: 0.001),
    SamplingRule(temperature: 1e-30, topP: 0.5), SamplingRule(temperature: 1e30, topK: 7),
  ]

  /// Rows of logits by their names: peaked, flat, tied, full of what is forbidden, and broken ones.
  static var sampleChecks: [OperatorCheck] {
    let widths: [(width: Int, gap: Int)] = [(1, 0), (33, 1), (500, 0), (4096, 3), (128_256, 0)]
    return widths.flatMap { width, gap in
      let spread = Draws(50).numbers(width, scale: 12)
      let rows: [(name: String, row: [Float])] = [
        ("spread", spread), ("nearly flat", Draws(51).numbers(width, scale: 0.01)),
        ("tied", spread.map { $0.rounded() }), ("equal", Array(repeating: -2, count: width)),
        ("mostly forbidden", spread.enumerated().map { $0 % 17 == 0 ? $1 : -.infinity }),
      ]
      return rows.map { sample($0.name, $0.row, gap: gap) }
    } + [
      sample("NaN", [1, .nan, 2], gap: 0), sample("infinity", [1, .infinity, 2], gap: 0),
      sample("nothing left", [-.infinity, -.infinity], gap: 0), sample("zeros", [-0.0, 0, -1, 0], gap: 0),
    ]
  }

  private static func sample(_ name: String, _ row: [Float], gap: Int) -> OperatorCheck {
    OperatorCheck(operatorName: "Sample", label: "\(name) [\(rules.count), \(row.count)]", tolerance: 0) { stage in
      let logits = try stage.numbers(
        rules.flatMap { _ in row }, [rules.count, row.count], .f32, gap: gap)
      let words = rules.enumerated().flatMap { position, rule in
        var rule = rule
        (rule.seed, rule.position) = (0x0123_4567_89ab_cdef, UInt64(position))
        return rule.words.map { Int($0) }
      }
      let rules = try stage.integers(words, [rules.count, SamplingRule.wordCount], .i32)
      let tokens = try stage.output([Self.rules.count], .i32)
      try Sample(logits.tensor, rules: rules.tensor, into: tokens.tensor).run(on: stage.stream)
      return [try tokens.result()]
    }
  }
}
