// What is read: ranges of time, batches, and files that are not what their manifest says.

import Base
import Compression
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import Batch

@Suite struct `A reader of the archive` {
  private static let noon: Int64 = 1_767_268_800_000

  private static func bench(_ format: ArchiveDefinition.Format = .zstd) throws -> ArchiveBench {
    let bench = ArchiveBench(format: format, rollByteCount: 1 << 20)
    bench.log[0] = (0..<240).map { .at(noon + Int64($0) * 60_000, ",\"n\":\($0)") }
    try bench.writeRest()
    return bench
  }

  @Test func `only files whose times lie in the range are read`() throws {
    let bench = try Self.bench()
    let hour = ArchiveBench.hour
    func counts(_ from: Int64?, _ through: Int64?) throws -> [Int] {
      let reader = ArchiveReader(try bench.catalog(), partition: 0, from: from, through: through)
      return [reader.fileCount, reader.skippedFileCount, try bench.read(from: from, through: through).count]
    }
    #expect(try counts(nil, nil) == [4, 0, 240])
    #expect(try counts(Self.noon + hour, nil) == [3, 1, 180])
    #expect(try counts(Self.noon + hour - 60_000, nil) == [4, 0, 240])
    #expect(try counts(Self.noon + hour - 59_999, Self.noon + 2 * hour - 1) == [1, 3, 60])
    #expect(try counts(nil, Self.noon - 1) == [0, 4, 0])
  }

  @Test func `reading begins at an offset`() throws {
    let bench = try Self.bench()
    #expect(try bench.read(at: 100).map(\.offset) == Array(100..<240))
    #expect(try bench.read(at: 239).count == 1)
    #expect(try bench.read(at: 240).isEmpty)
    #expect(ArchiveReader(try bench.catalog(), partition: 0, at: 120).fileCount == 2)
  }

  @Test(arguments: [1, 2, 59, 60, 61, 1000]) func `batches are as large as was asked for`(count: Int) throws {
    let bench = try Self.bench()
    #expect(try bench.read(batchCount: count).map(\.offset) == Array(0..<240))
  }

  @Test func `a batch is bounded by bytes, too`() throws {
    let bench = ArchiveBench(rollByteCount: 64 << 20)
    let text = String(repeating: "x", count: 1 << 20)
    bench.log[0] = (0..<12).map { .at(Self.noon + Int64($0), ",\"x\":\"\(text)\"") }
    try bench.writeRest()
    let reader = ArchiveReader(try bench.catalog(), partition: 0)
    let batch = RecordBatch()
    var counts: [Int] = []
    while try reader.read(into: batch, maximumCount: 1000) { counts.append(batch.count) }
    #expect(counts == [4, 4, 4])
  }

  @Test func `an archive that is not there says where it looked`() {
    let bench = ArchiveBench()
    let failure = #expect(throws: Failure.self) { try bench.catalog() }
    #expect(failure?.code == .noInput)
    #expect(
      failure?.message
        == "archive: nothing of source 'clicks' is archived in '\(bench.definition.path)' (there is no '\(bench.definition.path)/_freshet/clicks'); "
        + "'freshet process' writes the archive of a pipeline that has 'archive:', and so does 'freshet archive'")
  }

  @Test func `a file that is missing is named`() throws {
    let bench = try Self.bench()
    let path = "\(bench.definition.path)/\(try bench.catalog().files(of: 0)[1].path)"
    try FileManager.default.removeItem(atPath: path)
    let failure = #expect(throws: Failure.self) { try bench.read() }
    #expect(failure?.code == .noInput && failure?.message.hasPrefix("archive: '\(path)' is missing") == true)
    #expect(try bench.read(from: Self.noon + 2 * ArchiveBench.hour).count == 120, "where it is not needed, nobody misses it")
  }

  @Test(arguments: ArchiveDefinition.Format.allCases)
  func `a file that is cut, longer, or another is damage`(format: ArchiveDefinition.Format) throws {
    let bench = try Self.bench(format)
    let files = try bench.catalog().files(of: 0)
    let path = "\(bench.definition.path)/\(files[1].path)"
    let whole = try Data(contentsOf: URL(filePath: path))
    let other = try Data(contentsOf: URL(filePath: "\(bench.definition.path)/\(files[3].path)"))
    let contents =
      [0, 1, 10, whole.count / 2, whole.count - 1].map { whole.prefix($0) } + [whole + whole, other, whole + Data("x".utf8)]
    for (index, content) in contents.enumerated() {
      try content.write(to: URL(filePath: path))
      let failure = #expect(throws: Failure.self, "\(index)") { try bench.read() }
      #expect(failure?.code == .badData && failure?.message.hasPrefix("archive: '\(path)' is not what the manifest says: ") == true)
    }
    try whole.write(to: URL(filePath: path))
    try bench.expectWhole()
  }

  @Test(arguments: ArchiveDefinition.Format.allCases)
  func `damage anywhere is found or gives other bytes, and nothing worse`(format: ArchiveDefinition.Format) throws {
    let bench = try Self.bench(format)
    let path = "\(bench.definition.path)/\(try bench.catalog().files(of: 0)[0].path)"
    let whole = try Data(contentsOf: URL(filePath: path))
    var random = Random(state: 4)
    for _ in 0..<200 {
      var damaged = whole
      damaged[Int(random.below(UInt64(whole.count)))] ^= UInt8(truncatingIfNeeded: random.next() | 1)
      try damaged.write(to: URL(filePath: path))
      do { #expect(try bench.read().count == 240) } catch let failure as Failure { #expect(failure.code == .badData) }
    }
  }

  @Test func `a file that unfolds without end takes no more than the manifest says`() throws {
    let bench = try Self.bench()
    let path = "\(bench.definition.path)/\(try bench.catalog().files(of: 0)[0].path)"
    let bomb = try Program.run("sh", ["-c", "head -c 300000000 /dev/zero | zstd -c"]).output
    try bomb.write(to: URL(filePath: path))
    let failure = #expect(throws: Failure.self) { try bench.read() }
    #expect(failure?.message.contains("it holds more than") == true)
  }

  @Test func `a committed file that has not got its name yet is read`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [.at(Self.noon)]
    var writer: ArchiveWriter? = try bench.writer()
    writer!.afterStep = { if $0 == .lineSynced { throw Crash() } }
    _ = try writer!.begin(0)
    try writer!.write(bench.batch(0..<1))
    #expect(throws: Crash.self) { try writer!.finish(0) }
    writer = nil
    #expect(try bench.read().count == 1)
    try bench.writeRest()
    try bench.expectWhole()
  }

  @Test func `files of several frames are read`() throws {
    let bench = try Self.bench()
    let path = "\(bench.definition.path)/\(try bench.catalog().files(of: 0)[0].path)"
    let lines = try Program.run("zstd", ["-dc", path]).output
    let half = lines[..<lines.firstIndex(of: 10)!.advanced(by: 5)]
    let frames = try [half, lines[half.endIndex...]].map { try Program.run("zstd", ["-c", "-19"], input: .bytes(Data($0))).output }
    try (frames[0] + frames[1]).write(to: URL(filePath: path))
    try bench.expectWhole()
  }
}
