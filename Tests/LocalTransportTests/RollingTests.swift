// Files one after another: where one ends, what they are called, and when a reader sees them.

import Base
import Compression
import Foundation
import Records
import TestSupport
import Testing

@testable import LocalTransport

@Suite struct RollingTests {
  private let folder = TestFolder()
  private let day: Int64 = 1_767_225_600_000
  private let hour: Int64 = 3_600_000

  /// Writes batches and ends; the folder's files with their text.
  private func files(
    _ name: String, _ rolling: FileRolling, content: FileContent = .plainLines, streams: [String] = [], _ batches: [TestRecord]...
  ) throws -> [String: String] {
    let sink = try FileSink(
      path: folder.file(name), rolling: rolling, content: content, streams: streams.map { FileStream(name: $0, content: content) })
    for batch in batches { try sink.write(lineBatch(batch)) }
    try sink.finish(timeoutMilliseconds: 0)
    let count = Int64(batches.reduce(0) { $0 + $1.count })
    #expect(sink.delivery.written == count && sink.delivery.delivered == count && sink.delivery.failed == 0)
    return Dictionary(uniqueKeysWithValues: folder.contents.map { ($0, folder.text(of: $0)) })
  }

  private func records(_ values: String...) -> [TestRecord] { values.map { TestRecord(value: $0) } }

  @Test func `by count, wherever batches end`() throws {
    let rolled = try files("a.ndjson", FileRolling(recordCount: 2), records("1", "2", "3"), records("4"), records("5"))
    #expect(rolled == ["a-00001.ndjson": "1\n2\n", "a-00002.ndjson": "3\n4\n", "a-00003.ndjson": "5\n"])
  }

  @Test func `by size, a file holds whole records and never more than it says`() throws {
    // Lines of 3, 3, 3, 8 and 2 bytes into files of 6: the fourth is longer than any file.
    let rolled = try files("a.txt", FileRolling(byteCount: 6), records("11", "22", "33"), records("4444444", "5"))
    #expect(rolled == ["a-00001.txt": "11\n22\n", "a-00002.txt": "33\n", "a-00003.txt": "4444444\n", "a-00004.txt": "5\n"])
  }

  @Test func `the header begins every file and counts into its size`() throws {
    let header = FileContent.lines(header: Array("a,b\n".utf8))
    let rolled = try files("a.csv", FileRolling(byteCount: 12), content: header, records("1,2", "3,4", "5,6"))
    #expect(rolled == ["a-00001.csv": "a,b\n1,2\n3,4\n", "a-00002.csv": "a,b\n5,6\n"])
  }

  @Test func `by event time, aligned to the epoch; late and wrong clocks stay with their neighbours`() throws {
    let rolled = try files(
      "{time}.txt", FileRolling(milliseconds: hour),
      [
        TestRecord(value: "first", timestamp: day + hour / 2), TestRecord(value: "last", timestamp: day + hour - 1),
        TestRecord(value: "wrong clock", timestamp: day + 9 * hour, marks: .skew), TestRecord(value: "next", timestamp: day + hour),
      ],
      [
        TestRecord(value: "late", timestamp: day, marks: .late), TestRecord(value: "behind", timestamp: day + hour - 1),
        TestRecord(value: "no time", timestamp: .min), TestRecord(value: "later", timestamp: day + 3 * hour),
      ])
    #expect(
      rolled == [
        "2026-01-01T00-00-00Z.txt": "first\nlast\nwrong clock\n", "2026-01-01T01-00-00Z.txt": "next\nlate\nbehind\nno time\n",
        "2026-01-01T03-00-00Z.txt": "later\n",
      ])
  }

  @Test func `before the epoch periods are aligned too`() throws {
    let rolled = try files(
      "{time}", FileRolling(milliseconds: hour),
      [TestRecord(value: "a", timestamp: -hour - 1), TestRecord(value: "b", timestamp: -1), TestRecord(value: "c", timestamp: 0)])
    #expect(
      rolled == ["1969-12-31T22-00-00Z": "a\n", "1969-12-31T23-00-00Z": "b\n", "1970-01-01T00-00-00Z": "c\n"])
  }

  @Test func `size and time together, whichever is first`() throws {
    let rolled = try files(
      "a.txt", FileRolling(recordCount: 2, milliseconds: hour),
      [
        TestRecord(value: "1", timestamp: day), TestRecord(value: "2", timestamp: day), TestRecord(value: "3", timestamp: day),
        TestRecord(value: "4", timestamp: day + hour),
      ])
    #expect(
      rolled == [
        "a-2026-01-01T00-00-00Z-00001.txt": "1\n2\n", "a-2026-01-01T00-00-00Z-00002.txt": "3\n",
        "a-2026-01-01T01-00-00Z-00003.txt": "4\n",
      ])
  }

  @Test func `each stream has files of its own, in folders that are made`() throws {
    let batch = "abbabaa".enumerated().map { TestRecord(value: "\($0)", event: $1 == "a" ? 0 : 1) }
    let rolled = try files("{stream}/{n}.txt", FileRolling(recordCount: 3), streams: ["page view", "a/b"], batch)
    #expect(
      rolled == [
        "page_view": "", "page_view/1.txt": "0\n3\n5\n", "page_view/2.txt": "6\n", "a_b": "", "a_b/1.txt": "1\n2\n4\n",
      ])
  }

  @Test func `without rolling a stream's file is written in place`() throws {
    let sink = try FileSink(path: folder.file("new/{stream}.txt"), streams: [FileStream(name: "a"), FileStream(name: "b")])
    try sink.write(lineBatch([TestRecord(value: "1", event: 1), TestRecord(value: "2"), TestRecord(value: "3", event: 1)]))
    #expect(folder.text(of: "new/a.txt") == "2\n" && folder.text(of: "new/b.txt") == "1\n3\n")
    #expect(sink.delivery.delivered == 3)
    try sink.finish(timeoutMilliseconds: 0)
    #expect(folder.contents == ["new", "new/a.txt", "new/b.txt"])
  }

  @Test func `a file has its name only when it is complete`() throws {
    let sink = try FileSink(path: folder.file("a.txt"), rolling: FileRolling(recordCount: 2))
    try sink.write(lineBatch(["1", "2"]))
    #expect(folder.contents == ["a-00001.txt.part"])
    try sink.write(lineBatch(["3"]))
    #expect(folder.contents == ["a-00001.txt", "a-00002.txt.part"])
    try sink.finish(timeoutMilliseconds: 0)
    #expect(folder.contents == ["a-00001.txt", "a-00002.txt"])
  }

  @Test func `who is killed leaves what is complete, and a part`() throws {
    do {
      let sink = try FileSink(path: folder.file("a.txt"), rolling: FileRolling(recordCount: 1))
      try sink.write(lineBatch(["1", "2"]))
      // Gone without an end.
    }
    #expect(folder.contents == ["a-00001.txt", "a-00002.txt.part"])
    #expect(folder.text(of: "a-00001.txt") == "1\n")
  }

  @Test func `no records, no files`() throws {
    #expect(try files("a.txt", FileRolling(recordCount: 1)).isEmpty)
  }

  /// Random records cut into batches in different ways give the same files: the model is the rule itself, record by record.
  @Test(arguments: 0..<8) func `files do not depend on batches`(_ seed: Int) throws {
    var random = Random(seed: UInt64(seed), 1, 2)
    let rolling = [
      FileRolling(byteCount: 300), FileRolling(recordCount: 7), FileRolling(milliseconds: 1000),
      FileRolling(byteCount: 300, recordCount: 20, milliseconds: 2000),
    ][seed % 4]
    var time = day
    let all = (0..<200).map { index in
      time += Int64(random.below(60))
      return TestRecord(value: "\(index)" + String(repeating: "x", count: Int(random.below(40))), timestamp: time)
    }
    var model: [[String]] = []
    var size = 0
    var period: Int64 = 0
    for record in all {
      let next = rolling.milliseconds.map { record.timestamp / $0 } ?? 0
      let isFull =
        size + record.value.utf8.count + 1 > rolling.byteCount ?? .max || model.last?.count ?? 0 == rolling.recordCount ?? -1
      if model.isEmpty || isFull || next != period {
        model.append([])
        size = 0
        period = next
      }
      model[model.count - 1].append(record.value)
      size += record.value.utf8.count + 1
    }
    for batchCount in [1, 3, 200] {
      let folder = TestFolder()
      let sink = try FileSink(path: folder.file("{n:04}"), rolling: rolling)
      for start in stride(from: 0, to: all.count, by: batchCount) {
        try sink.write(lineBatch(Array(all[start..<min(start + batchCount, all.count)])))
      }
      try sink.finish(timeoutMilliseconds: 0)
      let found = folder.contents.map { folder.text(of: $0).split(separator: "\n").map(String.init) }
      #expect(found == model, "seed \(seed), batches of \(batchCount)")
    }
  }

  @Test(arguments: [("a.ndjson.gz", "gzip"), ("a.ndjson.zst", "zstd")]) func `compressed files are whole, each for itself`(
    _ name: String, _ command: String
  ) throws {
    var contents: [[Data]] = []
    for batchCount in [100, 7] {
      let folder = TestFolder()
      let sink = try FileSink(path: folder.file(name), rolling: FileRolling(recordCount: 1000))
      let lines = (0..<2500).map { "{\"number\":\($0)}" }
      for start in stride(from: 0, to: lines.count, by: batchCount) {
        try sink.write(lineBatch(Array(lines[start..<min(start + batchCount, lines.count)])))
      }
      // What a compressor holds back is not delivered.
      #expect(sink.delivery.written == 2500 && sink.delivery.delivered == 2000)
      try sink.finish(timeoutMilliseconds: 0)
      #expect(sink.delivery.delivered == 2500)
      let outcomes = try folder.contents.map { try Program.run(command, ["-dc", folder.file($0)]) }
      #expect(outcomes.map(\.lines.count) == [1000, 1000, 500])
      #expect(outcomes.map(\.text).joined() == lines.joined(separator: "\n") + "\n")
      contents.append(try folder.contents.map { try Data(contentsOf: URL(filePath: folder.file($0))) })
    }
    // The same bytes, however they were cut.
    #expect(contents[0] == contents[1])
  }
}
