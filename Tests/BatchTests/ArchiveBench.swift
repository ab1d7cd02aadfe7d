// An archive in a folder of a test, the log that it is made from, and what must hold of both in the end.

import Base
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import Batch

/// What stands at one offset of a log.
enum LogEntry: Equatable {
  case record(String, time: Int64?)
  case tombstone
  /// Compaction or a transaction left nothing here.
  case nothing

  /// A record at a time, in ms.
  static func at(_ time: Int64, _ extra: String = "") -> LogEntry { .record("{\"t\":\(time)\(extra)}", time: time) }
}

/// Stands for a process that ends without a word.
struct Crash: Error {}

final class ArchiveBench {
  let folder = TestFolder(inMemory: true)
  let clock = ManualClock()
  var definition: ArchiveDefinition
  /// By partition and offset, from the partition's first offset on.
  var log: [PartitionIndex: [LogEntry]] = [:]
  var firstOffsets: [PartitionIndex: Offset] = [:]
  static let hour: Int64 = 3_600_000

  static let source = SourceDefinition(
    name: "clicks", kafka: nil, schema: nil, eventTime: EventTimeSettings(path: FieldPath(["t"]), format: .epochMilliseconds),
    latenessMilliseconds: 0, idleTimeoutMilliseconds: nil, errorAction: .skip)

  init(format: ArchiveDefinition.Format = .zstd, rollByteCount: Int64 = 1 << 20, rollEvery: Int64 = 60_000) {
    definition = ArchiveDefinition(
      path: folder.file("archive"), format: format, rollEveryMilliseconds: rollEvery, rollByteCount: rollByteCount, sources: [0])
  }

  func writer() throws -> ArchiveWriter {
    let writer = try ArchiveWriter(definition, source: Self.source, clock: clock)
    writer.lockPatienceMilliseconds = 0
    return writer
  }

  func catalog() throws -> ArchiveCatalog { try ArchiveCatalog(path: definition.path, source: "clicks") }
  var manifestPath: String { "\(definition.path)/_freshet/clicks/p00000.manifest" }
  var partNames: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(definition.path)/_freshet/clicks/parts")) ?? []).sorted()
  }

  func first(_ partition: PartitionIndex) -> Offset { firstOffsets[partition] ?? 0 }
  func end(_ partition: PartitionIndex) -> Offset { first(partition) + Offset(log[partition]?.count ?? 0) }

  /// The records of a stretch of a partition's log, as a source gives them.
  func batch(_ range: Range<Offset>, of partition: PartitionIndex = 0) -> RecordBatch {
    let batch = RecordBatch()
    for offset in range {
      switch log[partition]![Int(offset - first(partition))] {
      case .record(var value, _):
        value.withUTF8 { batch.append(value: $0, key: nil, timestamp: .min, offset: offset, partition: partition) }
      case .tombstone:
        batch.append(RecordSlot(valueStart: 0, valueCount: 0, offset: offset, partition: partition, marks: .tombstone))
      case .nothing: break
      }
    }
    return batch
  }

  /// Archives what is left of the log, and what an earlier writer left open.
  func writeRest(_ partition: PartitionIndex = 0) throws {
    let writer = try writer()
    let start = try writer.begin(partition) ?? first(partition)
    try writer.write(batch(start..<end(partition), of: partition))
    try writer.finish(partition)
  }

  /// What the archive gives back.
  func read(
    _ partition: PartitionIndex = 0, from firstTime: Int64? = nil, through lastTime: Int64? = nil, at offset: Offset = 0,
    batchCount: Int = 7
  ) throws -> [(offset: Offset, value: String)] {
    let reader = ArchiveReader(try catalog(), partition: partition, from: firstTime, through: lastTime, at: offset)
    let batch = RecordBatch()
    var records: [(Offset, String)] = []
    while try reader.read(into: batch, maximumCount: batchCount) {
      #expect(batch.count > 0 && batch.count <= batchCount)
      for row in 0..<batch.count {
        #expect(batch.slots[row].partition == partition)
        records.append((batch.slots[row].offset, String(decoding: batch.value(row), as: UTF8.self)))
      }
    }
    return records
  }

  /// Everything that must hold once the whole log has been archived: each offset is in one file, by a line or by a gap, and nothing else is there.
  func expectWhole(_ comment: Comment? = nil) throws {
    let catalog = try catalog()
    var named: Set<String> = []
    for (partition, entries) in log where entries.contains(where: { if case .record = $0 { true } else { false } }) {
      let expected = entries.enumerated().compactMap { index, entry -> (offset: Offset, value: String)? in
        if case .record(let value, _) = entry { (first(partition) + Offset(index), value) } else { nil }
      }
      let found = try read(partition)
      #expect(found.map(\.offset) == expected.map(\.offset), comment)
      #expect(found.map(\.value) == expected.map(\.value), comment)
      let files = catalog.files(of: partition)
      let firstSeen = entries.firstIndex { $0 != .nothing }!
      #expect(files.first?.first == first(partition) + Offset(firstSeen), comment)
      for (file, following) in zip(files, files.dropFirst()) { #expect(file.next == following.first, comment) }
      #expect((files.last?.next ?? 0) > expected.last!.offset && files.last!.next <= end(partition), comment)
      for file in files { expectDescription(file, comment) }
      named.formUnion(files.map(\.path))
    }
    let there = folder.contents.filter { $0.hasPrefix("archive/clicks/") && $0.contains(".ndjson") }.map { $0.dropFirst(8) }
    #expect(Set(there.map(String.init)) == named, comment)
  }

  /// A file lies in the hour of its partition's stream time, and its line says what it holds.
  private func expectDescription(_ file: ArchivedFile, _ comment: Comment?) {
    var streamTime: Int64?
    var hour: Int64??
    var times: [Int64] = []
    for (index, entry) in log[file.partition]!.enumerated() {
      let offset = first(file.partition) + Offset(index)
      guard offset < file.next, case .record(_, let time) = entry else { continue }
      if let time { streamTime = max(streamTime ?? .min, time) }
      guard offset >= file.first else { continue }
      let current = streamTime.map { floorDivide($0, Self.hour) }
      if hour == nil { hour = .some(current) }
      #expect(hour == .some(current), "a file holds one hour of stream time", sourceLocation: #_sourceLocation)
      if let time { times.append(time) }
    }
    #expect(file.path.contains("/\(ArchiveLayout.hourFolder(hour ?? nil))/"), comment)
    #expect(file.minTime == times.min() && file.maxTime == times.max(), comment)
  }
}
