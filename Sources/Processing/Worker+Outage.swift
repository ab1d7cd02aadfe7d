// A store that cannot be reached ends no worker. What was to be done is done again until it succeeds, and in between the worker goes on
// polling, with the source paused, so that rebalances are answered and memory stays as it is.
//
//   running -> (retryable failure) -> without store -> tries at 50 ms, 100 ms, ... 5 s, each with jitter -> running
//                                       | revoked, lost: dropped unwritten; the next owner computes it again
//                                       | assigned: waits
//                                       | the end was asked for: `drainMilliseconds`, then failure 69

import Base
import Features
import Logging
import Records

/// A time without a store; all times by the monotonic clock in ms.
struct Outage {
  let since: Int64
  var nextTry: Int64
  var pause: Int64
  var nextWarning: Int64
  var reason: String

  static let pauseMin: Int64 = 50
  static let pauseMax: Int64 = 5000
  static let warningEvery: Int64 = 10_000
}

extension Worker {
  /// Does what needs the store, again and again until it succeeds. Partitions may come and go in between: `body` looks at what is there.
  func untilStored<Result>(_ body: () throws -> Result) throws -> Result {
    while true {
      do {
        let result = try body()
        try endOutage()
        return result
      } catch let failure as Failure where failure.isRetryable {
        try noteFailure(failure)
      } catch let overtaken as CheckpointOvertaken {
        // Refused is answered, too: reading must not stay paused.
        try endOutage()
        throw overtaken
      }
      try waitOut()
    }
  }

  private func noteFailure(_ failure: Failure) throws {
    // The source gives them up at the next poll.
    if !leaving.isEmpty { dropUnwritten(leaving) }
    if outage == nil {
      counts.outages += 1
      outage = Outage(
        since: now, nextTry: now, pause: Outage.pauseMin, nextWarning: now + Outage.warningEvery, reason: failure.message)
      logger.warning(
        "the store does not answer; reading pauses, and goes on when it does", metadata: ["reason": "\(failure.message)"])
      try source.setPaused(true)
    }
    outage!.reason = failure.message
    outage!.nextTry = now + jittered(outage!.pause)
    outage!.pause = min(outage!.pause * 2, Outage.pauseMax)
  }

  private func endOutage() throws {
    guard let ended = outage else { return }
    outage = nil
    counts.withoutStoreMilliseconds += now - ended.since
    lastRecordAt = now
    logger.notice("the store answers again", metadata: ["seconds": "\((now - ended.since) / 1000)"])
    try source.setPaused(false)
  }

  /// Half of `pause` and up to as much again: workers that lost the store together do not come back together.
  func jittered(_ pause: Int64) -> Int64 { pause / 2 + random.integer(in: 0...pause) }

  /// Polls until the next try is due.
  private func waitOut() throws {
    while let outage, now < outage.nextTry {
      try checkDeadline(outage)
      if now >= outage.nextWarning {
        self.outage!.nextWarning = now + Outage.warningEvery
        logger.warning(
          "still without the store", metadata: ["reason": "\(outage.reason)", "seconds": "\((now - outage.since) / 1000)"])
      }
      let timeout = Int(min(max(outage.nextTry - now, 1), 200))
      switch try source.poll(into: spareBatch, maximumCount: 1, timeoutMilliseconds: timeout) {
      case .idle, .endOfInput: break
      case .records: preconditionFailure("a paused source gave records")
      case .assigned(let assigned):
        // Read from when they are taken; until then it does not matter where the source stands.
        try source.start(assigned, at: [])
        for index in assigned { waiting[index] = WaitingPartition(due: now) }
      case .revoked(let revoked): dropUnwritten(Set(revoked))
      case .lost(let lost): drop(lost)
      }
      publish()
    }
    if let outage { try checkDeadline(outage) }
  }

  /// Once the end was asked for, a store may take `drainMilliseconds` to come back.
  private func checkDeadline(_ outage: Outage) throws {
    guard isStopping else { return }
    let deadline = stopDeadline ?? now + settings.drainMilliseconds
    stopDeadline = deadline
    guard now >= deadline else { return }
    let count = rows.rows.count
    throw Failure(
      .unavailable,
      "ended without the store, which did not answer for \((now - outage.since) / 1000) s: \(outage.reason). "
        + "At least \(count) rows of \(partitions.count) partitions were not written; nothing is lost: the next start computes them again"
    )
  }

  /// Partitions that go to another owner while the store is not there: it finds what was saved last, and reads on from there.
  private func dropUnwritten(_ revoked: Set<PartitionIndex>) {
    leaving.subtract(revoked)
    logger.warning(
      "partitions given up unwritten, because the store does not answer; their next owner computes them again",
      metadata: ["partitions": "\(revoked.sorted())"])
    forget(revoked)
  }
}
