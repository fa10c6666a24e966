import Testing

@testable import MartletServer

/// Several tasks write, one reads.
struct EventQueueTests {
  struct Failure: Error {}

  @Test func keepsTheOrderOfEachWriter() async throws {
    let queue = EventQueue<(writer: Int, number: Int)>()
    let reader = Task {
      var numbers = Array(repeating: [Int](), count: 4)
      while let elements = try await queue.next() {
        for element in elements { numbers[element.writer].append(element.number) }
      }
      return numbers
    }
    await withTaskGroup { group in
      for writer in 0..<4 {
        group.addTask {
          for number in 0..<500 {
            queue.append((writer, number))
            if number % 50 == 0 { await Task.yield() }
          }
        }
      }
    }
    queue.finish(.success(()))
    #expect(try await reader.value == Array(repeating: Array(0..<500), count: 4))
  }

  @Test func givesWhatHasComeAtOnceAndThenTheError() async throws {
    let queue = EventQueue<Int>()
    for number in 0..<3 { queue.append(number) }
    queue.finish(.failure(Failure()))
    // Only the first end counts.
    queue.finish(.success(()))
    #expect(try await queue.next() == [0, 1, 2])
    await #expect(throws: Failure.self) { try await queue.next() }
  }

  @Test func wakesAReaderThatWaits() async throws {
    let queue = EventQueue<Int>()
    let reader = Task { try await queue.next() }
    await Task.yield()
    queue.append(7)
    #expect(try await reader.value == [7])
  }
}
