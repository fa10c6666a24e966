extension Scheduler {
  /// Why the queue does not take requests.
  package enum Refusal: Sendable, Equatable {
    /// It has not as many places.
    case full
    /// The tenant has its share of the places: this many.
    case shareUsed(held: Int)
  }

  /// Whether the queue takes so many requests more of a tenant; nil if it does.
  ///
  /// A tenant may hold as many places as it leaves free: one alone half of them, two a third each, and so on (the dynamic
  /// thresholds of Choudhury and Hahne, 1998). So none can shut the others out. Requests without a tenant's name may fill
  /// the queue.
  package func refusal(of count: Int, tenant: String?) -> Refusal? {
    guard let most = limits.maximumWaiting else { return nil }
    // What was just submitted waits until the next step, so whoever is about to run holds no place of the queue.
    let soon = limits.maximumSequences - running.count
    let excess = waiting.count + count - soon
    guard excess <= most else { return .full }
    guard let tenant, excess > 0 else { return nil }
    let added = min(count, excess)
    let slot = shares.slot(of: tenant)
    let held = waiting.places.dropFirst(soon).count { $0.tenant == slot }
    // As if they came one by one, the last one too must leave as many places as there were before it.
    return held + added <= most - (excess - 1) ? nil : .shareUsed(held: held)
  }
}
