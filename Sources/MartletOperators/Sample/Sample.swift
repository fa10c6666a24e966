package import MartletRuntime
package import MartletTensor

/// Chooses a token from each row of logits by a rule of its own: see ``SamplingRule``. Every device chooses the same.
///
/// Shapes: logits f32 `[rows, vocabulary]` with at least one and at most 2^22 tokens; rules i32 `[rows, 8]`, each row the
/// ``SamplingRule/words`` of a valid rule; out i32 `[rows]`. A row from which nothing can be chosen, because a logit is NaN or
/// infinite or all are negative infinity, gets -1.
package struct Sample: Operator {
  let logits: Rows
  let rules: Tensor
  let out: Tensor

  package init(_ logits: Tensor, rules: Tensor, into out: Tensor) throws(OperatorError) {
    let check = Checker("Sample")
    try check.dtype(logits, .f32, argument: "logits")
    try check.dimensions(logits, 2, "logits")
    try check.require(
      (1...SamplingRule.mostTokens).contains(logits.shape[1]), "logits",
      "1 to \(SamplingRule.mostTokens) tokens wide", found: logits.description)
    try check.dtype(rules, .i32, argument: "rules")
    try check.shape(rules, [logits.shape[0], SamplingRule.wordCount], "rules")
    try check.contiguous(rules, "rules")
    try check.dtype(out, .i32, argument: "out")
    try check.shape(out, [logits.shape[0]], "out")
    try check.contiguous(out, "out")
    try check.devices(logits, rules, out: out)
    self.logits = try check.rows(logits, "logits")
    self.rules = rules
    self.out = out
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
