// Records as the bodies of POST requests: a webhook, a collector, an ingestion endpoint. One thread writes; a few threads of the sink's own send,
// each one request at a time, with bounded retries. A request that was answered too late may have arrived and be sent again: delivery is at
// least once, and in order only with one request at a time.

import Base
import Foundation
import Records

/// What a request holds.
public enum HTTPBatching: String, Sendable, CaseIterable {
  /// One record per line (`application/x-ndjson`).
  case lines
  /// One JSON array (`application/json`).
  case json
}

public struct HTTPSinkSettings: Sendable {
  public var headers = HTTPHeaders()
  public var batching = HTTPBatching.lines
  /// Records per request; 1 sends each record as it is (`application/json`).
  public var batchSize = 500
  /// How long a record waits for others, in ms.
  public var lingerMilliseconds: Int64 = 100
  /// Requests under way at once; order is kept only with 1.
  public var connectionCount = 4
  /// How long one attempt may take.
  public var timeoutMilliseconds = 30_000
  public var retries = RetryPolicy()

  public init() {}
}

public final class HTTPSink: Sink {
  public let name: String
  private let settings: HTTPSinkSettings
  private let client: HTTPClient
  private let outbox: HTTPOutbox
  private var senders: [JoinableThread] = []
  private let clock = SystemClock()
  private var pending = Data()
  private var pendingCount = 0
  /// When the first pending record came, of the monotonic clock.
  private var pendingSince: UInt64 = 0
  private var written: Int64 = 0
  private var writtenByteCount: Int64 = 0

  /// A body does not grow past this; a record that is larger goes alone.
  private static let bodyByteLimit = 4 << 20
  /// After so many requests that failed, one after the other and each with all its attempts, nothing more is sent.
  static let failureLimit = 8

  public init(_ address: HTTPAddress, _ settings: HTTPSinkSettings = HTTPSinkSettings()) {
    precondition(settings.batchSize > 0 && settings.connectionCount > 0, "a request needs a record and a connection")
    name = address.description
    self.settings = settings
    client = HTTPClient(timeoutMilliseconds: settings.timeoutMilliseconds)
    outbox = HTTPOutbox(limit: settings.connectionCount)
    let sender = HTTPSender(address: address, settings: settings, client: client, outbox: outbox)
    senders = (0..<settings.connectionCount).map { index in JoinableThread { sender.run(index) } }
  }

  deinit {
    outbox.cancel("given up")
    client.cancel()
    for sender in senders { try? sender.join() }
  }

  public var delivery: DeliveryCounts {
    let outcome = outbox.counts
    var counts = DeliveryCounts()
    counts.written = written
    counts.writtenByteCount = writtenByteCount
    counts.delivered = outcome.delivered
    counts.failed = outcome.failed
    counts.firstFailure = outcome.firstFailure.map { "\(name): \($0)" }
    return counts
  }

  /// Waits while all connections are busy and as many requests wait. Throws once `failureLimit` requests in a row have failed.
  public func write(_ batch: RecordBatch) throws {
    for index in 0..<batch.count {
      let value = batch.value(index)
      if pendingCount > 0, pending.count + value.count + 2 > Self.bodyByteLimit { submit() }
      append(value)
      if pendingCount == settings.batchSize {
        submit()
        try checkFailures()
      }
    }
    try poll()
  }

  public func poll() throws {
    if pendingCount > 0, clock.monotonicNanoseconds - pendingSince >= UInt64(settings.lingerMilliseconds) * 1_000_000 { submit() }
    try checkFailures()
  }

  /// Does not throw for records that failed: `delivery` has them. What is not answered in time counts as failed.
  public func finish(timeoutMilliseconds: Int) throws {
    let deadline = Date().addingTimeInterval(Double(timeoutMilliseconds) / 1000)
    if pendingCount > 0 { submit(until: deadline) }
    if !outbox.close(until: deadline) {
      outbox.cancel("not answered within \(timeoutMilliseconds) ms at the end")
      client.cancel()
    }
    for sender in senders { try sender.join() }
    senders = []
  }

  private func append(_ value: UnsafeBufferPointer<UInt8>) {
    if pendingCount == 0 {
      pendingSince = clock.monotonicNanoseconds
      if isArray { pending.append(UInt8(ascii: "[")) }
    } else if isArray {
      pending.append(UInt8(ascii: ","))
    }
    pending.append(value)
    if isLines { pending.append(UInt8(ascii: "\n")) }
    pendingCount += 1
    written += 1
    writtenByteCount += Int64(value.count)
  }

  private var isArray: Bool { settings.batching == .json && settings.batchSize > 1 }
  private var isLines: Bool { settings.batching == .lines && settings.batchSize > 1 }

  private func submit(until deadline: Date? = nil) {
    if isArray { pending.append(UInt8(ascii: "]")) }
    outbox.put(HTTPBody(bytes: pending, recordCount: pendingCount), until: deadline)
    pending = Data(capacity: pending.count)
    pendingCount = 0
  }

  private func checkFailures() throws {
    let outcome = outbox.counts
    guard outcome.failedInARow >= Self.failureLimit else { return }
    throw Failure(
      .unavailable,
      "\(name): \(outcome.failedInARow) requests in a row failed; the first failure: \(outcome.firstFailure ?? "unknown")",
      isRetryable: true)
  }
}

/// What each sending thread does.
private struct HTTPSender: Sendable {
  let address: HTTPAddress
  let settings: HTTPSinkSettings
  let client: HTTPClient
  let outbox: HTTPOutbox

  func run(_ index: Int) {
    // Only the waits between attempts are random; no two threads or processes should come back at once.
    var random = Random(seed: SystemClock().monotonicNanoseconds, UInt64(index), 0)
    let type = settings.batchSize > 1 && settings.batching == .lines ? "application/x-ndjson" : "application/json"
    let headers = [("Content-Type", type), ("User-Agent", "freshet")] + settings.headers.entries
    while let body = outbox.take() { outbox.settle(body, failure: deliver(body, headers, &random)) }
  }

  /// Sends until it is delivered or has failed for good; returns why it failed.
  private func deliver(_ body: HTTPBody, _ headers: [(name: String, value: String)], _ random: inout Random) -> String? {
    var attempt = 1
    while true {
      let outcome = Result { () throws(NoResponse) in try client.send("POST", address.url, headers: headers, body: body.bytes) }
      switch settings.retries.step(after: outcome, attempt: attempt, random: &random) {
      case .succeed: return nil
      case .fail: return reason(outcome, attempt)
      case .retry(let milliseconds):
        guard outbox.pause(milliseconds: milliseconds) else { return reason(outcome, attempt) }
        attempt += 1
      }
    }
  }

  private func reason(_ outcome: Result<HTTPResponse, NoResponse>, _ attempt: Int) -> String {
    let text =
      switch outcome {
      case .success(let response): response.summary
      case .failure(let failure): failure.reason
      }
    return attempt == 1 ? text : "\(text) (after \(attempt) attempts)"
  }
}
