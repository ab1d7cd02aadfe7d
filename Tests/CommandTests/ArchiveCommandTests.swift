// The archive through real processes: what a topic holds is in it once, whoever is killed, and it stands for the topic when a store has to be filled anew.

import Base
import Batch
import Foundation
import Records
import TestSupport
import Testing

extension Route {
  var archivePath: String { folder.file("archive") }

  func archive(_ arguments: String...) throws -> Program { try run("archive", arguments) }

  /// All values in the archive, with a check that each partition's offsets are there once.
  func archivedValues() throws -> [String] {
    let catalog = try ArchiveCatalog(path: archivePath, source: "clicks")
    let batch = RecordBatch()
    var values: [String] = []
    for partition in catalog.partitions {
      let reader = ArchiveReader(catalog, partition: partition)
      var expected: Offset = 0
      while try reader.read(into: batch, maximumCount: 1000) {
        for row in 0..<batch.count {
          #expect(batch.slots[row].offset == expected)
          expected = batch.slots[row].offset + 1
          values.append(String(decoding: batch.value(row), as: UTF8.self))
        }
      }
      #expect(catalog.nextOffset(of: partition) ?? 0 == expected)
    }
    return values
  }

  func expectAllArchived() throws {
    let sent = String(decoding: events, as: UTF8.self).split(separator: "\n").map(String.init)
    let archived = try archivedValues()
    #expect(archived.count == sent.count)
    #expect(archived.sorted() == sent.sorted())
    let script = """
      import glob, sys
      try: from compression import zstd
      except ImportError: from backports import zstd
      names = glob.glob(sys.argv[1] + "/clicks/dt=*/hr=*/*.ndjson.zst")
      print(sum(zstd.decompress(open(name, "rb").read()).count(b"\\n") for name in names))
      """
    #expect(try TestPython.run(script, archivePath) == "\(sent.count)\n")
  }
}

@Suite struct ArchiveCommandTests {
  private static func route(roll: String = "5m") throws -> Route {
    try Route(checkpointEvery: "500ms", archive: "roll: { every: \(roll) }")
  }

  @Test func `a store that was lost is filled from the archive, and the next run goes on in Kafka where that ends`() throws {
    let route = try Self.route()
    try route.generate(count: 9000, fromMinute: 0, seed: 21)
    let first = try route.process("--until-idle", "3s").wait()
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.errors.contains("\narchived 9000 events ("))
    try route.expectAllArchived()
    #expect(try route.redis.reader.removeKeys(matching: "\(route.redis.prefix):*") > 0)

    let replayed = try route.process("--from", "archive").wait()
    #expect(replayed.status == 0, "\(replayed.errors)")
    #expect(replayed.errors.contains("processed 9000 events (") && !replayed.errors.contains("archived"))
    try route.expectRightRows()
    try route.expectRowsOfOneRun()

    try route.generate(count: 6000, fromMinute: 30, seed: 22)
    let next = try route.process("--until-idle", "3s").wait()
    #expect(next.status == 0, "\(next.errors)")
    #expect(next.errors.contains("processed 6000 events (") && next.errors.contains("\narchived 6000 events ("))
    try route.expectRightRows()
    try route.expectRowsOfOneRun()
    try route.expectAllArchived()
    try route.expectAllCommitted()

    // Where the store has it all, there is nothing to do.
    let again = try route.process("--from", "archive").wait()
    #expect(again.status == 0 && again.errors.contains("processed 0 events"), "\(again.errors)")
  }

  @Test func `an archive that ends before what was shown leaves rows as they are, and Kafka gives the rest`() throws {
    let route = try Self.route()
    try route.generate(count: 4000, fromMinute: 0, seed: 23)
    let archived = try route.archive("--until-idle", "3s").wait()
    #expect(archived.status == 0 && archived.errors.contains("archived 4000 events"), "\(archived.errors)")
    try route.generate(count: 4000, fromMinute: 14, seed: 24)
    let all = try route.process("--until-idle", "3s", "--no-archive").wait()
    #expect(all.status == 0 && !all.errors.contains("archived"), "\(all.errors)")
    try route.expectRightRows()
    let replayed = try route.process("--from", "archive", "--ignore-checkpoints").wait()
    #expect(replayed.status == 0 && replayed.errors.contains("processed 4000 events"), "\(replayed.errors)")
    let rest = try route.process("--until-idle", "3s").wait()
    #expect(rest.status == 0 && rest.errors.contains("processed 4000 events"), "\(rest.errors)")
    try route.expectRightRows()
    try route.expectAllArchived()
  }

  @Test func `archivers that are killed again and again, and come and go, archive everything once`() throws {
    let route = try Self.route(roll: "100ms")
    try route.generate(count: 6000, fromMinute: 0, seed: 25)
    for round in 0..<4 {
      let known = (try? route.archivedValues().count) ?? 0
      let killed = try route.archive()
      let other = round % 2 == 0 ? try route.archive() : nil
      #expect(waitUntil { (try? route.archivedValues().count) ?? 0 > known })
      killed.send(signal: SIGKILL)
      #expect(killed.wait().status == 128 + SIGKILL)
      try route.generate(count: 2000, fromMinute: 20 + 7 * round, seed: 26 + round)
      other?.send(signal: SIGTERM)
      if let outcome = other?.wait() { #expect(outcome.status == 0, "\(outcome.errors)") }
    }
    let last = try route.archive("--until-idle", "8s").wait()
    #expect(last.status == 0, "\(last.errors)")
    try route.expectAllArchived()
  }

  // MARK: Files and pipes

  private func pipeline(_ folder: TestFolder, path: String) throws -> String {
    try ShopPipeline(in: folder, replacing: ["# How often the state": "archive: { path: \"\(path)\" }\n\n# How often the state"])
      .path
  }

  @Test func `a file is archived as partition 0, and one that has grown goes on`() throws {
    let folder = TestFolder()
    let pipeline = try pipeline(folder, path: folder.file("archive"))
    let lines = (0..<100).map { "{\"timestamp\":\"2026-01-01T0\($0 / 25):00:00Z\",\"userId\":\"u\($0)\"}\n" }
    let input = try folder.write(lines[..<60].joined(), as: "in.ndjson")
    func archive(_ arguments: [String], _ input: Program.Input = .none) throws -> ProgramOutcome {
      try Program.run("freshet", ["archive", pipeline, "--output", "json"] + arguments, input: input)
    }
    let first = try archive(["--from", "file:\(input)"])
    #expect(first.status == 0 && first.text.hasPrefix("{\"records\":60,\"archived_records\":60,"), "\(first.errors)")
    let again = try archive(["--from", "file:\(input)"])
    #expect(again.text.hasPrefix("{\"records\":0,\"archived_records\":0,"), "\(again.errors)")
    try folder.write(lines.joined(), as: "in.ndjson")
    let grown = try archive(["--from", "file:\(input)"])
    #expect(grown.text.hasPrefix("{\"records\":40,\"archived_records\":40,"), "\(grown.errors)")
    try folder.write(lines[..<10].joined(), as: "in.ndjson")
    let other = try archive(["--from", "file:\(input)"])
    #expect(other.status == 65 && other.errors.contains("has 10 records, and 100 of it are archived"), "\(other.errors)")
    let piped = try archive(["--from", "-"], .bytes(Data(lines[..<5].joined().utf8)))
    #expect(piped.text.hasPrefix("{\"records\":5,\"archived_records\":5,"), "\(piped.errors)")
    let catalog = try ArchiveCatalog(path: folder.file("archive"), source: "clicks")
    #expect(catalog.partitions == [0] && catalog.nextOffset(of: 0) == 105 && catalog.recordCount == 105)
    // Rows come from it, too, and windows stay open at its end.
    let rows = try Program.run("freshet", ["process", pipeline, "--from", "archive", "--to", "stdout", "--view", "user_activity"])
    #expect(rows.status == 0 && rows.errors.contains("processed 105 events") && rows.lines.count >= 100, "\(rows.errors)")
  }

  @Test func `a run over a file says once that it archives nothing`() throws {
    let folder = TestFolder()
    let pipeline = try pipeline(folder, path: folder.file("archive"))
    let outcome = try Program.run("freshet", ["process", pipeline, "--from", "-", "--to", "null"])
    #expect(outcome.status == 0)
    #expect(outcome.errors.components(separatedBy: "what does not come from Kafka is not archived here").count == 2)
    #expect(!folder.contents.contains("archive"))
    let quiet = try Program.run("freshet", ["process", pipeline, "--from", "-", "--to", "null", "--no-archive"])
    #expect(!quiet.errors.contains("archived"))
  }

  @Test func `what cannot be is refused with a reason`() throws {
    let folder = TestFolder()
    let without = try ShopPipeline(in: folder).path
    let missing = try Program.run("freshet", ["archive", without])
    #expect(missing.status == 78 && missing.errors.contains("has no 'archive:'"))
    let replay = try Program.run("freshet", ["process", without, "--from", "archive"])
    #expect(replay.status == 64 && replay.errors.contains("--from archive: pipeline 'shop_features' has no 'archive:'"))
    let file = try folder.write("", as: "file")
    let pipeline = try pipeline(folder, path: file)
    let refused = try Program.run("freshet", ["archive", pipeline, "--from", "-"])
    #expect(
      refused.status == 74 && refused.errors.contains("archive: cannot make the folder '\(file)/_freshet"), "\(refused.errors)")
    let source = try Program.run("freshet", ["archive", pipeline, "--source", "x"])
    #expect(source.status == 64 && source.errors.contains("it archives 'clicks'"))
    try FileManager.default.removeItem(atPath: file)
    let empty = try Program.run("freshet", ["process", pipeline, "--from", "archive", "--to", "null"])
    #expect(empty.status == 66 && empty.errors.contains("nothing of source 'clicks' is archived"), "\(empty.errors)")
    let workers = try Program.run("freshet", ["process", pipeline, "--from", "archive", "--to", "null", "--workers", "2"])
    #expect(workers.status == 64)
  }
}
