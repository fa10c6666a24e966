extension Scheduler {
  /// Traps unless everything that must hold between two calls does. Takes time linear in sequences and blocks; for
  /// tests, after every mutation.
  package func _checkInvariants() {
    let waiting = waiting.places.map(\.id)
    precondition(
      Set(waiting).count == waiting.count && Set(running).count == running.count, "a sequence is listed twice")
    precondition(Set(waiting).isDisjoint(with: running), "a sequence is waiting and running")
    precondition(Set(waiting).union(running) == Set(sequences.keys), "the lists and the table disagree")
    precondition(running.count <= limits.maximumSequences, "too many sequences run")
    for (first, second) in zip(running, running.dropFirst()) {
      precondition(sequences[first]!.precedes(sequences[second]!), "\(first) and \(second) are out of order")
    }
    for (first, second) in zip(self.waiting.places, self.waiting.places.dropFirst()) {
      precondition(
        (second.priority, first.id) < (first.priority, second.id), "\(first.id) and \(second.id) are out of order")
    }
    shares._checkInvariants(
      requests: sequences.values.reduce(into: [:]) { $0[$1.tenant, default: 0] += 1 },
      waiting: waiting.reduce(into: [:]) { $0[sequences[$1]!.tenant, default: 0] += 1 })

    var users: [Int32: Int] = [:]
    for (id, state) in sequences {
      precondition(state.id == id, "\(id) is filed under a wrong id")
      precondition(state.remainingCount >= 1, "\(id) has nothing left to compute")
      precondition(state.tokens.count < limits.sequenceTokens, "\(id) should have ended for its length")
      precondition(state.generatedCount < state.request.maxTokens ?? .max, "\(id) should have ended for its maximum")
      precondition(Set(state.blockTable).count == state.blockTable.count, "\(id) has a block twice")
      precondition(
        state.publishedCount == min(state.computedCount / limits.blockSize, publishableBlockCount(of: id)),
        "\(id) has unpublished full blocks")
      for block in state.blockTable { users[block, default: 0] += 1 }
    }
    for id in waiting { precondition(sequences[id]!.blockTable.isEmpty, "\(id) waits and holds blocks") }
    for id in running {
      let state = sequences[id]!
      let capacity = state.blockTable.count * limits.blockSize
      precondition(capacity >= state.tokens.count - 1, "\(id) has too few blocks")
      precondition(capacity - limits.blockSize < state.tokens.count, "\(id) has too many blocks")
    }
    // Nobody writes to a block that two sequences hold: sharing ends where computing starts.
    for id in running {
      let state = sequences[id]!
      for block in state.blockTable.dropFirst(state.computedCount / limits.blockSize) {
        precondition(users[block] == 1, "\(id) would write to a shared block")
      }
    }
    pool._checkInvariants(users: users)
  }
}
