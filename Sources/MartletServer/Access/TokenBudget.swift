internal import HTTPTypes
internal import Martlet
internal import Synchronization

/// Counts the tokens that each key uses in windows of time. A request reserves the most that it can cost and gives back
/// what it did not use, so requests that run together cannot exceed a budget together.
package final class TokenBudget: Sendable {
  /// So many tokens in each window.
  package struct Limit: Sendable, Hashable {
    package let tokens: Int
    package let window: Duration
  }

  /// Tokens taken out of a window.
  package struct Reservation: Sendable {
    fileprivate let name: String
    fileprivate let tokens: Int
    fileprivate let windowStart: ContinuousClock.Instant
  }

  private struct Window {
    var start: ContinuousClock.Instant
    var used: Int
  }

  private let windows = Mutex<[String: Window]>([:])
  private let clock = ContinuousClock()

  package init() {}

  /// Reserves the most that a request can cost; nil where its key has no budget.
  /// - Throws: a 429 with what is left and when the window ends.
  package func reserve(_ tokens: Int, for key: APIKeys.Entry) throws(APIError) -> Reservation? {
    guard let limit = key.budget else { return nil }
    // No waiting would help.
    guard tokens <= limit.tokens else {
      throw .field(
        "max_tokens",
        "lets the request cost \(tokens) tokens with its prompt; the whole budget of its API key is \(limit.tokens)",
        code: "insufficient_quota")
    }
    let now = clock.now
    let result = windows.withLock { windows -> Result<Reservation, APIError> in
      var window = windows[key.name] ?? Window(start: now, used: 0)
      if window.start.duration(to: now) >= limit.window { window = Window(start: now, used: 0) }
      defer { windows[key.name] = window }
      let left = limit.tokens - window.used
      guard tokens <= left else {
        let rest = limit.window - window.start.duration(to: now)
        return .failure(Self.exhausted(tokens, left, limit, rest))
      }
      window.used += tokens
      return .success(Reservation(name: key.name, tokens: tokens, windowStart: window.start))
    }
    return try result.get()
  }

  /// Gives back what a request did not use, if its window still lasts.
  package func settle(_ reservation: Reservation, used: Int) {
    windows.withLock { windows in
      guard var window = windows[reservation.name], window.start == reservation.windowStart else { return }
      window.used -= reservation.tokens - min(used, reservation.tokens)
      windows[reservation.name] = window
    }
  }

  private static func exhausted(_ tokens: Int, _ left: Int, _ limit: Limit, _ rest: Duration) -> APIError {
    let seconds = max(1, Int(rest.seconds.rounded(.up)))
    var error = APIError(
      .tooManyRequests,
      "the request can cost \(tokens) tokens, and \(left) of the key's \(limit.tokens) are left for the next \(seconds) s; "
        + "ask for fewer tokens or try again then", type: "insufficient_quota", code: "insufficient_quota")
    error.retryAfter = seconds
    error.details = [("tokens_left", .int(left)), ("seconds_left", .int(seconds))]
    return error
  }
}
