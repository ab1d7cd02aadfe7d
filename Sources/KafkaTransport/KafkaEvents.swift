// What librdkafka says outside of results: log lines (from its own threads) and errors (from the thread that polls). The lines go to the
// log at debug level; the errors are remembered, so that a failure can say why nothing answered.

import Base
import CRdkafka
import Logging
import Synchronization

/// The memory behind a client's callbacks; it outlives the client.
final class KafkaEvents: Sendable {
  struct Memory {
    /// The last error worth telling, in librdkafka's words.
    var lastError: String?
    /// Set by an error that no retry mends: a refused login, a broken TLS handshake.
    var refusal: String?
    var areAllBrokersDown = false
    /// Reported, not yet announced; see `KafkaEvents+Group.swift`.
    var rebalances: [Rebalance] = []
    var isLeavingGroup = false
    var hasBeenAssigned = false
    var hasJoined = false
    var commitFailureCount = 0
    var lastCommitFailure: String?
  }

  private let memory = Mutex(Memory())
  private let logger: Logger

  init(logger: Logger) { self.logger = logger }

  var lastError: String? { memory.withLock { $0.lastError } }
  var refusal: String? { memory.withLock { $0.refusal } }

  /// Installs the callbacks; `self` must live as long as the client made from `configuration`.
  func install(in configuration: borrowing KafkaConfiguration) {
    rd_kafka_conf_set_opaque(configuration.pointer, Unmanaged.passUnretained(self).toOpaque())
    rd_kafka_conf_set_log_cb(configuration.pointer) { client, level, facility, text in
      guard let client, let text, let opaque = rd_kafka_opaque(client) else { return }
      Unmanaged<KafkaEvents>.fromOpaque(opaque).takeUnretainedValue()
        .log(level: level, facility: facility.map { String(cString: $0) } ?? "", text: String(cString: text))
    }
    rd_kafka_conf_set_error_cb(configuration.pointer) { client, error, reason, opaque in
      guard let opaque else { return }
      Unmanaged<KafkaEvents>.fromOpaque(opaque).takeUnretainedValue()
        .note(error: rd_kafka_resp_err_t(error), reason: reason.map { String(cString: $0) } ?? "")
    }
  }

  private func log(level: Int32, facility: String, text: String) {
    // Levels are syslog's. What matters to the user comes back as an error or a result as well, so the lines stay out of sight.
    let swiftLevel: Logger.Level = level <= 2 ? .error : level <= 6 ? .debug : .trace
    logger.log(level: swiftLevel, "librdkafka", metadata: ["kafka.facility": "\(facility)", "kafka.text": "\(text)"])
  }

  func note(error: rd_kafka_resp_err_t, reason: String) {
    let text = reason.isEmpty ? String(cString: rd_kafka_err2str(error)) : reason
    var isNews = false
    memory.withLock { memory in
      switch error {
      case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        isNews = !memory.areAllBrokersDown
        memory.areAllBrokersDown = true
        // The errors before this one say why.
        if memory.lastError == nil { memory.lastError = text }
      case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR__SSL, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED,
        RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        memory.refusal = text
        memory.lastError = text
      default:
        memory.lastError = text
      }
    }
    if isNews { logger.debug("all Kafka brokers are down", metadata: ["kafka.reason": "\(text)"]) }
  }

  var areAllBrokersDown: Bool { memory.withLock { $0.areAllBrokersDown } }

  /// Called when a broker has answered.
  func noteAnswer() { memory.withLock { $0.areAllBrokersDown = false } }

  func add(_ rebalance: Rebalance) { memory.withLock { $0.rebalances.append(rebalance) } }

  func takeRebalance() -> Rebalance? {
    memory.withLock { $0.rebalances.isEmpty ? nil : $0.rebalances.removeFirst() }
  }

  /// Whether the group has ever given us partitions, or none of them.
  var hasBeenAssigned: Bool { memory.withLock { $0.hasBeenAssigned } }

  /// Whether it has done so since we last lost all of them.
  var hasJoined: Bool { memory.withLock { $0.hasJoined } }

  func noteAssignment() {
    memory.withLock {
      $0.hasBeenAssigned = true
      $0.hasJoined = true
    }
  }

  func noteLoss() { memory.withLock { $0.hasJoined = false } }

  var isLeavingGroup: Bool { memory.withLock { $0.isLeavingGroup } }

  func startLeavingGroup() { memory.withLock { $0.isLeavingGroup = true } }

  func noteCommitFailure(_ reason: String) {
    memory.withLock {
      $0.commitFailureCount += 1
      $0.lastCommitFailure = reason
    }
    logger.warning("a commit failed", metadata: ["kafka.reason": "\(reason)"])
  }

  var commitFailures: (count: Int, lastReason: String?) {
    memory.withLock { ($0.commitFailureCount, $0.lastCommitFailure) }
  }
}

extension rd_kafka_resp_err_t {
  /// librdkafka's sentence for the code.
  var text: String { String(cString: rd_kafka_err2str(self)) }

  /// Whether trying again can help.
  var isRetryable: Bool {
    switch self {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION, RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, RD_KAFKA_RESP_ERR__SSL,
      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__FATAL, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
      RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return false
    default:
      return true
    }
  }
}
