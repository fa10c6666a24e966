import MartletRuntime
import Testing

/// Runs an operator with several thread counts and on the scalar loops: the bits must not depend on the threads, the
/// numbers hardly on the instructions, and nothing may be written beside the outputs.
///
/// - Parameters:
///   - levels: the relative error allowed between instruction sets; 0 demands equal bits.
///   - run: makes inputs and outputs anew, runs the operator once, and gives the outputs.
func expectAgreement(
  on machine: Machine, levels: Double, _ label: String = "", sourceLocation: SourceLocation = #_sourceLocation,
  _ run: (Stream) throws -> [GuardedTensor]
) throws {
  let first = try run(machine.stream(threads: threadCounts[0]))
  for output in first { output.expectMarginsUntouched(label, sourceLocation: sourceLocation) }
  for threads in threadCounts.dropFirst() {
    let again = try run(machine.stream(threads: threads))
    for (one, other) in zip(first, again) {
      #expect(one.bits == other.bits, "\(label): \(threads) threads", sourceLocation: sourceLocation)
      other.expectMarginsUntouched(label, sourceLocation: sourceLocation)
    }
  }
  let plain = try run(machine.scalar.stream(threads: 1))
  for (one, other) in zip(first, plain) {
    if levels == 0 {
      #expect(one.bits == other.bits, "\(label): differs from scalar", sourceLocation: sourceLocation)
    } else {
      expectClose(
        try one.values(), try other.values(), within: levels, "\(label): scalar", sourceLocation: sourceLocation)
    }
  }
}
