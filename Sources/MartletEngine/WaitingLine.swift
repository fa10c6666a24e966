/// The sequences that wait for blocks. Higher priority goes first, then the tenant that has had less of the engine, then
/// earlier arrival; one that lost its blocks keeps the place that it had when it got them.
struct WaitingLine: Sendable {
  struct Place: Sendable {
    let id: SequenceID
    let priority: Int
    let tenant: FairShares.Slot
    /// What the tenant had used when the sequence began; nil for one that has not.
    let start: UInt64?
  }

  /// By priority and arrival: tenants' turns change with every step, and this order need not.
  private(set) var places: [Place] = []

  var count: Int { places.count }
  /// The highest priority that waits.
  var priority: Int? { places.first?.priority }

  mutating func insert(_ place: Place) {
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      let other = places[middle]
      if (place.priority, other.id) < (other.priority, place.id) { low = middle + 1 } else { high = middle }
    }
    places.insert(place, at: low)
  }

  /// Takes a sequence out; false where it does not wait.
  mutating func remove(_ id: SequenceID) -> Bool {
    guard let index = places.firstIndex(where: { $0.id == id }) else { return false }
    places.remove(at: index)
    return true
  }

  /// The index of the place whose turn it is, of some of the places in their order.
  static func next(of places: ArraySlice<Place>, _ shares: FairShares) -> Int? {
    guard let first = places.first, shares.waitingTenantCount > 1 else { return places.indices.first }
    var best = places.startIndex
    var bestStart = first.start ?? shares.used(by: first.tenant)
    for index in places.indices.dropFirst() {
      let place = places[index]
      guard place.priority == first.priority else { break }
      let start = place.start ?? shares.used(by: place.tenant)
      // Of equal ones the earliest stands first.
      if start < bestStart { (best, bestStart) = (index, start) }
    }
    return best
  }
}
