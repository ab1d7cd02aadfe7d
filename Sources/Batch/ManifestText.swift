// Lines of a manifest, to and from `ArchivedFile`. A last line without its line feed was cut off while it was written, and does not
// count; any other line that cannot be read is damage.

import Base
import Codec
import Records

enum ManifestText {
  /// The whole lines of a manifest, and how many bytes they are.
  struct Content {
    var files: [ArchivedFile] = []
    /// Bytes in front of what was cut off while it was written.
    var byteCount: Int64 = 0

    var nextOffset: Offset? { files.last?.next }
    /// The greatest event time of all files.
    var maxTime: Int64? { files.compactMap(\.maxTime).max() }
  }

  private static let fields = [
    "file", "part", "first", "next", "records", "bytes", "stored_bytes", "min_time", "max_time", "gaps", "written_at",
  ]

  /// The line of a file, with its line feed.
  static func line(_ file: ArchivedFile) -> String {
    let gaps = file.gaps.map { "[\($0.first),\($0.count)]" }.joined(separator: ",")
    return "{\"file\":\(JSONText.quoted(file.path)),\"part\":\(JSONText.quoted(file.partName)),\"first\":\(file.first),"
      + "\"next\":\(file.next),\"records\":\(file.recordCount),\"bytes\":\(file.byteCount),\"stored_bytes\":\(file.storedByteCount),"
      + "\"min_time\":\(file.minTime.map { "\($0)" } ?? "null"),\"max_time\":\(file.maxTime.map { "\($0)" } ?? "null"),"
      + "\"gaps\":[\(gaps)],\"written_at\":\(file.writtenAt)}\n"
  }

  /// Reads a manifest; `name` is what messages call it.
  static func read(
    _ bytes: UnsafeBufferPointer<UInt8>, source: String, partition: PartitionIndex, name: String
  ) throws(Failure) -> Content {
    var content = Content()
    let batch = RecordBatch(slotCapacity: 256, byteCapacity: bytes.count)
    var start = 0
    while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
      let line = UnsafeBufferPointer(rebasing: bytes[start..<end])
      // A block of which the system wrote the length and not the bytes before it went down.
      if end + 1 == bytes.count, line.contains(0) { break }
      batch.append(value: line, key: nil, timestamp: .min, offset: Int64(batch.count), partition: partition)
      start = end + 1
    }
    content.byteCount = Int64(start)
    let reader = JSONColumnReader(paths: fields.map { FieldPath([$0]) })
    let columns = Columns(columnCount: fields.count)
    reader.decode(batch, into: columns)
    for row in 0..<batch.count {
      guard columns.statuses[row] == .valid, let file = file(columns, row, source, partition) else {
        throw Failure(.badData, "\(name): line \(row + 1) is not that of a file; found '\(excerpt(batch.value(row)))'")
      }
      if let contradiction = file.contradiction { throw Failure(.badData, "\(name): line \(row + 1): \(contradiction)") }
      if let next = content.files.last?.next, next != file.first {
        throw Failure(.badData, "\(name): line \(row + 1) begins at offset \(file.first), and the line before it ends at \(next)")
      }
      content.files.append(file)
    }
    return content
  }

  private static func excerpt(_ line: UnsafeBufferPointer<UInt8>) -> String {
    String(decoding: line.prefix(80), as: UTF8.self) + (line.count > 80 ? "..." : "")
  }

  private static func file(_ columns: Columns, _ row: Int, _ source: String, _ partition: PartitionIndex) -> ArchivedFile? {
    func text(_ index: Int) -> String? {
      let value = columns.column(index)[row]
      return value.kind == .string ? String(decoding: value.bytes, as: UTF8.self) : nil
    }
    func number(_ index: Int) -> Int64? {
      let value = columns.column(index)[row]
      return value.kind == .integer ? value.integer : nil
    }
    func time(_ index: Int) -> Int64?? {
      let value = columns.column(index)[row]
      return value.kind == .null ? .some(nil) : value.kind == .integer ? .some(value.integer) : .none
    }
    let list = columns.column(9)[row]
    guard let path = text(0), let part = text(1), let first = number(2), let next = number(3), let records = number(4),
      let bytes = number(5), let stored = number(6), let minTime = time(7), let maxTime = time(8), list.kind == .composite,
      let gaps = gaps(list.bytes), let writtenAt = number(10)
    else { return nil }
    return ArchivedFile(
      source: source, partition: partition, path: path, partName: part, first: first, next: next, recordCount: records,
      byteCount: bytes, storedByteCount: stored, minTime: minTime, maxTime: maxTime, gaps: gaps, writtenAt: writtenAt)
  }

  /// Reads `[[5,2],[9,1]]`; nil where it is something else.
  private static func gaps(_ text: UnsafeBufferPointer<UInt8>) -> [OffsetGap]? {
    var numbers: [Int64] = []
    var depth = 0
    for token in String(decoding: text, as: UTF8.self).split(whereSeparator: { $0 == "," || $0 == " " }) {
      var token = token
      while token.first == "[" {
        depth += 1
        token = token.dropFirst()
      }
      var closed = 0
      while token.last == "]" {
        closed += 1
        token = token.dropLast()
      }
      if !token.isEmpty {
        guard depth == 2, let number = Int64(token) else { return nil }
        numbers.append(number)
      }
      depth -= closed
    }
    guard depth == 0, numbers.count % 2 == 0 else { return nil }
    return stride(from: 0, to: numbers.count, by: 2).map { OffsetGap(first: numbers[$0], count: numbers[$0 + 1]) }
  }
}
