import MartletEngine
import Synchronization
import Testing

/// A sequence that nobody waits for any more is in no further step: the one that is being computed when its consumer goes is
/// its last, and the next one has whoever waited for the slot.
@Suite(.timeLimit(.minutes(15))) struct CancellationTests {
  /// How a consumer can go.
  enum Way: CaseIterable {
    case dropsTheStream, cancelsItsTask
  }

  private final class Record: Sendable {
    /// The sequences of each step so far.
    let steps = Mutex<[[SequenceID]]>([])
    let stream = Mutex<TokenStream?>(nil)
    let consumer = Mutex<Task<Void, any Error>?>(nil)
    let isReady = Atomic<Bool>(false)
    let hasEnded = Atomic<Bool>(false)

    func wait(for flag: borrowing Atomic<Bool>) {
      while !flag.load(ordering: .acquiring) { sleepThread(.milliseconds(1)) }
    }
  }

  @Test(arguments: Way.allCases) func theSlotIsFreeInTheNextStep(way: Way) async throws {
    var limits = EngineTests.limits(blockCount: 20_000, contextLength: 80_000)
    limits.maximumSequences = 1
    let (record, control) = (Record(), FakeRunner.Control())
    let lastStep = 5
    control.state.withLock {
      $0.failure = { step in
        let number = record.steps.withLock { steps in
          steps.append(step.entries.map(\.id))
          return steps.count
        }
        guard number == lastStep else { return nil }
        // The step is under way until this returns; the consumer goes meanwhile.
        record.wait(for: record.isReady)
        record.stream.withLock { $0 = nil }
        if way == .cancelsItsTask {
          record.consumer.withLock { $0?.cancel() }
          record.wait(for: record.hasEnded)
        }
        return nil
      }
    }
    let engine = Engine(runner: FakeRunner(limits: limits, control: control), limits: limits)
    let first = try await Self.submit(
      Request(prompt: [1, 2, 3]), to: engine, record, isConsumed: way == .cancelsItsTask)
    let next = Request(prompt: [4, 5], maxTokens: 6)
    let waiting = try engine.submit(next)
    record.isReady.store(true, ordering: .releasing)
    #expect(try await EngineTests.collect(waiting).0 == FakeModel.expected(next, limits: limits).tokens)
    let steps = record.steps.withLock { $0 }
    #expect(steps.prefix(lastStep).allSatisfy { $0 == [first] })
    #expect(steps.dropFirst(lastStep).allSatisfy { $0 == [waiting.id] })
    #expect(steps.count == lastStep + 6)
    try await EngineTests.settle(engine, blockCount: limits.blockCount)
  }

  /// Submits a request whose stream only the record has, or the task that reads it.
  private static func submit(
    _ request: Request, to engine: Engine, _ record: Record, isConsumed: Bool
  ) async throws -> SequenceID {
    let stream = try engine.submit(request)
    if isConsumed {
      let task = Task {
        defer { record.hasEnded.store(true, ordering: .releasing) }
        for try await _ in stream {}
      }
      record.consumer.withLock { $0 = task }
    } else {
      record.stream.withLock { $0 = stream }
    }
    return stream.id
  }
}
