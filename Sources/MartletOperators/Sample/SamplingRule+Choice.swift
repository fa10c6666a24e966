#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory that choosing needs, reused from row to row.
package struct SamplingScratch: Sendable {
  /// What the last selection left, by token.
  package fileprivate(set) var candidates: [Candidate] = []

  package init() {}

  /// The `count` highest logits with their tokens, equals by token. Of all rows but the shortest only few are sorted.
  package mutating func mostProbable(_ count: Int, of row: UnsafeBufferPointer<Float>) -> [Candidate] {
    let bound = lowerBound(ofRank: count, in: row)
    candidates.removeAll(keepingCapacity: true)
    for token in row.indices where row[token] >= bound {
      candidates.append(Candidate(logit: row[token], token: Int32(token)))
    }
    return candidates.withUnsafeMutableBufferPointer { buffer in
      var queue = DescendingCandidates(buffer)
      return (0..<min(count, row.count)).compactMap { _ in queue.next() }
    }
  }

  /// A logit that at least `rank` tokens reach, and few more. Of disjoint runs of tokens, `rank` have a maximum that is no
  /// lower than the `rank`-th highest maximum; so one pass over the row and a look at few maxima spare the sorting.
  fileprivate mutating func lowerBound(ofRank rank: Int, in row: UnsafeBufferPointer<Float>) -> Float {
    // With eight runs for each token wanted, two of these are seldom in one run.
    let runLength = rank > 0 ? row.count / 8 / rank : 0
    guard runLength > 1 else { return -.infinity }
    candidates.removeAll(keepingCapacity: true)
    for start in stride(from: 0, to: row.count, by: runLength) {
      var highest = -Float.infinity
      for token in start..<min(start + runLength, row.count) where row[token] > highest { highest = row[token] }
      candidates.append(Candidate(logit: highest, token: Int32(start)))
    }
    return candidates.withUnsafeMutableBufferPointer { buffer in
      var queue = DescendingCandidates(buffer)
      for _ in 1..<rank { _ = queue.next() }
      return queue.peek?.logit ?? -.infinity
    }
  }
}

extension SamplingRule {
  /// Chooses a token of a row without NaN, on the calling thread.
  /// - Returns: nil if the largest logit is infinite, in whichever direction.
  package func choose(from row: UnsafeBufferPointer<Float>, scratch: inout SamplingScratch) -> Int32? {
    var (best, highest) = (-1, -Float.infinity)
    for token in row.indices where row[token] > highest { (best, highest) = (token, row[token]) }
    guard best >= 0, highest < .infinity else { return nil }
    if temperature == 0 { return Int32(best) }
    select(from: row, highest: highest, scratch: &scratch)
    let target = target(of: scratch.candidates.reduce(0) { $0 &+ $1.weight })
    var sum: UInt64 = 0
    // The best token is never left out and weighs more than 0, so the sum passes the target.
    return scratch.candidates.first { candidate in
      sum &+= candidate.weight
      return target < sum
    }?.token
  }

  /// Leaves the tokens that temperature, top-k, top-p and min-p keep in `scratch.candidates`, by token, with their
  /// weights. No more is sorted than is kept. `highest` is the row's largest logit.
  package func select(from row: UnsafeBufferPointer<Float>, highest: Float, scratch: inout SamplingScratch) {
    precondition(row.count <= Self.mostTokens, "a row of \(row.count) tokens")
    let hasTopK = topK > 0 && topK < row.count
    var mass: UInt64 = 0
    // How far below the highest a logit may lie. These bounds let a little too much through, which is cut off exactly
    // below; they only keep most of the vocabulary from being weighed and sorted.
    var reach: Float
    if hasTopK {
      // min-p must wait: top-p comes before it and is normalised over what top-k keeps.
      reach = scratch.lowerBound(ofRank: Int(topK), in: row) - highest
    } else {
      reach = temperature * (log(minP) - 1)
      if topP < 1 {
        for token in row.indices { mass &+= weight(row[token], highest: highest) }
        // All tokens below this share of the mass have together less than top-p leaves out.
        let share = (1 - Double(topP)) * Double(mass) / Double(Self.unit) / Double(row.count)
        reach = max(reach, temperature * (Float(log(share)) - 1))
      }
    }
    scratch.candidates.removeAll(keepingCapacity: true)
    for token in row.indices where row[token] - highest >= reach {
      let weight = weight(row[token], highest: highest)
      if weight > 0, hasTopK || keeps(weight) {
        scratch.candidates.append(Candidate(logit: row[token], token: Int32(token), weight: weight))
      }
    }
    guard hasTopK || topP < 1 else { return }

    let keptCount = scratch.candidates.withUnsafeMutableBufferPointer { buffer in
      keepMostProbable(buffer, limit: hasTopK ? min(Int(topK), buffer.count) : nil, mass: mass)
    }
    // The queue leaves what it gave out at the buffer's end, the most probable last.
    scratch.candidates.removeFirst(scratch.candidates.count - keptCount)
    scratch.candidates.sort { $0.token < $1.token }
  }

  /// Moves what top-k, top-p and min-p keep to the end of the buffer, and returns its number. `mass` is the weight of the
  /// whole vocabulary.
  private func keepMostProbable(
    _ buffer: UnsafeMutableBufferPointer<Candidate>, limit: Int?, mass: UInt64
  ) -> Int {
    var queue = DescendingCandidates(buffer)
    var mass = mass
    if let limit {
      for _ in 0..<limit { _ = queue.next() }
      // What ties with the last one stays too, as in transformers.
      let last = buffer[queue.count].logit
      while let next = queue.peek, next.logit == last { _ = queue.next() }
      mass = buffer[queue.count...].reduce(0) { $0 &+ $1.weight }
    }
    let available = limit == nil ? buffer.count : buffer.count - queue.count
    var (kept, before) = (0, UInt64(0))
    while kept < available, topP == 1 || !isReached(before, of: mass) {
      // The queue has run ahead where top-k has asked it already.
      if kept == buffer.count - queue.count { _ = queue.next() }
      let weight = buffer[buffer.count - 1 - kept].weight
      guard keeps(weight) else { break }
      before &+= weight
      kept += 1
    }
    return kept
  }
}
