// The threads that look up: each takes what waits, reads it in one round trip, and answers. While the store is away requests are refused at once, and the
// store is tried again behind their back, at growing intervals.

import Base
import Features
import HTTPServer
import Logging
import Synchronization

/// One request on its way.
final class LookupJob: Sendable {
  let request: FeatureRequest
  let reply: HTTPReply
  let isFeast: Bool
  /// When it had come whole, and when it was put into the queue, by the monotonic clock in ns.
  let receivedAt: UInt64
  let queuedAt: UInt64

  init(request: FeatureRequest, reply: HTTPReply, isFeast: Bool, receivedAt: UInt64, queuedAt: UInt64) {
    self.request = request
    self.reply = reply
    self.isFeast = isFeast
    self.receivedAt = receivedAt
    self.queuedAt = queuedAt
  }
}

/// What the threads share.
final class LookupShared: Sendable {
  let queue: LookupQueue<LookupJob>
  let settings: ServingSettings
  let counts = Mutex(ServingCounts())
  let measures: ServingMeasures
  let clock: any Clock
  let logger: Logger
  /// Takes lines of served values.
  let log: (@Sendable (UnsafeBufferPointer<UInt8>) throws -> Void)?
  /// Why the store cannot be read, by the number of the thread that says so.
  private let troubles = Mutex<[Int: String]>([:])

  init(
    _ plan: ServingPlan, _ settings: ServingSettings, log: (@Sendable (UnsafeBufferPointer<UInt8>) throws -> Void)?,
    _ clock: any Clock, _ logger: Logger
  ) {
    queue = LookupQueue(capacity: settings.queueCountMax)
    self.settings = settings
    measures = ServingMeasures(plan)
    self.log = log
    self.clock = clock
    self.logger = logger
  }

  /// Why the store cannot be read now; nil while it can.
  var trouble: String? { troubles.withLock { troubles in troubles.min { $0.key < $1.key }?.value } }

  /// - Parameter thread: Each says how the store is over its own connection.
  func note(trouble text: String?, of thread: Int) {
    let (before, after) = troubles.withLock { troubles in
      let before = troubles.isEmpty
      troubles[thread] = text
      return (before, troubles.isEmpty)
    }
    if before, !after {
      logger.warning(
        "the feature store does not answer; requests are refused until it does", metadata: ["reason": "\(text ?? "")"])
    } else if !before, after {
      logger.notice("the feature store answers again")
    }
  }

  static func unavailable(_ detail: String) -> HTTPResponse {
    var response = HTTPResponse.detail(detail, status: 503)
    response.headers = [("Retry-After", "1")]
    return response
  }
}

final class LookupThread {
  private let lookup: FeatureLookup
  private let shared: LookupShared
  private let number: Int
  private let recorder: ServingRecorder
  private let text = AnswerText()
  private let out = ByteBuffer(capacity: 1 << 16)
  private let lines = ByteBuffer()
  /// How long to wait before the store is tried again, in ms; 0 while it answers.
  private var backOff: Int64 = 0
  private var retryAt: UInt64 = 0

  private static let backOffMax: Int64 = 2000
  private static let away = LookupShared.unavailable("the feature store cannot be reached; try again")

  /// - Parameter number: Its own among the threads.
  init(_ lookup: FeatureLookup, _ shared: LookupShared, number: Int) {
    self.number = number
    self.lookup = lookup
    self.shared = shared
    recorder = ServingRecorder(shared.measures)
  }

  /// Until the queue is closed and empty.
  func run() {
    while true {
      let now = shared.clock.monotonicNanoseconds
      let patience = backOff == 0 ? 1000 : retryAt > now ? max(1, Int64((retryAt - now) / 1_000_000)) : 1
      guard
        let jobs = shared.queue.take(
          weightLimit: shared.settings.tripRowCountMax, timeoutMilliseconds: min(patience, Self.backOffMax))
      else { return }
      if backOff > 0 {
        refuse(jobs)
        if shared.clock.monotonicNanoseconds >= retryAt { tryAgain() }
      } else if !jobs.isEmpty {
        answer(jobs.filter { $0.reply.isWanted })
      }
    }
  }

  private func refuse(_ jobs: [LookupJob]) {
    for job in jobs { finish(job, Self.away) }
  }

  private func tryAgain() {
    do {
      try lookup.reader.ping()
      backOff = 0
      shared.note(trouble: nil, of: number)
    } catch { noteAway(error) }
  }

  private func noteAway(_ error: any Error) {
    backOff = backOff == 0 ? 50 : min(backOff * 2, Self.backOffMax)
    retryAt = shared.clock.monotonicNanoseconds &+ UInt64(backOff) * 1_000_000
    shared.counts.withLock { $0.tripFailureCount += 1 }
    shared.note(trouble: "\(error)", of: number)
  }

  private func answer(_ jobs: [LookupJob]) {
    guard !jobs.isEmpty else { return }
    let taken = shared.clock.monotonicNanoseconds
    do {
      try lookup.answer(jobs.map(\.request)) { index, result in
        switch result {
        case .success(let rows): answer(jobs[index], rows, takenAt: taken)
        case .failure(let error):
          let failure = error as? Failure
          finish(jobs[index], .detail("\(error)", status: failure?.code == .badData ? 422 : 500))
        }
      }
    } catch {
      noteAway(error)
      return refuse(jobs)
    }
    recorder.flush()
    shared.counts.withLock { counts in
      counts.tripCount += 1
      counts.tripRequestCount += Int64(jobs.count)
      counts.rowCount += Int64(jobs.reduce(0) { $0 + $1.request.rowCount })
      for (status, count) in text.takeCounts() { counts.values[status, default: 0] += count }
    }
  }

  private func answer(_ job: LookupJob, _ rows: ServedRows, takenAt taken: UInt64) {
    let started = shared.clock.monotonicNanoseconds
    out.removeAll()
    var timing = ServedTiming(
      parse: job.queuedAt &- job.receivedAt, queue: taken &- job.queuedAt, store: rows.storeNanoseconds,
      compute: rows.computeNanoseconds)
    if job.isFeast {
      text.appendFeast(rows, to: out)
    } else {
      text.appendRows(rows, timing, encodingSince: started, shared.clock, to: out)
    }
    // What was served is noted before it is known to have arrived.
    if let log = shared.log {
      lines.removeAll()
      text.appendLog(rows, to: lines)
      do { try log(lines.bytes) } catch {
        let isFirst = shared.counts.withLock { counts in
          counts.logFailureCount += 1
          return counts.logFailureCount == 1
        }
        if isFirst { shared.logger.error("served values cannot be noted", metadata: ["reason": "\(error)"]) }
      }
    }
    let encoded = shared.clock.monotonicNanoseconds
    timing.encode = encoded &- started
    recorder.note(rows, timing, nanoseconds: encoded &- job.receivedAt)
    finish(job, .json(out))
  }

  private func finish(_ job: LookupJob, _ response: HTTPResponse) {
    guard job.reply(response) else { return }
    let took = shared.clock.monotonicNanoseconds &- job.receivedAt
    shared.counts.withLock { counts in
      counts.note(job.isFeast ? "get-online-features" : "features", response.status)
      if response.status == 200 { counts.note(nanoseconds: took) }
    }
  }
}
