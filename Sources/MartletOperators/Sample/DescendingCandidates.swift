/// A token that may be chosen, with its logit and, where one was calculated, its weight.
package struct Candidate: Sendable {
  package var logit: Float
  package var token: Int32
  package var weight: UInt64 = 0
}

/// Gives out candidates from the highest logit down, equals from the lowest token up, sorting no further than asked: a
/// binary heap in the buffer's front, what was given out at its end. Making it takes linear time, each `next()`
/// logarithmic.
struct DescendingCandidates {
  private let buffer: UnsafeMutableBufferPointer<Candidate>
  /// Candidates not given out yet.
  private(set) var count: Int

  init(_ buffer: UnsafeMutableBufferPointer<Candidate>) {
    self.buffer = buffer
    count = buffer.count
    for parent in stride(from: count / 2 - 1, through: 0, by: -1) { sink(parent) }
  }

  /// The candidate that `next()` would give.
  var peek: Candidate? { count > 0 ? buffer[0] : nil }

  /// Takes the best of the rest and leaves it in the buffer, just before the one given out before it.
  mutating func next() -> Candidate? {
    guard count > 0 else { return nil }
    count -= 1
    buffer.swapAt(0, count)
    sink(0)
    return buffer[count]
  }

  private func precedes(_ left: Candidate, _ right: Candidate) -> Bool {
    left.logit > right.logit || (left.logit == right.logit && left.token < right.token)
  }

  private func sink(_ start: Int) {
    guard start < count else { return }
    let moving = buffer[start]
    var parent = start
    while true {
      var child = 2 * parent + 1
      guard child < count else { break }
      if child + 1 < count, precedes(buffer[child + 1], buffer[child]) { child += 1 }
      guard precedes(buffer[child], moving) else { break }
      buffer[parent] = buffer[child]
      parent = child
    }
    buffer[parent] = moving
  }
}
