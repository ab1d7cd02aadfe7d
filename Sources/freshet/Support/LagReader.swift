// How many records lie ahead of a pipeline: what its process says, or, where nobody was named to ask, the ends of the topic less what the fences in
// Redis say has been processed.

import Base
import Features
import Foundation
import HTTPTransport
import KafkaTransport
import Monitoring
import Processing
import Records
import RedisStore

protocol LagReader: AnyObject {
  /// Nil where it is not known yet.
  func lag() throws -> Int64?
  /// What makes the figures of a load test doubtful; nil where nothing does.
  var warning: String? { get }
}

/// Asks processes at `/status.json`.
final class StatusLagReader: LagReader {
  private let client = HTTPClient(timeoutMilliseconds: 2000)
  private let urls: [URL]
  private var lookCount = 0
  private(set) var warning: String?

  init(_ addresses: [String]) throws {
    urls = try addresses.map { text in
      let base = text.hasSuffix("/") ? String(text.dropLast()) : text
      guard base.hasPrefix("http://") || base.hasPrefix("https://"), let url = URL(string: base) else {
        throw Failure(.usage, "--status: expected the address of a process, such as http://127.0.0.1:9464, found '\(text)'")
      }
      return url
    }
  }

  func lag() throws -> Int64? {
    var sum: Int64?
    for url in urls {
      let body = try get(url.appending(path: "status.json"))
      guard let document = try? MonitoringJSON.decode(StatusDocument.self, from: body) else {
        throw Failure(.unavailable, "\(url)/status.json is not what a process of freshet answers")
      }
      if let lag = document.process?.lagRecords { sum = (sum ?? 0) + lag }
    }
    lookCount += 1
    if warning == nil, lookCount % 8 == 0 { lookForMissingOffsets() }
    return sum
  }

  private func lookForMissingOffsets() {
    for url in urls {
      guard let body = try? get(url.appending(path: "metrics")) else { continue }
      let name = "freshet_process_missing_offsets_total "
      let line = String(decoding: body, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix(name) }
      guard let count = line.flatMap({ Int64($0.dropFirst(name.count)) }), count > 0 else { continue }
      warning =
        "the processor has met \(count) offsets that no record had: the broker has dropped records before they were read, as an embedded broker "
        + "does beyond 5 MiB of a partition; loads at which that happens look lighter than they are"
    }
  }

  private func get(_ url: URL) throws -> Data {
    let response: HTTPResponse
    do { response = try client.send("GET", url) } catch {
      throw Failure(.unavailable, "\(url): \(error.reason)", isRetryable: true)
    }
    guard response.status == 200 else { throw Failure(.unavailable, "\(url): HTTP \(response.status)", isRetryable: true) }
    return response.body
  }
}

/// Compares the topic with the fences of its partitions.
final class FenceLagReader: LagReader {
  private let ends: KafkaLogEnds
  private let reader: RedisReader
  private let keys: [String]
  private(set) var warning: String?

  init(_ ends: KafkaLogEnds, _ reader: RedisReader, keys: FenceKeys) {
    self.ends = ends
    self.reader = reader
    self.keys = (0..<ends.partitionCount).map { keys.fence(PartitionIndex($0)) }
  }

  func lag() throws -> Int64? {
    let processed = try reader.values(of: "next_offset", in: keys)
    let ranges = try ends.ask()
    var sum: Int64?
    for (partition, (range, text)) in zip(ranges, processed).enumerated() {
      guard let next = text.flatMap({ Int64($0) }) else { continue }
      sum = (sum ?? 0) + max(0, range.upperBound - next)
      if range.lowerBound > next, warning == nil {
        warning =
          "partition \(partition) begins at offset \(range.lowerBound), and only what is before \(next) had been processed: the broker drops "
          + "records before they are read, as an embedded broker does beyond 5 MiB of a partition; loads at which that happens look lighter than they are"
      }
    }
    return sum
  }
}
