// What ends up in the archive: files, folders and lines of the manifest, for all that a log may hold.

import Base
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import Batch

@Suite struct `The archive` {
  private static let noon: Int64 = 1_767_268_800_000
  private static let hour = ArchiveBench.hour

  @Test(arguments: ArchiveDefinition.Format.allCases)
  func `what is written is read, with its offsets`(format: ArchiveDefinition.Format) throws {
    let bench = ArchiveBench(format: format, rollByteCount: 2000)
    bench.firstOffsets[3] = 1000
    bench.log[3] = (0..<500).map { .at(Self.noon + $0 * 1000, ",\"text\":\"line \($0 % 17)\"") }
    try bench.writeRest(3)
    try bench.expectWhole()
    let files = try bench.catalog().files(of: 3)
    #expect(files.count > 5 && files[0].first == 1000 && files.last?.next == 1500)
    #expect(files[0].path.hasPrefix("clicks/dt=2026-01-01/hr=12/clicks-p00003-00000000000000001000-"))
    #expect(files[0].path.hasSuffix("." + format.rawValue))
    #expect(bench.partNames.isEmpty)
  }

  @Test func `a file ends with the hour of stream time, and a late record lies in a later file`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [
      .at(Self.noon), .at(Self.noon + 10), .at(Self.noon + Self.hour), .at(Self.noon + 20), .at(Self.noon + 3 * Self.hour), .at(5),
    ]
    try bench.writeRest()
    try bench.expectWhole()
    let files = try bench.catalog().files(of: 0)
    #expect(
      files.map { String($0.path.dropFirst(7).prefix(19)) } == [
        "dt=2026-01-01/hr=12", "dt=2026-01-01/hr=13", "dt=2026-01-01/hr=15",
      ])
    #expect(files.map(\.minTime) == [Self.noon, Self.noon + 20, 5])
  }

  @Test func `times before 1970 and far away have folders, too`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [.at(-1), .at(0), .at(253_402_300_800_000), .at(8_640_000_000_000_000)]
    try bench.writeRest()
    try bench.expectWhole()
    #expect(
      try bench.catalog().files(of: 0).map { String($0.path.split(separator: "/")[1...2].joined(separator: "/")) } == [
        "dt=1969-12-31/hr=23", "dt=1970-01-01/hr=00", "dt=10000-01-01/hr=00", "dt=275760-09-13/hr=00",
      ])
    #expect(
      ArchiveLayout.hourFolder(-19_000_000_0) == "dt=-19706-08-26/hr=08"
        || ArchiveLayout.hourFolder(-19_000_000_0).hasPrefix("dt=-"))
  }

  @Test func `records without an event time are archived, and move nothing`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [
      .record("{\"t\":null}", time: nil), .record("no json", time: nil), .at(Self.noon), .record("{\"t\":\"x\"}", time: nil),
      .record("{\"t\":9e18}", time: nil), .at(Self.noon + 1),
    ]
    try bench.writeRest()
    try bench.expectWhole()
    let files = try bench.catalog().files(of: 0)
    #expect(files.count == 2 && files[0].path.contains("dt=__HIVE_DEFAULT_PARTITION__/hr=__HIVE_DEFAULT_PARTITION__"))
    #expect(files[1].recordCount == 4 && files[1].minTime == Self.noon)
    #expect(try bench.read(from: 0).count == 4, "a file without times is in no range of times")
  }

  @Test func `tombstones and missing offsets are gaps, wherever they stand`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [
      .nothing, .tombstone, .at(Self.noon), .tombstone, .tombstone, .nothing, .at(Self.noon + 1), .nothing,
      .at(Self.noon + Self.hour), .tombstone, .nothing,
    ]
    try bench.writeRest()
    try bench.expectWhole()
    let files = try bench.catalog().files(of: 0)
    #expect(
      files.map(\.gaps) == [
        [OffsetGap(first: 1, count: 1), OffsetGap(first: 3, count: 3), OffsetGap(first: 7, count: 1)],
        [OffsetGap(first: 9, count: 1)],
      ])
    #expect(files.map(\.next) == [8, 10])
    bench.log[0]!.append(.at(Self.noon + Self.hour + 5))
    try bench.writeRest()
    try bench.expectWhole()
    #expect(try bench.catalog().files(of: 0)[2].gaps == [OffsetGap(first: 10, count: 1)])
  }

  @Test func `records that retention dropped before they were archived are a gap of the next file`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [.at(Self.noon), .at(Self.noon + 1)]
    try bench.writeRest()
    bench.log[0]! += Array(repeating: .nothing, count: 1000) + [.at(Self.noon + 2)]
    let writer = try bench.writer()
    #expect(try writer.begin(0) == 2)
    try writer.write(bench.batch(1002..<1003))
    try writer.finish(0)
    #expect(writer.counts.missingOffsets == 1000)
    try bench.expectWhole()
    #expect(try bench.catalog().files(of: 0)[1].first == 2)
  }

  @Test func `a topic that was made anew is refused`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [.at(Self.noon), .at(Self.noon + 1)]
    try bench.writeRest()
    let writer = try bench.writer()
    _ = try writer.begin(0)
    let failure = #expect(throws: Failure.self) { try writer.write(bench.batch(0..<2)) }
    #expect(failure?.message.contains("went back to offset 0") == true && failure?.code == .badData)
  }

  @Test func `only partitions without a value have no file`() throws {
    let bench = ArchiveBench()
    bench.log[0] = Array(repeating: .tombstone, count: 5)
    try bench.writeRest()
    #expect(try bench.catalog().files(of: 0).isEmpty)
    bench.log[0]!.append(.at(1))
    try bench.writeRest()
    try bench.expectWhole()
  }

  @Test func `a value of several lines becomes one, and what is no JSON stays none`() {
    func line(_ value: String) -> String {
      let lines = ByteBuffer()
      var value = value
      value.withUTF8 { ArchivePart.appendLine($0, to: lines) }
      return lines.string
    }
    #expect(line("{\n  \"a\": 1,\r\n  \"b\": \"x\\n\"\n}") == "{   \"a\": 1,    \"b\": \"x\\n\" }\n")
    #expect(line("{\"a\":\"x\ny\"}") == "{\"a\":\"x\u{1f}y\"}\n")
    #expect(line("{\"a\\\"\n\":1}\n") == "{\"a\\\"\u{1f}\":1} \n")
    #expect(line("\"\\\n\"") == "\"\\\u{1f}\"\n")
    #expect(line("plain") == "plain\n")
  }

  @Test func `a record larger than a file may be is a file of its own`() throws {
    let bench = ArchiveBench(rollByteCount: 100)
    let huge = String(repeating: "x", count: 3_000_000)
    bench.log[0] = [.at(Self.noon), .at(Self.noon + 1, ",\"x\":\"\(huge)\""), .at(Self.noon + 2)]
    try bench.writeRest()
    try bench.expectWhole()
    #expect(try bench.catalog().files(of: 0).count == 2)
  }

  @Test func `a file ends after a time, and the clock of the wall decides nothing else`() throws {
    let bench = ArchiveBench(rollEvery: 1000)
    bench.log[0] = [.at(Self.noon), .at(Self.noon + 1)]
    let writer = try bench.writer()
    _ = try writer.begin(0)
    try writer.write(bench.batch(0..<1))
    #expect(writer.millisecondsUntilDue == 1000)
    bench.clock.advance(by: 999)
    try writer.rollDue()
    #expect(try bench.catalog().files(of: 0).isEmpty)
    bench.clock.advance(by: 1)
    try writer.rollDue()
    #expect(writer.takeCommitted() == [PartitionOffset(partition: 0, offset: 1)] && writer.takeCommitted().isEmpty)
    #expect(writer.millisecondsUntilDue == nil)
    try writer.write(bench.batch(1..<2))
    try writer.finish(0)
    try bench.expectWhole()
  }

  @Test func `many gaps end a file, so that its line stays short`() throws {
    let bench = ArchiveBench()
    bench.log[0] = (0..<20_000).map { $0 % 2 == 0 ? .at(Self.noon + Int64($0)) : .nothing }
    try bench.writeRest()
    try bench.expectWhole()
    let files = try bench.catalog().files(of: 0)
    #expect(files.count == 3 && files.allSatisfy { $0.gaps.count <= 4096 && ManifestText.line($0).utf8.count < 1 << 17 })
    bench.log[0]!.append(.at(Self.noon + 30_000))
    try bench.writeRest()
    try bench.expectWhole()
  }

  @Test func `other programs read the files by their names`() throws {
    let bench = ArchiveBench(rollByteCount: 3000)
    bench.log[0] = (0..<300).map { .at(Self.noon + $0 * 60_000) }
    bench.log[1] = (0..<100).map { .at(Self.noon + $0 * 60_000, ",\"b\":[1,\n2]") }
    try bench.writeRest(0)
    try bench.writeRest(1)
    let script = """
      import glob, json, sys
      try: from compression import zstd
      except ImportError: from backports import zstd
      count = total = 0
      for name in sorted(glob.glob(sys.argv[1] + "/dt=*/hr=*/*.ndjson.zst")):
        for line in zstd.decompress(open(name, "rb").read()).decode().splitlines():
          count += 1
          total += json.loads(line)["t"]
      print(count, total)
      """
    let expected = (0..<300).map { Self.noon + $0 * 60_000 }.reduce(0, +) + (0..<100).map { Self.noon + $0 * 60_000 }.reduce(0, +)
    #expect(try TestPython.run(script, "\(bench.definition.path)/clicks") == "400 \(expected)\n")
  }
}
