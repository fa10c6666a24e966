/// Shares the engine between tenants by start-time fair queueing (Goyal, Vin and Cheng, 1996).
///
/// Every request is a piece of work of so many tokens. A tenant's pieces lie end to end on a line of virtual time, where
/// the first one starts at the present; whoever starts earliest goes first. So of two tenants that both have requests
/// waiting each gets half of the tokens, however many requests one of them sends, while one alone gets everything. The
/// requests of one tenant keep the order of their arrival.
struct FairShares: Sendable {
  /// A request's piece of the line.
  struct Place: Sendable, Hashable {
    let tenant: String?
    let start: UInt64
    let length: UInt64
  }

  private struct Tenant: Sendable {
    var lastStart: UInt64
    var end: UInt64
    var requestCount: Int
  }

  /// The start of the piece last begun.
  private var now: UInt64 = 0
  private var tenants: [String?: Tenant] = [:]
  /// Tenants that are remembered beyond their last request, so that nobody starts anew by leaving for a moment.
  private static let mostIdle = 4096

  /// Takes in a request of at most `tokens` tokens.
  mutating func add(tenant name: String?, tokens: Int) -> Place {
    var tenant = tenants[name] ?? Tenant(lastStart: now, end: now, requestCount: 0)
    let place = Place(tenant: name, start: max(now, tenant.end), length: UInt64(max(tokens, 1)))
    tenant.lastStart = place.start
    tenant.end = place.start &+ place.length
    tenant.requestCount += 1
    tenants[name] = tenant
    return place
  }

  /// Takes in that a request has begun.
  mutating func begin(_ place: Place) { now = max(now, place.start) }

  /// Takes in that a request has ended after `tokens` tokens: its tenant is not charged for the rest.
  mutating func end(_ place: Place, tokens: Int) {
    guard var tenant = tenants[place.tenant] else { return }
    tenant.requestCount -= 1
    let unused = place.length - min(place.length, UInt64(max(tokens, 0)))
    // Not before the last request that waits, or the next one would pass it.
    tenant.end = max(tenant.lastStart, tenant.end - min(unused, tenant.end))
    tenants[place.tenant] = tenant.requestCount == 0 && tenant.end <= now ? nil : tenant
    if tenants.count > Self.mostIdle { tenants = tenants.filter { $0.value.requestCount > 0 } }
  }
}
