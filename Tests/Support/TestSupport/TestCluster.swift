// A cluster for one test: `freshet-test-broker` in a process of its own, or the one that FRESHET_TEST_KAFKA names.

import Base
import Foundation
import KafkaTransport
import Records

public final class TestCluster {
  public let servers: String
  public let topic: String
  private let broker: Program?
  /// Lines that the broker has printed and that were waited for.
  private var lineCount = 1

  /// Whether the tests run against a broker that they cannot take down.
  public static let isExternal = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"] != nil

  public init(partitionCount: Int) throws {
    topic = "freshet-test-\(UUID().uuidString.lowercased())"
    if let external = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"] {
      servers = external
      broker = nil
      // Makes the topic.
      try KafkaSink(KafkaAddress(servers: external, topic: topic), partitionCount: partitionCount).finish(timeoutMilliseconds: 0)
      return
    }
    let broker = try Program("freshet-test-broker", ["--topic", "\(topic):\(partitionCount)"], input: .open)
    self.broker = broker
    servers = try Self.line(0, from: broker)
  }

  /// Properties for members of a group that shall notice soon who came and who died. All members of a group need the same ones: the embedded
  /// broker lets a new one wait for as long as the last one's session.
  public static let groupProperties: [(name: String, value: String)] = [
    ("heartbeat.interval.ms", "200"), ("session.timeout.ms", isExternal ? "6000" : "3000"),
  ]

  public var address: KafkaAddress { KafkaAddress(servers: servers, topic: topic) }

  /// Tells the broker `down`, `up`, `rtt N` or `topic NAME:N`, and waits until it has done so.
  public func tell(_ command: String) throws {
    guard let broker else { preconditionFailure("an external broker takes no commands") }
    broker.write(command + "\n")
    _ = try Self.line(lineCount, from: broker)
    lineCount += 1
  }

  /// Throws where the broker has ended by itself: whatever waits for it waits in vain.
  public func check() throws {
    guard let broker, !broker.isRunning else { return }
    throw Failure(.unavailable, "the test broker ended by itself, with \(broker.wait().status): \(broker.errorsSoFar.prefix(500))")
  }

  /// What a group has committed, by partition.
  public func committedOffsets(of group: String) throws -> [PartitionIndex: Offset] {
    let source = try KafkaSource(address, group: group, properties: KafkaProperties(Self.groupProperties))
    let batch = RecordBatch()
    let isAssigned = try waitUntil {
      if case .assigned = try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 100) { true } else { false }
    }
    guard isAssigned else { throw Failure(.unavailable, "the group \(group) gives no partitions to a new member") }
    let offsets = try source.assignedPartitions.compactMap { partition in
      try source.committedOffset(of: partition).map { (partition, $0) }
    }
    try source.close()
    return Dictionary(uniqueKeysWithValues: offsets)
  }

  private static func line(_ index: Int, from broker: Program) throws -> String {
    var lines: [Substring] = []
    let hasCome = waitUntil(seconds: 30) {
      lines = broker.outputSoFar.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      return lines.count > index
    }
    guard hasCome else { throw Failure(.unavailable, "the test broker says nothing: \(broker.errorsSoFar)") }
    return String(lines[index])
  }
}
