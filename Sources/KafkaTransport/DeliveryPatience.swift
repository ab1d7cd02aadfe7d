// How long to wait for librdkafka: as long as delivery reports come in, and no longer than a bound without any.

import Base

/// Watches one wait.
struct DeliveryPatience {
  private var reported: Int64
  private var since: UInt64?

  /// - Parameters:
  ///   - reported: Delivery reports so far.
  ///   - since: When the wait began, by the monotonic clock in ns; nil for the first check.
  init(reported: Int64, since: UInt64? = nil) {
    self.reported = reported
    self.since = since
  }

  /// Throws `.unavailable` where no report has come for longer than `limit` ns. `state` says in what state, as in ` with a full queue`.
  mutating func check(
    reported newReported: Int64, at now: UInt64, limit: UInt64, name: String, state: StaticString = "", _ client: KafkaHandle
  ) throws {
    guard newReported == reported, let since else {
      reported = newReported
      since = now
      return
    }
    guard now - since > limit else { return }
    let reason = client.events.lastError.map { ": \($0)" } ?? ""
    throw Failure(
      .unavailable, "\(name): no delivery confirmed for \(limit / 1_000_000_000) s\(state)\(reason)", isRetryable: true)
  }
}
