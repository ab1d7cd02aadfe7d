// Whether and when to send a request again: a pure function of what came back. Exponential backoff with "equal jitter" (M. Brooker, "Exponential
// Backoff And Jitter"): half of the wait is fixed, half is random, so that many senders do not come back at once.

import Base
import Foundation

public struct RetryPolicy: Sendable, Equatable {
  /// Times that a request is sent at most: with the waits below it takes a server some twenty seconds to be given up.
  public var attemptLimit = 9
  /// The wait before the second attempt, at most; it doubles with each.
  public var firstWaitMilliseconds: Int64 = 100
  public var longestWaitMilliseconds: Int64 = 10_000
  /// The longest wait that a server may ask for; what it asks for beyond is cut.
  public var longestRetryAfterMilliseconds: Int64 = 60_000

  public init() {}

  public enum Step: Equatable, Sendable {
    case succeed
    case retry(afterMilliseconds: Int64)
    case fail
  }

  /// What to do after the `attempt`-th attempt (from 1).
  public func step(after outcome: Result<HTTPResponse, NoResponse>, attempt: Int, random: inout Random) -> Step {
    var asked: Int64?
    if case .success(let response) = outcome {
      if (200..<300).contains(response.status) { return .succeed }
      guard Self.isTransient(response.status) else { return .fail }
      asked = response.retryAfterMilliseconds
    }
    guard attempt < attemptLimit else { return .fail }
    if let asked { return .retry(afterMilliseconds: min(asked, longestRetryAfterMilliseconds)) }
    let longest = min(longestWaitMilliseconds, firstWaitMilliseconds << Int64(min(attempt - 1, 30)))
    return .retry(afterMilliseconds: longest / 2 + Int64(random.below(UInt64(longest / 2 + 1))))
  }

  /// Answers that a later attempt may not get: timeouts, too many requests, the server's own faults.
  static func isTransient(_ status: Int) -> Bool { status == 408 || status == 429 || (500..<600).contains(status) }

  /// `Retry-After` as seconds or as a date (RFC 9110, section 10.2.3), in ms from now; nil where it is neither.
  static func retryAfter(_ text: String, nowMilliseconds: Int64) -> Int64? {
    let text = text.trimmingCharacters(in: .whitespaces)
    if !text.isEmpty, text.utf8.allSatisfy({ $0 &- 48 < 10 }) { return Int64(text).map { min($0, 1 << 40) * 1000 } }
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(identifier: "GMT")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
    return format.date(from: text).map { max(0, Int64($0.timeIntervalSince1970 * 1000) - nowMilliseconds) }
  }
}
