// Avro container files, read back by fastavro.

import Base
import Compression
import Foundation
import Records
import TestSupport
import Testing

@testable import LocalTransport

@Suite struct AvroContainerTests {
  private static let schema =
    #"{"type":"record","name":"click","fields":[{"name":"number","type":"long"},{"name":"page","type":"string"}]}"#
  private let folder = TestFolder()

  /// Reads every file that is named; prints the codec, the records of each block, and each record's number and the length of its page.
  private static let reader = """
    import sys, fastavro
    for path in sys.argv[1:]:
        with open(path, 'rb') as file:
            blocks = fastavro.block_reader(file)
            counts = []
            records = []
            for block in blocks:
                counts.append(block.num_records)
                records += list(block)
            print(blocks.codec, blocks.writer_schema['name'], *counts)
            for record in records: print(record['number'], record['page'])
    """

  private func record(_ number: Int, _ page: String) -> TestRecord {
    let buffer = ByteBuffer()
    AvroContainer.append(number, to: buffer)
    AvroContainer.append(page.utf8.count, to: buffer)
    buffer.append(page)
    return TestRecord(value: String(decoding: buffer.bytes, as: UTF8.self))
  }

  private func write(
    _ name: String, _ container: AvroContainer, _ pages: [String], rolling: FileRolling = .none, batchCount: Int = 64
  ) throws -> FileSink {
    let sink = try FileSink(path: folder.file(name), rolling: rolling, content: .avro(container))
    // Numbers below 64, so that each value is one byte of ASCII and `record` may hold it as text.
    let records = pages.enumerated().map { record($0 % 64, $1) }
    for start in stride(from: 0, to: records.count, by: batchCount) {
      try sink.write(binaryBatch(Array(records[start..<min(start + batchCount, records.count)])))
    }
    try sink.finish(timeoutMilliseconds: 0)
    #expect(sink.delivery.written == Int64(pages.count) && sink.delivery.delivered == Int64(pages.count))
    return sink
  }

  static let codecs: [AvroCodec] = [.null, .deflate(level: 6), .zstandard(level: 3)]

  @Test(arguments: codecs) func `fastavro reads every record of every block`(_ codec: AvroCodec) throws {
    let pages = (0..<500).map { "/page/\($0 * 7919 % 1000)" }
    let container = AvroContainer(schema: Self.schema, codec: codec, blockRecordCount: 200)
    _ = try write("a.avro", container, pages)
    let lines = try TestPython.run(Self.reader, folder.file("a.avro")).split(separator: "\n").map(String.init)
    #expect(lines.first == "\(codec.name) click 200 200 100")
    #expect(lines.dropFirst() == ArraySlice(pages.enumerated().map { "\($0 % 64) \($1)" }))
  }

  @Test func `a block is closed by its size too`() throws {
    // Pages of 60 bytes, 62 with number and length: 17 of them are the first to reach 1 KiB.
    let container = AvroContainer(schema: Self.schema, blockByteCount: 1024)
    _ = try write("a.avro", container, Array(repeating: String(repeating: "p", count: 60), count: 40))
    #expect(try TestPython.run(Self.reader, folder.file("a.avro")).hasPrefix("null click 17 17 6\n"))
  }

  @Test func `every file of several is whole`() throws {
    let pages = (0..<50).map { "/\($0)" }
    _ = try write(
      "a.avro", AvroContainer(schema: Self.schema, codec: .deflate(level: 1)), pages, rolling: FileRolling(recordCount: 20))
    #expect(folder.contents == ["a-00001.avro", "a-00002.avro", "a-00003.avro"])
    let text = try TestPython.run(
      Self.reader, folder.file("a-00001.avro"), folder.file("a-00002.avro"), folder.file("a-00003.avro"))
    #expect(
      text.split(separator: "\n").filter { $0.contains("click") } == ["deflate click 20", "deflate click 20", "deflate click 10"])
    #expect(text.split(separator: "\n").count == 53)
  }

  @Test func `a container without records is one`() throws {
    _ = try write("a.avro", AvroContainer(schema: Self.schema), [])
    #expect(try TestPython.run(Self.reader, folder.file("a.avro")) == "null click\n")
  }

  @Test(arguments: codecs) func `the same seed gives the same bytes, however batches are cut`(_ codec: AvroCodec) throws {
    func bytes(_ name: String, seed: UInt64, batchCount: Int) throws -> Data {
      _ = try write(
        name, AvroContainer(schema: Self.schema, codec: codec, seed: seed, blockRecordCount: 90), (0..<300).map { "/\($0)" },
        batchCount: batchCount)
      return try Data(contentsOf: URL(filePath: folder.file(name)))
    }
    let first = try bytes("a", seed: 7, batchCount: 300)
    #expect(try bytes("b", seed: 7, batchCount: 1) == first)
    #expect(try bytes("c", seed: 8, batchCount: 300) != first)
  }

  @Test func `a deletion has no place in a container`() throws {
    let sink = try FileSink(path: folder.file("a.avro"), content: .avro(AvroContainer(schema: Self.schema)))
    try sink.write(binaryBatch([record(1, "/a"), TestRecord(value: "", marks: .tombstone), record(2, "/b")]))
    try sink.finish(timeoutMilliseconds: 0)
    #expect(sink.delivery.written == 3 && sink.delivery.delivered == 2 && sink.delivery.failed == 1)
    #expect(sink.delivery.firstFailure == "an Avro file cannot hold a deletion, which is a key without a value")
    #expect(try TestPython.run(Self.reader, folder.file("a.avro")) == "null click 2\n1 /a\n2 /b\n")
  }

  @Test func `a block that is not full is not delivered`() throws {
    let sink = try FileSink(
      path: folder.file("a.avro"), content: .avro(AvroContainer(schema: Self.schema, blockRecordCount: 3)))
    try sink.write(binaryBatch((0..<4).map { record($0, "/") }))
    #expect(sink.delivery.written == 4 && sink.delivery.delivered == 3)
    try sink.finish(timeoutMilliseconds: 0)
    #expect(sink.delivery.delivered == 4)
  }

  @Test(arguments: [(0, [0]), (1, [2]), (63, [126]), (64, [128, 1]), (-1, [1]), (65_536, [128, 128, 8])] as [(Int, [UInt8])])
  func `counts are Avro longs`(_ count: Int, _ bytes: [UInt8]) {
    let buffer = ByteBuffer()
    AvroContainer.append(count, to: buffer)
    #expect(Array(buffer.bytes) == bytes)
  }
}
