internal import Glibc

/// How often and after what time something that failed is tried again.
package struct RetryPolicy: Sendable {
  /// Attempts in a row that get nothing done, before it is given up.
  package var attempts: Int
  /// The pause after the first of them; each further one doubles it.
  package var pause: Duration
  /// The longest wait that a server may ask for.
  package var longestWait: Duration
  /// Waits; tests put another clock here.
  package var sleep: @Sendable (Duration) async throws -> Void

  package init(
    attempts: Int = 5, pause: Duration = .seconds(1), longestWait: Duration = .seconds(120),
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    self.attempts = attempts
    self.pause = pause
    self.longestWait = longestWait
    self.sleep = sleep
  }

  /// The wait that a `Retry-After` header asks for, which has seconds or a date in it (RFC 9110, section 10.2.3).
  /// - Parameter now: in seconds since 1970; nil for the clock's.
  /// - Returns: nil if it makes no sense.
  package static func wait(retryAfter text: String, now: Int? = nil) -> Duration? {
    if let seconds = Int(text) { return .seconds(max(0, seconds)) }
    // Sun, 06 Nov 1994 08:49:37 GMT
    let parts = text.split { $0 == " " || $0 == "," || $0 == ":" }
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard parts.count == 8, parts[7] == "GMT", let month = months.firstIndex(of: String(parts[2])) else { return nil }
    func number(_ index: Int, _ range: ClosedRange<Int32>) -> Int32? {
      Int32(parts[index]).flatMap { range.contains($0) ? $0 : nil }
    }
    guard let day = number(1, 1...31), let year = number(3, 1970...9999), let hour = number(4, 0...23),
      let minute = number(5, 0...59), let second = number(6, 0...60)
    else { return nil }
    var date = tm()
    (date.tm_year, date.tm_mon, date.tm_mday) = (year - 1900, Int32(month), day)
    (date.tm_hour, date.tm_min, date.tm_sec) = (hour, minute, second)
    return .seconds(max(0, timegm(&date) - (now ?? time(nil))))
  }
}

/// The attempts at one thing.
struct Retries: Sendable {
  let policy: RetryPolicy
  /// What is attempted, for messages: "fetching model.safetensors".
  let subject: String
  let report: @Sendable (PullEvent) -> Void
  private var failures = 0

  init(_ subject: String, _ policy: RetryPolicy, report: @escaping @Sendable (PullEvent) -> Void) {
    self.subject = subject
    self.policy = policy
    self.report = report
  }

  /// Waits until the next attempt is due.
  /// - Parameter hasProgress: whether the attempt that failed got something done, so that counting begins anew.
  /// - Throws: `HubError` if there is no next attempt.
  mutating func wait(after failure: TransientFailure, hasProgress: Bool = false) async throws {
    failures = hasProgress ? 1 : failures + 1
    guard failures < policy.attempts else {
      throw HubError(
        code: .unavailable,
        message: "\(subject) failed \(failures) times: \(failure.reason); try again later")
    }
    let wait = failure.retryAfter ?? policy.pause * (1 << min(failures - 1, 6))
    guard wait <= policy.longestWait else {
      throw HubError(
        code: .unavailable,
        message: "\(subject) failed: \(failure.reason); the server asks to try again in \(wait.components.seconds) s")
    }
    report(.retrying(reason: "\(subject): \(failure.reason)", after: wait))
    try await policy.sleep(wait)
  }
}
