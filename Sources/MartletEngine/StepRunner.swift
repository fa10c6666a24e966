package import MartletOperators

/// What computes steps: the only part of the engine that touches a device.
///
/// The engine owns its runner and calls it from one thread, one step at a time, so a runner needs no locks and may keep
/// buffers from step to step.
package protocol StepRunner {
  /// Computes a step: writes keys and values of all its tokens to `step.slots`, attends through the block tables, and
  /// calls `body` once for each of `step.logits`, in that order, with its entry's index and its logits in f32, one for each
  /// token of the vocabulary. The row may be overwritten and is not used after the call.
  ///
  /// Computing the same step again must give the same logits. After whatever else this throws than a
  /// `StepFailure`, the engine computes the step's entries one by one, and ends the sequences that fail then.
  mutating func run(_ step: Step, logits body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws

  /// Computes a step as `run(_:logits:)` does, and returns the token with the largest logit for each of `step.logits`, the
  /// first of equal ones, without bringing the logits to where the caller is.
  ///
  /// Nil if the runner has no faster way, or a largest logit is not finite: `run(_:logits:)` then tells what is wrong.
  mutating func choose(_ step: Step) throws -> [Int32]?

  /// Computes a step in the same way, and returns for each of `step.logits` the token that its rule chooses.
  ///
  /// Nil if the runner has no faster way, or nothing can be chosen from a row: `run(_:logits:)` then tells what is wrong.
  mutating func choose(_ step: Step, by rules: [SamplingRule]) throws -> [Int32]?
}

extension StepRunner {
  package mutating func choose(_ step: Step) throws -> [Int32]? { nil }
  package mutating func choose(_ step: Step, by rules: [SamplingRule]) throws -> [Int32]? { nil }
}

/// A failure for which a runner can name the sequences to blame. They end with `reason`; the others of the step are
/// computed again without them.
package struct StepFailure: Error {
  package let sequences: Set<SequenceID>
  package let reason: any Error

  package init(sequences: Set<SequenceID>, reason: any Error) {
    self.sequences = sequences
    self.reason = reason
  }
}
