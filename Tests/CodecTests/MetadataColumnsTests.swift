import Base
import Codec
import Records
import Testing

@Suite struct MetadataColumnsTests {
  private func append(
    _ batch: RecordBatch, _ value: String, key: [UInt8]?, timestamp: Int64, offset: Offset, partition: PartitionIndex
  ) {
    Array(value.utf8).withUnsafeBufferPointer { value in
      guard let key else {
        return batch.append(value: value, key: nil, timestamp: timestamp, offset: offset, partition: partition)
      }
      key.withUnsafeBufferPointer {
        batch.append(value: value, key: $0, timestamp: timestamp, offset: offset, partition: partition)
      }
    }
  }

  private func header(_ batch: RecordBatch, _ row: Int, _ name: String, _ value: [UInt8]?) {
    guard let value else { return batch.appendHeader(name: name, value: nil, toRecord: row) }
    value.withUnsafeBufferPointer { batch.appendHeader(name: name, value: $0, toRecord: row) }
  }

  @Test func `a record's time, key, place and headers are columns like its fields`() throws {
    let batch = RecordBatch(slotCapacity: 1, byteCapacity: 64)
    batch.topic = "clicks"
    append(batch, #"{"a":1,"$key":"no"}"#, key: Array("u1".utf8), timestamp: 17, offset: 4, partition: 2)
    header(batch, 0, "ce_type", Array("click".utf8))
    header(batch, 0, "ce_type", Array("view".utf8))
    header(batch, 0, "trace.id", Array("t".utf8))
    append(batch, #"{"a":2}"#, key: nil, timestamp: .min, offset: 5, partition: 2)
    append(batch, #"{"a":3}"#, key: [0xFF, 0], timestamp: -1, offset: 6, partition: 0)
    header(batch, 2, "ce_type", nil)
    header(batch, 2, "trace.id", [0xFE])
    append(batch, #"{"a":4}"#, key: [], timestamp: 0, offset: 7, partition: 0)
    let names = [
      "a", "$timestamp", "$key", "$partition", "$offset", "$topic", "$headers.ce_type", "$headers.trace.id", "$headers.none",
    ]
    let all = names.map { FieldPath(dotted: $0)! }
    let columns = Columns(columnCount: all.count)
    JSONColumnReader(paths: all).decode(batch, into: columns)
    let metadata = MetadataColumns(paths: all)
    metadata.fill(batch, columns)
    // The topic's text is the metadata's own.
    let rows = withExtendedLifetime(metadata) { (0..<4).map { row in names.indices.map { PlainValue(columns.column($0)[row]) } } }
    #expect(
      rows == [
        [.integer(1), .integer(17), .text("u1"), .integer(2), .integer(4), .text("clicks"), .text("view"), .text("t"), .missing],
        [.integer(2), .missing, .missing, .integer(2), .integer(5), .text("clicks"), .missing, .missing, .missing],
        [.integer(3), .integer(-1), .text("/wA="), .integer(0), .integer(6), .text("clicks"), .null, .text("/g=="), .missing],
        [.integer(4), .integer(0), .text(""), .integer(0), .integer(7), .text("clicks"), .missing, .missing, .missing],
      ])
  }

  @Test func `a file's records have no topic, and headers are forgotten with their batch`() {
    let batch = RecordBatch()
    append(batch, "{}", key: nil, timestamp: .min, offset: 0, partition: 0)
    header(batch, 0, "h", [0x61])
    batch.removeAll()
    append(batch, "{}", key: nil, timestamp: .min, offset: 0, partition: 0)
    let all = paths("$topic", "$headers.h")
    let columns = Columns(columnCount: 2)
    JSONColumnReader(paths: all).decode(batch, into: columns)
    MetadataColumns(paths: all).fill(batch, columns)
    #expect(PlainValue(columns.column(0)[0]) == .missing && PlainValue(columns.column(1)[0]) == .missing)
  }

  @Test(arguments: ["$", "$time", "$headers", "$key.x", "$Key"])
  func `other names with a dollar sign are no metadata`(_ text: String) {
    let path = FieldPath(dotted: text)!
    #expect(path.isMetadata && path.metadata == nil)
  }

  @Test func `headers are read only where a path names one`() {
    #expect(MetadataColumns.readsHeaders(paths("a", "$headers.x")))
    #expect(!MetadataColumns.readsHeaders(paths("a", "$key")))
  }
}
