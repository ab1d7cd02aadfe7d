// One `rd_kafka_conf_t`: filled from defaults and from what the user gave, then handed to a client. librdkafka judges every name and
// value, and its words are what the user reads.

import Base
import CRdkafka

/// Owns a configuration until a client takes it.
struct KafkaConfiguration: ~Copyable {
  let pointer: OpaquePointer

  init() { pointer = rd_kafka_conf_new() }

  deinit { rd_kafka_conf_destroy(pointer) }

  /// Hands the configuration to librdkafka, which owns it from then on.
  consuming func take() -> OpaquePointer {
    let taken = pointer
    discard self
    return taken
  }

  /// Sets one property. `code` is the failure's: a default that librdkafka refuses is ours, any other the user's.
  func set(_ name: String, _ value: String, code: ExitCode = .badConfiguration) throws {
    var text = [CChar](repeating: 0, count: 512)
    let result = rd_kafka_conf_set(pointer, name, value, &text, text.count)
    guard result == RD_KAFKA_CONF_OK else {
      let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let shown = KafkaProperties.isSecret(name) ? "***" : value
      throw Failure(code, "Kafka property \(name)=\(shown): \(KafkaProperties.isSecret(name) ? "refused" : reason)")
    }
  }

  /// Sets `defaults`, then what the user gave, except what `reserved` names with a reason.
  func apply(
    defaults: [(name: String, value: String)], _ properties: KafkaProperties, reserved: [String: String]
  ) throws {
    for (name, value) in defaults { try set(name, value) }
    for (name, value) in properties.entries {
      if let reason = reserved[name] { throw Failure(.badConfiguration, "Kafka property \(name) cannot be set: \(reason)") }
      try set(name, value)
    }
  }

  /// The value of a numeric property as it stands.
  func integer(_ name: String) -> Int? { value(of: name).flatMap { Int($0) } }

  /// The value of a property as it stands; nil where it is longer than a word.
  func value(of name: String) -> String? {
    var text = [CChar](repeating: 0, count: 64)
    var count = text.count
    guard rd_kafka_conf_get(pointer, name, &text, &count) == RD_KAFKA_CONF_OK else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
