// A batch run: an archive of flat 12-field clicks, compressed with zstd, to the features of every user, on one thread and to nothing; against
// decompressing and parsing the same files alone, and against DuckDB for the same result, where it is installed.

import Base
import Batch
import Codec
import Features
import Foundation
import LocalTransport
import Processing
import Records

let batchBenchmark = Benchmark(name: "batch") { scale in
  let file = try ClickFile(count: scale.events(4_000_000), userCount: scale.isTiny ? 1000 : 100_000)
  let archive = try ClickArchive(file)
  let pipeline = try clickPipeline(batchView)
  let least = try leastSeconds(
    rounds: scale.isTiny ? 1 : 3, clock: processSeconds, [{ try archive.parse() }, { _ = try archive.run(pipeline, threads: 1) }])
  printFigure("archive to columns: zstd, lines, 5 of 12 fields", seconds: least[0], events: file.count)
  printFigure("archive to features, 60 s sliding by 10 s", seconds: least[1], events: file.count)
  printRatio("  M events/s per core", Double(file.count) / least[1] / 1e6, target: "2 or more")
  printRatio("  ratio to decompressing and parsing alone", least[1] / least[0], target: "at most 2.00")
  let totals = try archive.run(pipeline, threads: 1)
  guard let reference = try archive.duckDB() else {
    return print("  no reference in DuckDB: python3 of FRESHET_BENCH_PYTHON, or of PATH, has no module 'duckdb'")
  }
  precondition(
    totals.rows == reference.rows && totals.views == reference.views && abs(totals.spend - reference.spend) < 1,
    "both answer alike: \(totals), \(reference)")
  let wall = try leastSeconds(rounds: scale.rounds, clock: wallSeconds, [{ _ = try archive.run(pipeline, threads: 1) }])[0]
  printFigure("DuckDB, the same result on one thread (wall clock)", seconds: reference.seconds, events: file.count)
  printRatio("  ratio to DuckDB (wall clock)", wall / reference.seconds, target: "at most 2.00")
}

private let batchView = """
    activity:
      entity: user
      source: clicks
      lanes: [batch]
      features:
        views:   { agg: count, where: "page == '/product'", window: { sliding: 60s, hop: 10s } }
        spend:   { agg: sum, field: price, window: { sliding: 60s, hop: 10s } }
        dearest: { agg: max, field: price, window: { sliding: 60s, hop: 10s } }

  """

/// The clicks of a file as an archive of one partition; gone with its owner.
private final class ClickArchive {
  private let path = NSTemporaryDirectory() + "/freshet-bench-archive-\(getpid())"
  private let catalog: ArchiveCatalog
  private let cutoff: Int64

  init(_ file: ClickFile) throws {
    let definition = ArchiveDefinition(path: path, rollByteCount: 64 << 20, sources: [0])
    let writer = try ArchiveWriter(definition, source: try clickPipeline(batchView).sources[0])
    _ = try writer.begin(0)
    let source = try LineSource(path: file.path)
    let batch = RecordBatch()
    var offset: Offset = 0
    while try source.poll(into: batch, maximumCount: 4096, timeoutMilliseconds: 0) == .records {
      for row in 0..<batch.count {
        batch.slots[row].offset = offset
        offset += 1
      }
      try writer.write(batch)
    }
    try writer.finish(0)
    catalog = try ArchiveCatalog(path: path, source: "clicks")
    cutoff = catalog.timeRange?.upperBound ?? 0
    precondition(catalog.recordCount == Int64(file.count), "every event is archived")
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func parse() throws {
    let reader = ArchiveReader(catalog, partition: 0)
    let batch = RecordBatch()
    let columns = Columns(columnCount: 5)
    let decoder = JSONColumnReader(paths: ["user_id", "ts", "page", "price", "session_id"].map { FieldPath([$0]) })
    while try reader.read(into: batch, maximumCount: 4096) { decoder.decode(batch, into: columns) }
  }

  func run(_ pipeline: PipelineDefinition, threads: Int) throws -> BatchTotals {
    var settings = BatchRunSettings()
    settings.threadCount = threads
    let run = try BatchRun(pipeline, views: [0], cutoff: cutoff, archives: [0: catalog], settings: settings)
    let totals = BatchTotals()
    try run.run(into: totals)
    return totals
  }

  func duckDB() throws -> (seconds: Double, rows: Int64, views: Int64, spend: Double)? {
    let process = Process()
    let output = Pipe()
    let python = ProcessInfo.processInfo.environment["FRESHET_BENCH_PYTHON"] ?? "python3"
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [python, "Benchmarks/DuckDB/batch_reference.py", path, "\(cutoff)"]
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    let words = text.split(whereSeparator: \.isWhitespace)
    guard process.terminationStatus == 0, words.count == 4, let seconds = Double(words[0]), let spend = Double(words[3]) else {
      return nil
    }
    return (seconds, Int64(words[1]) ?? -1, Int64(words[2]) ?? -1, spend)
  }
}

/// Adds up what it is given: rows of [views, spend, dearest].
private final class BatchTotals: BatchOutput, CustomStringConvertible {
  let name = "totals"
  private(set) var rows: Int64 = 0
  private(set) var views: Int64 = 0
  private(set) var spend = 0.0

  var description: String { "\(rows) rows, \(views) views, \(spend) spent" }

  func begin(_ run: BatchRunIdentity) {}
  func write(_ rows: FeatureRowBatch) {
    for row in rows.rows {
      self.rows += 1
      views += Int64(bitPattern: rows.values[Int(row.firstValue)].bits)
      spend += Double(bitPattern: rows.values[Int(row.firstValue) + 1].bits)
    }
  }
  func keepAlive() {}
  func publish() {}
  func abandon() {}
}
