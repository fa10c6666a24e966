/// Shares the engine between tenants by counting the tokens that each has had computed: the virtual token counters of Sheng
/// et al. ("Fairness in Serving Large Language Models", OSDI 2024).
///
/// Of the tenants that have requests waiting, the one with the lowest counter goes next. Counters grow as tokens are
/// computed, so nobody is charged for what a request might have asked for, for what the cache had, or for what is computed
/// again after a preemption. A tenant that comes back is lifted to the lowest counter of those that wait: nobody saves up
/// turns by staying away.
struct FairShares: Sendable {
  /// Names a tenant, as long as it has requests.
  typealias Slot = Int

  private struct Tenant: Sendable {
    let name: String?
    var used: UInt64
    var requestCount = 0
    var waitingCount = 0
  }

  private var tenants: [Tenant] = []
  private var slots: [String?: Slot] = [:]
  /// The tenant that was the last to have nothing waiting any more.
  private var lastToLeave: Slot?
  /// Tenants that have requests waiting.
  private(set) var waitingTenantCount = 0
  /// Tenants that are remembered beyond their last request.
  private static let mostRemembered = 4096

  /// The tokens by which a tenant's turn is measured.
  func used(by slot: Slot) -> UInt64 { tenants[slot].used }

  /// The tenant of that name, if it is known.
  func slot(of name: String?) -> Slot? { slots[name] }

  /// Takes in that a tenant has a request more, which waits.
  mutating func enter(_ name: String?) -> Slot {
    let slot = slots[name] ?? remember(name)
    if tenants[slot].waitingCount == 0 {
      let lowest = tenants.lazy.filter { $0.waitingCount > 0 }.map(\.used).min()
      tenants[slot].used = max(tenants[slot].used, lowest ?? lastToLeave.map { tenants[$0].used } ?? 0)
    }
    tenants[slot].requestCount += 1
    wait(slot)
    return slot
  }

  /// Takes in that a request of the tenant waits, for the first time or again.
  mutating func wait(_ slot: Slot) {
    tenants[slot].waitingCount += 1
    if tenants[slot].waitingCount == 1 { waitingTenantCount += 1 }
  }

  /// Takes in that a request of the tenant waits no longer.
  mutating func begin(_ slot: Slot) {
    tenants[slot].waitingCount -= 1
    guard tenants[slot].waitingCount == 0 else { return }
    waitingTenantCount -= 1
    lastToLeave = slot
  }

  /// Takes in that a request that does not wait has ended.
  mutating func end(_ slot: Slot) { tenants[slot].requestCount -= 1 }

  /// Takes in that tokens are computed for a tenant.
  mutating func charge(_ slot: Slot, tokens: Int) { tenants[slot].used += UInt64(max(tokens, 0)) }

  private mutating func remember(_ name: String?) -> Slot {
    let tenant = Tenant(name: name, used: 0)
    let idle = tenants.indices.filter { tenants[$0].requestCount == 0 && $0 != lastToLeave }
    if tenants.count >= Self.mostRemembered, let slot = idle.min(by: { tenants[$0].used < tenants[$1].used }) {
      slots[tenants[slot].name] = nil
      tenants[slot] = tenant
      slots[name] = slot
      return slot
    }
    tenants.append(tenant)
    slots[name] = tenants.count - 1
    return tenants.count - 1
  }

  /// Traps unless the counts are those of the scheduler's lists; for tests.
  func _checkInvariants(requests: [Slot: Int], waiting: [Slot: Int]) {
    for (slot, tenant) in tenants.enumerated() {
      precondition(tenant.requestCount == requests[slot] ?? 0, "a tenant's requests are counted wrongly")
      precondition(tenant.waitingCount == waiting[slot] ?? 0, "a tenant's waiting requests are counted wrongly")
      precondition(slots[tenant.name] == slot, "a tenant is filed under a wrong name")
    }
    precondition(waitingTenantCount == waiting.count, "the tenants that wait are counted wrongly")
  }
}
