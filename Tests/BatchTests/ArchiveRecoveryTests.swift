// Writers that die between any two steps, freeze, meet others, or find what such ones have left: every offset is archived once in
// the end.

import Base
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import Batch

@Suite struct `An archive after a fault` {
  private static let noon: Int64 = 1_767_268_800_000

  private static func bench(count: Int = 40, rollByteCount: Int64 = 200) -> ArchiveBench {
    let bench = ArchiveBench(rollByteCount: rollByteCount)
    bench.log[0] = (0..<count).map { .at(noon + Int64($0) * 300_000) }
    return bench
  }

  @Test(arguments: ArchiveWriter.Step.allCases)
  func `a writer that dies in a commit leaves nothing missing and nothing twice`(step: ArchiveWriter.Step) throws {
    let bench = Self.bench(count: 150)
    for deathAt in 1...4 {
      var writer: ArchiveWriter? = try bench.writer()
      var commitCount = 0
      writer!.afterStep = {
        if $0 == step { commitCount += 1 }
        if commitCount == deathAt { throw Crash() }
      }
      let start = try writer!.begin(0) ?? 0
      #expect(throws: Crash.self) {
        try writer!.write(bench.batch(start..<bench.end(0)))
        try writer!.finish(0)
      }
      // The system lets go of what a dead process held.
      writer = nil
      // A reader that comes now sees a beginning of the log, whatever state the last commit is in.
      let seen = (try? bench.read()) ?? []
      #expect(seen.map(\.offset) == Array(0..<Int64(seen.count)))
    }
    try bench.writeRest()
    try bench.expectWhole()
    #expect(bench.partNames.isEmpty)
  }

  @Test func `of two writers one is first, and the other goes on where that one ended`() throws {
    let bench = Self.bench()
    let first = try bench.writer()
    let second = try bench.writer()
    #expect(try first.begin(0) == nil)
    #expect(try second.begin(0) == nil)
    try first.write(bench.batch(0..<10))
    try second.write(bench.batch(0..<14))
    try first.finish(0)
    // What it archived itself stands in front of what the other held.
    var moved = second.takeMoved()
    if moved.isEmpty {
      try second.write(bench.batch(14..<30))
      moved = second.takeMoved()
    }
    let next = try #require(try bench.catalog().nextOffset(of: 0))
    #expect(moved == [PartitionOffset(partition: 0, offset: next)])
    // Until it is begun again, what comes is not its own.
    try second.write(bench.batch(30..<35))
    #expect(try second.begin(0) == next)
    try second.write(bench.batch(next..<40))
    try second.finish(0)
    try bench.expectWhole()
    #expect(second.counts.overtakenFiles == 1 && bench.partNames.isEmpty)
  }

  @Test func `a writer that was frozen wakes up and gives way`() throws {
    let bench = Self.bench(rollByteCount: 1 << 20)
    bench.log[0] = (0..<40).map { .at(Self.noon + $0) }
    let frozen = try bench.writer()
    _ = try frozen.begin(0)
    try frozen.write(bench.batch(0..<20))
    // Its part is not taken for one that was left behind.
    try bench.writeRest()
    #expect(bench.partNames.count == 1)
    try frozen.finish(0)
    #expect(frozen.counts.files == 0 && frozen.counts.overtakenFiles == 1)
    try bench.expectWhole()
    #expect(bench.partNames.isEmpty)
  }

  @Test func `a writer that freezes in the middle of a commit holds others up, and they say so`() throws {
    let bench = Self.bench()
    let other = try bench.writer()
    _ = try other.begin(0)
    let frozen = try bench.writer()
    _ = try frozen.begin(0)
    frozen.afterStep = {
      guard $0 == .manifestLocked else { return }
      let failure = #expect(throws: Failure.self) {
        try other.write(bench.batch(0..<40))
      }
      #expect(failure?.code == .inputOutput && failure?.message.contains("locked by another process") == true)
      frozen.afterStep = { _ in }
    }
    try frozen.write(bench.batch(0..<40))
    try frozen.finish(0)
    try bench.expectWhole()
  }

  @Test(arguments: ["{\"file\":", "{", "\u{0}\u{0}\u{0}\u{0}\n", "garbage without an end"])
  func `a torn line is cut off`(rest: String) throws {
    let bench = Self.bench(count: 20)
    try bench.writeRest()
    let whole = try Data(contentsOf: URL(filePath: bench.manifestPath))
    try (whole + Data(rest.utf8)).write(to: URL(filePath: bench.manifestPath))
    #expect(try bench.read().count == 20, "readers pass over it")
    bench.log[0]! += (20..<40).map { .at(Self.noon + Int64($0) * 300_000) }
    // A writer that has begun before finds it at its next commit.
    let writer = try bench.writer()
    _ = try writer.begin(0)
    let repaired = try Data(contentsOf: URL(filePath: bench.manifestPath))
    #expect(repaired == whole)
    try (whole + Data(rest.utf8)).write(to: URL(filePath: bench.manifestPath))
    try writer.write(bench.batch(20..<40))
    try writer.finish(0)
    try bench.expectWhole()
  }

  @Test func `a manifest cut off anywhere loses whole files, which are archived again`() throws {
    let bench = Self.bench(count: 12)
    try bench.writeRest()
    let whole = try Data(contentsOf: URL(filePath: bench.manifestPath))
    let files = try bench.catalog().files(of: 0).map(\.path)
    for count in stride(from: 0, through: whole.count, by: 37) {
      try whole.prefix(count).write(to: URL(filePath: bench.manifestPath))
      for path in files { try? FileManager.default.removeItem(atPath: "\(bench.definition.path)/\(path)") }
      let writer = try bench.writer()
      let next = try writer.begin(0)
      #expect((next == nil) == (try bench.catalog().files(of: 0).isEmpty))
      writer.drop(0)
    }
  }

  @Test(arguments: [
    ("\"records\":", "\"records\":1", "are not"), ("\"next\":", "\"next\":9", "records"),
    ("{\"file\"", "[\"file\"", "is not that of a file"),
    ("\"first\":0", "\"first\":-1", "are no range"), ("clicks/dt=", "../dt=", "is not the name"),
  ]) func `a manifest that contradicts itself is refused`(old: String, new: String, words: String) throws {
    let bench = Self.bench(count: 12)
    try bench.writeRest()
    let text = try String(contentsOfFile: bench.manifestPath, encoding: .utf8)
    let range = try #require(text.range(of: old))
    try text.replacingCharacters(in: range, with: new).write(toFile: bench.manifestPath, atomically: true, encoding: .utf8)
    let failure = #expect(throws: Failure.self) { try bench.catalog() }
    #expect(failure?.code == .badData && failure?.message.contains("p00000.manifest: line 1") == true)
    #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
    #expect(throws: Failure.self) { try bench.writer().begin(0) }
  }

  @Test func `parts of the dead are removed, and those of other partitions are left alone`() throws {
    let bench = Self.bench(count: 3)
    bench.log[1] = bench.log[0]
    var dead: ArchiveWriter? = try bench.writer()
    for partition: PartitionIndex in [0, 1] {
      _ = try dead!.begin(partition)
      try dead!.write(bench.batch(0..<3, of: partition))
    }
    #expect(bench.partNames.count == 2)
    dead = nil
    let next = try bench.writer()
    _ = try next.begin(0)
    #expect(bench.partNames.count == 1 && bench.partNames[0].hasPrefix("p00001-"))
  }

  @Test func `what the disk refuses is a failure that names the file, and nothing is lost`() throws {
    let bench = Self.bench()
    let writer = try bench.writer()
    _ = try writer.begin(0)
    try writer.write(bench.batch(0..<4))
    try FileManager.default.moveItem(atPath: bench.definition.path, toPath: bench.definition.path + ".away")
    let failure = #expect(throws: Failure.self) {
      try writer.write(bench.batch(4..<40))
      try writer.finish(0)
    }
    #expect(failure?.code == .inputOutput && failure?.message.contains(bench.definition.path) == true)
    try? FileManager.default.removeItem(atPath: bench.definition.path)
    try FileManager.default.moveItem(atPath: bench.definition.path + ".away", toPath: bench.definition.path)
    try bench.writeRest()
    try bench.expectWhole()
  }

  @Test func `a file whose manifest somebody has removed does not stand for a new one`() throws {
    let bench = ArchiveBench()
    bench.log[0] = [.at(Self.noon, ",\"old\":1"), .at(Self.noon + 1)]
    try bench.writeRest()
    try FileManager.default.removeItem(atPath: bench.manifestPath)
    bench.log[0] = [.at(Self.noon, ",\"new\":1"), .at(Self.noon + 1)]
    try bench.writeRest()
    try bench.expectWhole()
  }

  @Test func `a file in the place of a folder is named`() throws {
    let bench = Self.bench()
    try Data().write(to: URL(filePath: bench.definition.path))
    let failure = #expect(throws: Failure.self) { try bench.writer() }
    #expect(failure?.code == .inputOutput && failure?.message.contains("Not a directory") == true)
  }

  // MARK: Seeds

  @Test(arguments: 0..<seedCount) func `every offset is in one file or gap, whatever happened`(seed: Int) throws {
    var random = Random(seed: UInt64(seed), 1, 2)
    let bench = ArchiveBench(
      format: ArchiveDefinition.Format.allCases[Int(random.below(3))], rollByteCount: random.integer(in: 50...3000), rollEvery: 1000
    )
    for partition in 0..<PartitionIndex(random.integer(in: 1...3)) { bench.makeLog(partition, &random) }
    var writers: [SeededWriter?] = [nil, nil, nil]
    for _ in 0..<Int(random.integer(in: 20...120)) {
      let place = Int(random.below(3))
      do {
        if writers[place] == nil { writers[place] = try SeededWriter(bench) }
        switch random.below(12) {
        case 0: writers[place] = nil
        case 1: writers[place]!.crashAt = ArchiveWriter.Step.allCases[Int(random.below(6))]
        case 2: bench.clock.advance(by: random.integer(in: 1...1500))
        case 3: try writers[place]!.writer.rollDue()
        case 4: try writers[place]!.leave(&random)
        case 5: bench.tearManifest(&random)
        default: try writers[place]!.write(&random)
        }
      } catch is Crash {
        writers[place] = nil
      }
    }
    writers = []
    for partition in bench.log.keys { try bench.writeRest(partition) }
    try bench.expectWhole("seed \(seed)")
    let last = try bench.writer()
    for partition in bench.log.keys { _ = try last.begin(partition) }
    #expect(bench.partNames.isEmpty, "seed \(seed)")
  }
}

private let seedCount = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == nil ? 20 : 1000

extension ArchiveBench {
  /// A log with late and timeless records, tombstones and nothing.
  fileprivate func makeLog(_ partition: PartitionIndex, _ random: inout Random) {
    firstOffsets[partition] = random.below(2) == 0 ? 0 : random.integer(in: 1...1_000_000)
    var time = random.integer(in: -10_000_000...10_000_000)
    log[partition] = (0..<Int(random.integer(in: 30...300))).map { index in
      time += random.integer(in: -200_000...400_000)
      // The first of a partition is what anyone begins with.
      if index == 0 { return .at(time) }
      switch random.below(12) {
      case 0: return .tombstone
      case 1: return .nothing
      case 2: return .record("{\"x\":\(index)}", time: nil)
      default: return .at(time, random.below(4) == 0 ? ",\"s\":\"\(String(repeating: "y", count: Int(random.below(200))))\"" : "")
      }
    }
  }

  /// As a machine that goes down leaves it.
  fileprivate func tearManifest(_ random: inout Random) {
    guard let file = FileHandle(forWritingAtPath: manifestPath) else { return }
    _ = try? file.seekToEnd()
    try? file.write(contentsOf: Data("{\"file\":\"clicks/dt=2026".utf8.prefix(Int(random.integer(in: 1...20)))))
  }
}

/// A writer with the positions at which its source stands.
private final class SeededWriter {
  let writer: ArchiveWriter
  var crashAt: ArchiveWriter.Step?
  private let bench: ArchiveBench
  private var positions: [PartitionIndex: Offset] = [:]

  init(_ bench: ArchiveBench) throws {
    self.bench = bench
    writer = try bench.writer()
    writer.afterStep = { [unowned self] in if $0 == crashAt { throw Crash() } }
  }

  func write(_ random: inout Random) throws {
    let partition = PartitionIndex(random.below(UInt64(bench.log.count)))
    if positions[partition] == nil { positions[partition] = try writer.begin(partition) ?? bench.first(partition) }
    let start = positions[partition]!
    let end = min(bench.end(partition), start + random.integer(in: 0...40))
    try writer.write(bench.batch(start..<max(start, end), of: partition))
    positions[partition] = max(start, end)
    for moved in writer.takeMoved() { positions[moved.partition] = try writer.begin(moved.partition)! }
  }

  func leave(_ random: inout Random) throws {
    guard let partition = positions.keys.sorted().first else { return }
    positions[partition] = nil
    if random.below(2) == 0 { try writer.finish(partition) } else { writer.drop(partition) }
  }
}
