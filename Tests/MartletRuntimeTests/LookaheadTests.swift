import Testing

@testable import MartletRuntime

struct LookaheadTests {
  /// What a thread looks ahead at must be what the loop will give it: the pieces in their order.
  @Test(arguments: [(1, 1, 2), (36, 2, 2), (128, 4, 2), (1000, 3, 7), (5, 8, 3)])
  func piecesCoverALoopInOrder(count: Int, grain: Int, threads: Int) {
    var covered = 0
    var lengths: [Int] = []
    while covered < count {
      let piece = ThreadPool.piece(from: covered, count: count, grain: grain, threadCount: threads)
      #expect(piece.lowerBound == covered && !piece.isEmpty && piece.upperBound <= count)
      lengths.append(piece.count)
      covered = piece.upperBound
    }
    #expect(covered == count)
    #expect(lengths.dropLast() == lengths.dropLast().sorted(by: >)[...], "pieces shrink")
  }

  /// Announcing memory that is not there, or sizes that make no sense, harms nothing: nothing is read.
  @Test func announcementsChangeNoResult() throws {
    let pool = try ThreadPool(threadCount: 2)
    var values = [Int](repeating: 0, count: 4096)
    let announced: [(UInt, Int, Int, Int)] = [
      (64, 1 << 40, 1 << 40, 3), (UInt.max - 100, 7, Int.max, 1), (4096, 0, 0, 0), (1 << 46, Int.max, 64, 1),
    ]
    for (address, count, unitBytes, grain) in announced {
      let memory = try #require(UnsafeRawPointer(bitPattern: address))
      for _ in 0..<200 {
        pool.expect(memory, count: count, unitBytes: unitBytes, grain: grain)
        values.withUnsafeMutableBufferPointer { buffer in
          let base = SendablePointer(buffer.baseAddress!)
          pool.forEachRange(4096, grain: 64) { range, _ in for index in range { base.pointer[index] += 1 } }
        }
      }
    }
    #expect(values.allSatisfy { $0 == 200 * announced.count })
  }
}

/// Threads write disjoint elements.
private struct SendablePointer: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Int>
  init(_ pointer: UnsafeMutablePointer<Int>) { self.pointer = pointer }
}
