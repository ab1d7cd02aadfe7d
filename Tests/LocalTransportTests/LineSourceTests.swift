// Lines out of bytes, however the reads cut them, and the other way round: rows as lines, state as files.

import Base
import Features
import Foundation
import LocalTransport
import Records
import Testing

func temporaryPath() -> String {
  FileManager.default.temporaryDirectory.appendingPathComponent("freshet-\(UUID().uuidString)").path
}

private struct Line: Equatable, CustomStringConvertible {
  var offset: Int64
  var text: String
  var description: String { "\(offset): \(text)" }
}

private func readAll(_ source: LineSource) throws -> [Line] {
  let batch = RecordBatch(slotCapacity: 2, byteCapacity: 64)
  var lines: [Line] = []
  while true {
    switch try source.poll(into: batch, maximumCount: 100, timeoutMilliseconds: 1000) {
    case .records:
      for index in 0..<batch.count {
        lines.append(Line(offset: batch.slots[index].offset, text: String(decoding: batch.value(index), as: UTF8.self)))
      }
    case .endOfInput: return lines
    default: Issue.record("a file is never silent")
    }
  }
}

@Suite struct `Lines of a file` {
  @Test(arguments: [1, 2, 3, 7, 64, 1 << 20])
  func `are the same however the reads cut them`(readByteCount: Int) throws {
    let text = "{\"a\":1}\n\n{\"b\":\"ü€😀\"}\r\n\r\n   \nlonger than one read of seven bytes\n\n\nno line feed at the end"
    let path = temporaryPath()
    defer { unlink(path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    var expected: [Line] = []
    var offset = 0
    for piece in text.utf8.split(separator: 10, omittingEmptySubsequences: false) {
      var line = String(decoding: piece, as: UTF8.self)
      if line.unicodeScalars.last == "\r" { line.unicodeScalars.removeLast() }
      if !line.isEmpty { expected.append(Line(offset: Int64(offset), text: line)) }
      offset += piece.count + 1
    }
    #expect(try readAll(LineSource(path: path, readByteCount: readByteCount)) == expected)
  }

  @Test(arguments: [1, 3, 7, 1 << 20], [true, false])
  func `go on behind any of them`(readByteCount: Int, isPipe: Bool) throws {
    let text = "{\"a\":1}\n\n{\"b\":\"ü€😀\"}\r\n\r\nx\n\n\nno line feed at the end"
    let path = temporaryPath()
    defer { unlink(path) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    let all = try readAll(LineSource(path: path))
    #expect(all.count == 4)
    for (index, line) in all.enumerated() {
      let position = PartitionOffset(partition: 0, offset: line.offset + 1)
      let source: LineSource
      var pipe: Pipe?
      if isPipe {
        pipe = Pipe()
        try pipe!.fileHandleForWriting.write(contentsOf: Data(text.utf8))
        try pipe!.fileHandleForWriting.close()
        source = LineSource(descriptor: pipe!.fileHandleForReading.fileDescriptor, name: "stdin", readByteCount: readByteCount)
      } else {
        source = try LineSource(path: path, readByteCount: readByteCount)
      }
      try source.start([0], at: [position])
      #expect(try readAll(source) == Array(all[(index + 1)...]))
    }
  }

  @Test func `are not looked for behind the end`() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    try Data("{}\n".utf8).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: Failure.self) {
      try LineSource(path: path).start([0], at: [PartitionOffset(partition: 0, offset: 4)])
    }
    #expect(error?.code == .badData)
    #expect(
      error?.message
        == "file:\(path) has 3 bytes, but an earlier run has read 4 of them: it is another input now. --ignore-checkpoints reads it from its "
        + "beginning")
  }

  @Test(arguments: [3, 4, 6, 12] as [Offset])
  func `are not looked for where none begins`(offset: Offset) throws {
    let path = temporaryPath()
    defer { unlink(path) }
    try Data("{}\n\n{\"a\": 1}\n".utf8).write(to: URL(fileURLWithPath: path))
    let error = #expect(throws: Failure.self) {
      try LineSource(path: path).start([0], at: [PartitionOffset(partition: 0, offset: offset)])
    }
    #expect(error?.code == .badData)
    #expect(
      error?.message
        == "file:\(path) has no line at byte \(offset - 1), where an earlier run has read one: it is another input now. --ignore-checkpoints "
        + "reads it from its beginning")
  }

  @Test func `stay where they are while the source is paused`() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    try Data("{}\n".utf8).write(to: URL(fileURLWithPath: path))
    let source = try LineSource(path: path)
    let batch = RecordBatch()
    try source.setPaused(true)
    #expect(try source.poll(into: batch, maximumCount: 10, timeoutMilliseconds: 1) == .idle)
    try source.setPaused(false)
    #expect(try readAll(source).count == 1)
  }

  @Test func `an empty file has none`() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(try readAll(LineSource(path: path)).isEmpty)
  }

  @Test func `a piece of a line is not silence, and silence is not the end`() throws {
    let pipe = Pipe()
    let source = LineSource(descriptor: pipe.fileHandleForReading.fileDescriptor, name: "pipe")
    let batch = RecordBatch()
    #expect(try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 1) == .idle)
    pipe.fileHandleForWriting.write(Data("{\"a\"".utf8))
    #expect(try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 1) == .idle)
    pipe.fileHandleForWriting.write(Data(":1}\nrest".utf8))
    #expect(try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 1000) == .records)
    #expect(String(decoding: batch.value(0), as: UTF8.self) == "{\"a\":1}")
    try pipe.fileHandleForWriting.close()
    #expect(try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 1000) == .records)
    #expect(batch.slots[0].offset == 8)
    #expect(try source.poll(into: batch, maximumCount: 1, timeoutMilliseconds: 1000) == .endOfInput)
  }

  @Test func `a file that is not there, or is a folder, is named`() throws {
    let missing = #expect(throws: Failure.self) { try LineSource(path: "/nowhere/x.ndjson") }
    #expect(missing?.code == .noInput)
    #expect(missing?.message == "cannot open '/nowhere/x.ndjson': No such file or directory")
    let folder = #expect(throws: Failure.self) { try readAll(LineSource(path: "/")) }
    #expect(folder?.code == .noInput)
  }
}

@Suite struct `Rows as lines` {
  @Test func `values, windows and keys are JSON`() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    let views = [
      StoredView(name: "v", keyFieldName: "user", featureNames: ["i", "d", "s", "b", "n", "m", "j"], timeToLiveMilliseconds: nil),
      StoredView(name: "a \"view\"", keyFieldName: nil, featureNames: ["n"], timeToLiveMilliseconds: nil),
    ]
    let rows = FeatureRowBatch()
    rows.bytes.append("u\"1\n")
    rows.bytes.append("tab\tü")
    rows.bytes.append("[1,2]")
    rows.values = [
      FeatureValue(kind: .integer, bits: UInt64(bitPattern: -7)), FeatureValue(kind: .double, bits: (0.1).bitPattern),
      FeatureValue(kind: .string, bits: 4, byteCount: 6), FeatureValue(kind: .bool, bits: 1), FeatureValue(kind: .null),
      FeatureValue(kind: .missing), FeatureValue(kind: .composite, bits: 10, byteCount: 5), FeatureValue(kind: .integer, bits: 1),
    ]
    rows.rows = [
      FeatureRow(
        view: 0, keyStart: 0, keyCount: 4, firstValue: 0, partition: 0, windowStart: -10, windowEnd: 0, asOf: 5, lastEvent: 4),
      FeatureRow(
        view: 1, keyStart: 0, keyCount: -1, firstValue: 7, partition: 0, windowStart: .min, windowEnd: .min, asOf: 5, lastEvent: 4),
    ]
    try NDJSONRowStore(views: views, output: FileDescriptorWriter(path: path)).write(rows)
    let written = try String(contentsOfFile: path, encoding: .utf8)
    #expect(
      written == #"""
        {"view":"v","user":"u\"1\n","window_start":-10,"window_end":0,"i":-7,"d":0.1,"s":"tab\tü","b":true,"n":null,"m":null,"j":[1,2]}
        {"view":"a \"view\"","as_of":5,"n":1}

        """#)
    for line in written.split(separator: "\n") { _ = try JSONSerialization.jsonObject(with: Data(line.utf8)) }
  }
}
