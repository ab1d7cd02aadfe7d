// A cluster for one test: `freshet-test-broker` in a process of its own, or the one that FRESHET_TEST_KAFKA names.

import Base
import Foundation
import KafkaTransport
import Records
import Testing

final class TestCluster {
  let servers: String
  let topic: String
  private let process: Process?
  private let input: Pipe?
  private let output: FileHandle?

  /// Whether the tests run against a broker that they cannot take down.
  static let isExternal = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"] != nil

  init(partitionCount: Int) throws {
    topic = "freshet-test-\(UUID().uuidString.lowercased())"
    if let external = ProcessInfo.processInfo.environment["FRESHET_TEST_KAFKA"] {
      servers = external
      (process, input, output) = (nil, nil, nil)
      // Makes the topic.
      try KafkaSink(KafkaAddress(servers: external, topic: topic), partitionCount: partitionCount).finish(timeoutMilliseconds: 0)
      return
    }
    let process = Process()
    let input = Pipe()
    let output = Pipe()
    process.executableURL = Self.executable
    process.arguments = ["--topic", "\(topic):\(partitionCount)"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    self.process = process
    self.input = input
    self.output = output.fileHandleForReading
    servers = Self.line(from: output.fileHandleForReading)
  }

  deinit {
    try? input?.fileHandleForWriting.close()
    process?.terminate()
    process?.waitUntilExit()
  }

  var address: KafkaAddress { KafkaAddress(servers: servers, topic: topic) }

  /// Tells the broker `down`, `up` or `rtt N`, and waits until it has done so.
  func tell(_ command: String) {
    input?.fileHandleForWriting.write(Data((command + "\n").utf8))
    if let output { _ = Self.line(from: output) }
  }

  private static func line(from file: FileHandle) -> String {
    var line: [UInt8] = []
    while let byte = file.readData(ofLength: 1).first, byte != 0x0a { line.append(byte) }
    return String(decoding: line, as: UTF8.self)
  }

  /// Products lie beside the test bundle.
  private static var executable: URL {
    var folder = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    while folder.path != "/" {
      let candidate = folder.appendingPathComponent("freshet-test-broker")
      if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
      folder.deleteLastPathComponent()
    }
    preconditionFailure("freshet-test-broker was not built")
  }
}

/// One record as a test states it.
struct TestRecord: Hashable {
  var key: String?
  var value: String
  var timestamp: Int64 = .min
  var partition: PartitionIndex = 0
  var offset: Offset = 0
}

extension RecordBatch {
  convenience init(_ records: [TestRecord]) {
    self.init()
    for record in records {
      let value = Array(record.value.utf8)
      let key = record.key.map { Array($0.utf8) }
      value.withUnsafeBufferPointer { value in
        if let key {
          key.withUnsafeBufferPointer { append(value: value, key: $0, timestamp: record.timestamp, offset: 0, partition: 0) }
        } else {
          append(value: value, key: nil, timestamp: record.timestamp, offset: 0, partition: 0)
        }
      }
    }
  }

  var records: [TestRecord] {
    (0..<count).map { index in
      TestRecord(
        key: key(index).map { String(decoding: $0, as: UTF8.self) }, value: String(decoding: value(index), as: UTF8.self),
        timestamp: slots[index].timestamp, partition: slots[index].partition, offset: slots[index].offset)
    }
  }
}

/// A source with the plainest of owners: it starts what it is given and keeps what it reads.
final class Reader {
  let source: KafkaSource
  private(set) var records: [TestRecord] = []
  private(set) var events: [PollResult] = []
  private let batch = RecordBatch()
  var startPositions: [PartitionOffset] = []

  init(_ cluster: TestCluster, group: String, properties: [(name: String, value: String)] = []) throws {
    source = try KafkaSource(cluster.address, group: group, properties: KafkaProperties(properties))
  }

  @discardableResult
  func poll(_ timeoutMilliseconds: Int = 100) throws -> PollResult {
    let result = try source.poll(into: batch, maximumCount: 1000, timeoutMilliseconds: timeoutMilliseconds)
    switch result {
    case .records: records += batch.records
    case .assigned(let partitions):
      events.append(result)
      try source.start(partitions, at: startPositions.filter { partitions.contains($0.partition) })
    case .revoked, .lost: events.append(result)
    case .idle, .endOfInput: break
    }
    return result
  }

  /// Polls until `condition` holds; a minute is long enough for any group.
  func poll(until condition: () -> Bool) throws {
    let end = Date().addingTimeInterval(60)
    while !condition() {
      guard Date() < end else {
        Issue.record("nothing more came: \(records.count) records, \(events)")
        return
      }
      try poll()
    }
  }
}
