extension Scheduler {
  /// Admits waiting sequences for which running ones of lower priority have to go, where that makes room: those that go are
  /// the last in order, and no more of them than it takes. Before anything else of a step, which so has none of them.
  mutating func makeRoomForPriority() {
    var budget = limits.tokensPerStep
    while budget > 0, let priority = waiting.priority, let last = running.last,
      sequences[last]!.request.priority < priority, let index = WaitingLine.next(of: waiting.places[...], shares)
    {
      let id = waiting.places[index].id
      // With room, or something to wait for, its turn comes as that of any other.
      guard let need = need(of: id), !hasRoom(for: need), let count = victimCount(for: need, below: priority) else {
        return
      }
      for _ in 0..<count { preemptLast() }
      admit(id, need)
      budget -= sequences[id]!.remainingCount
    }
  }

  /// How many of the last running sequences must go to make room; nil if all of lower priority are not enough.
  private func victimCount(for need: Need, below priority: Int) -> Int? {
    let hits = Set(need.hits)
    var releases: [Int32: Int32] = [:]
    var released = 0
    for (index, id) in running.reversed().enumerated() {
      let victim = sequences[id]!
      guard victim.request.priority < priority else { return nil }
      for block in victim.blockTable {
        releases[block, default: 0] += 1
        // A block that the sequence has in common with its victims leaves the free list again.
        if releases[block] == pool.userCount(of: block), !hits.contains(block) { released += 1 }
      }
      if hasRoom(for: need, without: index + 1, releasing: released) { return index + 1 }
    }
    return nil
  }
}
