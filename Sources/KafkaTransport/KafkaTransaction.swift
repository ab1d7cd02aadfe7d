// Transactions of a sink, as librdkafka documents them (rdkafka.h, "Transactional producer API"): a retriable error is tried again within
// a bound, one that requires an abort loses the records of its transaction, any other ends the sink.
//
//            write                    interval over, finish
//   closed ----------> open ------------------------------> committed = closed
//                        |  a record failed, the coordinator refuses
//                        +-------------------------------> aborted = closed; the third in a row ends the sink

import Base
import CRdkafka

/// The open transaction and what became of those before it.
struct KafkaTransaction {
  let settings: KafkaTransactions
  var isOpen = false
  /// Set by a record that the open transaction did not take.
  var hasFailed = false
  /// Of the monotonic clock.
  var opened: UInt64 = 0
  /// Records delivered before the open transaction began.
  var deliveredBefore: Int64 = 0
  /// Records that were delivered into transactions that were then aborted.
  var lostCount: Int64 = 0
  var firstAbort: String?
  /// Aborted ones since the last that was committed.
  var abortCount = 0

  static let abortLimit = 3

  /// Registers the producer with its coordinator, which fences older holders of the identifier and aborts what they left open.
  init(_ settings: KafkaTransactions, client: KafkaHandle, timeoutMilliseconds: Int) throws {
    self.settings = settings
    let what = "transactional.id \(settings.identifier)"
    switch Self.attempt(client, timeoutMilliseconds: timeoutMilliseconds, { rd_kafka_init_transactions(client.pointer, $0) }) {
    case .done: return
    case .abortable(let reason), .refused(let reason): throw Failure(.unavailable, "\(client.name): \(what): \(reason)")
    case .late(let reason): throw Failure(.unavailable, "\(client.name): \(what): \(reason)", isRetryable: true)
    }
  }

  /// Records of the open transaction among `delivered`.
  func openCount(_ delivered: Int64) -> Int64 { isOpen ? delivered - deliveredBefore : 0 }

  /// The producer's properties; a record must not outlive its transaction, so its timeout is the transaction's unless the user gave one.
  static func apply(
    _ settings: KafkaTransactions, _ properties: KafkaProperties, to configuration: borrowing KafkaConfiguration
  ) throws {
    try configuration.set("transactional.id", settings.identifier)
    guard properties["message.timeout.ms"] == nil, properties["delivery.timeout.ms"] == nil else { return }
    try configuration.set("message.timeout.ms", String(configuration.integer("transaction.timeout.ms") ?? 60_000))
  }

  /// How a call of the transactional API ended.
  enum Outcome {
    case done
    case abortable(String)
    /// Retriable, but the time is over.
    case late(String)
    /// Fatal, or neither retriable nor abortable, which is to be treated as fatal.
    case refused(String)
  }

  /// Calls until it is done, repeating what is retriable for `timeoutMilliseconds`.
  static func attempt(
    _ client: KafkaHandle, timeoutMilliseconds: Int, _ call: (_ timeoutMilliseconds: Int32) -> OpaquePointer?
  ) -> Outcome {
    let clock = SystemClock()
    let deadline = clock.monotonicNanoseconds + UInt64(max(0, timeoutMilliseconds)) * 1_000_000
    while true {
      let now = clock.monotonicNanoseconds
      let left = now < deadline ? Int((deadline - now) / 1_000_000) : 0
      guard let error = call(Int32(clamping: max(1, left))) else { return .done }
      defer { rd_kafka_error_destroy(error) }
      let reason = String(cString: rd_kafka_error_string(error))
      if rd_kafka_error_txn_requires_abort(error) != 0 { return .abortable(reason) }
      guard rd_kafka_error_is_retriable(error) != 0 else { return .refused(reason) }
      guard clock.monotonicNanoseconds < deadline else { return .late(reason) }
      // Also serves delivery reports.
      rd_kafka_poll(client.pointer, 50)
    }
  }
}

extension KafkaSink {
  /// Time for a commit that no one asked to be shorter.
  private static let commitTimeoutMilliseconds = 30_000
  private static let abortTimeoutMilliseconds = 10_000

  func beginTransaction(_ client: KafkaHandle) throws {
    guard transaction?.isOpen == false else { return }
    if let error = rd_kafka_begin_transaction(client.pointer) {
      defer { rd_kafka_error_destroy(error) }
      throw Failure(.unavailable, "\(name): no transaction begins: \(String(cString: rd_kafka_error_string(error)))")
    }
    transaction?.isOpen = true
    transaction?.hasFailed = false
    transaction?.opened = clock.monotonicNanoseconds
    transaction?.deliveredBefore = counters.pointee.delivered
  }

  /// Commits once the interval is over.
  func commitDueTransaction(_ client: KafkaHandle) throws {
    guard let transaction, transaction.isOpen else { return }
    let interval = UInt64(transaction.settings.commitIntervalMilliseconds) * 1_000_000
    guard clock.monotonicNanoseconds - transaction.opened >= interval else { return }
    try commitTransaction(client, timeoutMilliseconds: Self.commitTimeoutMilliseconds)
  }

  func commitTransaction(_ client: KafkaHandle, timeoutMilliseconds: Int) throws {
    // The commit waits for every record, and calls nobody back with its report: that is done here.
    rd_kafka_flush(client.pointer, Int32(clamping: timeoutMilliseconds))
    let outcome = KafkaTransaction.attempt(client, timeoutMilliseconds: timeoutMilliseconds) {
      rd_kafka_commit_transaction(client.pointer, $0)
    }
    switch outcome {
    case .done:
      transaction?.isOpen = false
      transaction?.abortCount = 0
    case .abortable(let reason): try abortTransaction(reason, client)
    case .late(let reason), .refused(let reason):
      throw Failure(.unavailable, "\(name): the transaction is not committed: \(reason)")
    }
  }

  /// Ends a transaction that takes no more records, so that the next ones get a new one.
  func endFailedTransaction(_ client: KafkaHandle) throws {
    guard let transaction, transaction.isOpen, transaction.hasFailed else { return }
    try abortTransaction(client.events.lastError ?? "a record could not be delivered", client)
    try beginTransaction(client)
  }

  private func abortTransaction(_ reason: String, _ client: KafkaHandle) throws {
    rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    rd_kafka_flush(client.pointer, Int32(Self.abortTimeoutMilliseconds))
    let outcome = KafkaTransaction.attempt(client, timeoutMilliseconds: Self.abortTimeoutMilliseconds) {
      rd_kafka_abort_transaction(client.pointer, $0)
    }
    closeAborted(reason)
    guard case .done = outcome else {
      throw Failure(.unavailable, "\(name): a transaction cannot be aborted; it failed by: \(reason)")
    }
    let count = transaction?.abortCount ?? 0
    if count >= KafkaTransaction.abortLimit {
      throw Failure(.unavailable, "\(name): \(count) transactions in a row were aborted; the last one: \(reason)")
    }
  }

  private func closeAborted(_ reason: String) {
    guard var state = transaction else { return }
    state.lostCount += state.openCount(counters.pointee.delivered)
    state.isOpen = false
    state.abortCount += 1
    state.firstAbort = state.firstAbort ?? reason
    transaction = state
  }

  /// Leaves nothing open behind a failure; best effort, since that failure is the one to tell.
  func abandonTransaction() {
    guard let client, transaction?.isOpen == true else { return }
    rd_kafka_purge(client.pointer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT)
    rd_kafka_flush(client.pointer, 1000)
    _ = KafkaTransaction.attempt(client, timeoutMilliseconds: 2000) { rd_kafka_abort_transaction(client.pointer, $0) }
    closeAborted("given up")
  }
}
