// Container files that fastavro wrote, read back record for record beside the same records as JSON; files that are cut and damaged.

import Base
import Codec
import Foundation
import Records
import TestSupport
import Testing

@testable import LocalTransport

/// Writes records of every type to a container file and, as Freshet sees them, to lines of JSON. usage: CODEC COUNT AVRO JSON
private let writer = """
  import base64, datetime, decimal, json, random, sys, uuid, fastavro
  codec, count, avro, lines = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
  schema = fastavro.parse_schema({"type": "record", "name": "all", "namespace": "t", "fields": [
    {"name": "n", "type": "null"}, {"name": "b", "type": "boolean"}, {"name": "i", "type": "int"}, {"name": "l", "type": "long"},
    {"name": "f", "type": "float"}, {"name": "d", "type": "double"}, {"name": "y", "type": "bytes"}, {"name": "s", "type": "string"},
    {"name": "x", "type": {"type": "fixed", "name": "four", "size": 4}},
    {"name": "e", "type": {"type": "enum", "name": "color", "symbols": ["RED", "GREEN", "BLUE"]}},
    {"name": "a", "type": {"type": "array", "items": "long"}}, {"name": "m", "type": {"type": "map", "values": ["null", "string"]}},
    {"name": "u", "type": ["null", "long", "string", {"type": "array", "items": "string"}]},
    {"name": "o", "type": ["null", "double"]},
    {"name": "r", "type": {"type": "record", "name": "inner", "fields": [
      {"name": "k", "type": "string"}, {"name": "c", "type": ["null", "color"]}, {"name": "t", "type": ["null", "inner"]}]}},
    {"name": "ms", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "us", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    {"name": "tm", "type": {"type": "int", "logicalType": "time-millis"}},
    {"name": "tu", "type": {"type": "long", "logicalType": "time-micros"}},
    {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "p", "type": {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 3}},
    {"name": "q", "type": {"type": "fixed", "name": "money", "size": 9, "logicalType": "decimal", "precision": 20, "scale": 2}}]})
  rng = random.Random(7)
  epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
  def word(): return "".join(rng.choice('ab"\\\\\\nüñ€😀 ') for _ in range(rng.randrange(6)))
  def inner(depth): return {"k": word(), "c": rng.choice([None, "RED", "BLUE"]), "t": inner(depth - 1) if depth and rng.random() < .6 else None}
  def time(): return datetime.time(rng.randrange(24), rng.randrange(60), rng.randrange(60), rng.randrange(1000) * 1000 + rng.randrange(2))
  def record():
    return {"n": None, "b": rng.random() < .5, "i": rng.choice([0, -1, 2**31 - 1, -2**31, rng.randrange(1000)]),
      "l": rng.choice([2**63 - 1, -2**63, rng.randrange(-10**6, 10**6)]), "f": rng.randrange(-1000, 1000) / 8, "d": rng.uniform(-1e6, 1e6),
      "y": rng.randbytes(rng.randrange(5)), "s": word(), "x": rng.randbytes(4), "e": rng.choice(["RED", "GREEN", "BLUE"]),
      "a": [rng.randrange(-200, 200) for _ in range(rng.randrange(4))], "m": {word() + str(n): rng.choice([None, word()]) for n in range(rng.randrange(3))},
      "u": rng.choice([None, 5, "five", [], ["a", word()]]), "o": rng.choice([None, 0.1, 1e300]), "r": inner(3),
      "ms": epoch + datetime.timedelta(milliseconds=rng.randrange(-10**12, 4 * 10**12)),
      "us": epoch + datetime.timedelta(microseconds=rng.randrange(-10**15, 4 * 10**15)),
      "day": datetime.date(1970, 1, 1) + datetime.timedelta(days=rng.randrange(-50000, 50000)), "tm": time(), "tu": time(),
      "id": str(uuid.UUID(int=rng.getrandbits(128))),
      "p": decimal.Decimal(rng.randrange(-10**15, 10**15)).scaleb(-3), "q": decimal.Decimal(rng.randrange(-10**17, 10**17)).scaleb(-2)}
  def plain(value):
    if isinstance(value, dict): return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list): return [plain(item) for item in value]
    if isinstance(value, bytes): return base64.b64encode(value).decode()
    if isinstance(value, datetime.datetime): return (value - epoch) // datetime.timedelta(milliseconds=1)
    if isinstance(value, datetime.date): return value.isoformat()
    if isinstance(value, datetime.time): return value.isoformat(timespec="milliseconds")
    if isinstance(value, decimal.Decimal): return float(value)
    return value
  records = [record() for _ in range(count)]
  with open(avro, "wb") as out: fastavro.writer(out, schema, records, codec=codec, sync_interval=2000)
  with open(lines, "w") as out:
    for item in records: out.write(json.dumps(plain(item)) + "\\n")
  """

private let paths = [
  "n", "b", "i", "l", "f", "d", "y", "s", "x", "e", "a", "m", "u", "o", "r", "r.k", "r.c", "r.t.k", "r.t.t.c", "ms", "us", "day",
  "tm", "tu",
  "id", "p", "q", "none", "m.none",
].map { FieldPath(dotted: $0)! }

private struct Value: Equatable, CustomStringConvertible {
  var description: String

  init(_ value: ColumnValue) {
    switch value.kind {
    case .missing: description = "missing"
    case .null: description = "null"
    case .bool: description = "\(value.bool)"
    // JSON writes a whole double without its point in places, and both are the same number.
    case .integer: description = value.integer.magnitude < 1 << 53 ? "\(Double(value.integer))" : "\(value.integer)"
    case .double: description = "\(value.double)"
    case .string: description = "'\(String(decoding: value.bytes, as: UTF8.self))'"
    case .composite:
      let object = try? JSONSerialization.jsonObject(with: Data(value.bytes))
      let data = object.flatMap { try? JSONSerialization.data(withJSONObject: $0, options: [.sortedKeys]) }
      description = data.map { String(decoding: $0, as: UTF8.self) } ?? "no JSON: \(String(decoding: value.bytes, as: UTF8.self))"
    }
  }
}

private struct Read: Equatable {
  var offset: Offset
  var status: RecordStatus
  var values: [Value]
  var explanation: String?
}

/// All records of a source, decoded.
private func readAll(
  _ source: any Source, _ decoder: any RecordDecoder, maximumCount: Int = 100
) throws -> [Read] {
  let batch = RecordBatch(slotCapacity: 2, byteCapacity: 64)
  let columns = Columns(columnCount: decoder.paths.count)
  var reads: [Read] = []
  while true {
    switch try source.poll(into: batch, maximumCount: maximumCount, timeoutMilliseconds: 1000) {
    case .records:
      try decoder.decode(batch, into: columns)
      for row in 0..<batch.count {
        let status = columns.statuses[row]
        reads.append(
          Read(
            offset: batch.slots[row].offset, status: status,
            values: decoder.paths.indices.map { Value(columns.column($0)[row]) },
            explanation: status == .valid ? nil : decoder.explanation(ofRow: row, in: batch)))
      }
    case .endOfInput: return reads
    default: Issue.record("a file is never silent")
    }
  }
}

private func readAvro(_ path: String, readByteCount: Int = 1 << 20, maximumCount: Int = 100) throws -> [Read] {
  try readAll(
    AvroSource(path: path, readByteCount: readByteCount), AvroColumnReader(paths: paths, .batch), maximumCount: maximumCount)
}

@Suite struct AvroSourceTests {
  /// A container file with its records as JSON.
  private func files(_ folder: TestFolder, codec: String = "null", count: Int = 400) throws -> (avro: String, json: String) {
    let (avro, json) = (folder.file("\(codec).avro"), folder.file("\(codec).ndjson"))
    _ = try TestPython.run(writer, codec, "\(count)", avro, json)
    return (avro, json)
  }

  @Test(arguments: ["null", "deflate", "zstandard"])
  func `what fastavro wrote is read value for value`(codec: String) throws {
    let folder = TestFolder()
    let (avro, json) = try files(folder, codec: codec)
    let expected = try readAll(try LineSource(path: json), JSONColumnReader(paths: paths))
    let found = try readAvro(avro)
    #expect(found.count == 400 && expected.count == 400)
    #expect(found.map(\.offset) == (0..<400).map { Offset($0) })
    for (ours, theirs) in zip(found, expected) {
      #expect(ours.status == .valid)
      for (index, path) in paths.enumerated() where ours.values[index] != theirs.values[index] {
        Issue.record("record \(ours.offset), \(path): \(ours.values[index]), expected \(theirs.values[index])")
      }
    }
  }

  @Test(arguments: [1, 7, 1000, 1 << 20], [1, 100, 100_000])
  func `records do not depend on how they are read`(readByteCount: Int, maximumCount: Int) throws {
    let folder = TestFolder()
    let (avro, _) = try files(folder, codec: "deflate", count: 60)
    let whole = try readAvro(avro)
    #expect(try readAvro(avro, readByteCount: readByteCount, maximumCount: maximumCount) == whole)
  }

  @Test(arguments: [1, 7, 100_000])
  func `reading goes on behind any record`(maximumCount: Int) throws {
    let folder = TestFolder()
    let (avro, _) = try files(folder, codec: "deflate", count: 60)
    let whole = try readAvro(avro)
    for position in [1, 17, 59, 60] {
      let source = try AvroSource(path: avro)
      try source.start([0], at: [PartitionOffset(partition: 0, offset: Offset(position))])
      #expect(try readAll(source, AvroColumnReader(paths: paths, .batch), maximumCount: maximumCount) == Array(whole[position...]))
    }
    let source = try AvroSource(path: avro)
    try source.start([0], at: [PartitionOffset(partition: 0, offset: 61)])
    let error = #expect(throws: Failure.self) { try readAll(source, AvroColumnReader(paths: paths, .batch)) }
    #expect(error?.code == .badData)
    #expect(
      error?.message
        == "file:\(avro) ends before the place that an earlier run has read up to (61): it is another input now. --ignore-checkpoints reads it "
        + "from its beginning")
  }

  @Test func `records without a container are read by a schema of their own`() throws {
    let folder = TestFolder()
    let bytes: [UInt8] = [2, 0x61, 2, 4, 0x62, 0x63, 4, 0]
    try Data(bytes).write(to: URL(filePath: folder.file("bare")))
    let schema = try AvroSchema(
      #"{"type":"record","name":"r","fields":[{"name":"s","type":"string"},{"name":"l","type":"long"}]}"#)
    for readByteCount in [1, 3, 100] {
      let reads = try readAll(
        AvroSource(path: folder.file("bare"), schema: schema, readByteCount: readByteCount),
        AvroColumnReader(paths: [FieldPath(["s"]), FieldPath(["l"])], .given(schema)))
      #expect(reads.map(\.offset) == [0, 3, 7])
      #expect(reads.prefix(2).map { $0.values.map(\.description) } == [["'a'", "1.0"], ["'bc'", "2.0"]])
      #expect(
        reads[2].explanation
          == "malformed Avro at byte 1 (l): the record ends too early, in the record at byte 7; what follows it in the input is lost"
      )
    }
  }

  // MARK: - Damage

  /// Where each block of a file begins, and where the file ends.
  private func blockStarts(_ file: Data) -> [Int] {
    let sync = file.suffix(16)
    var starts: [Int] = []
    var start = file.startIndex
    while let found = file.range(of: sync, in: start..<file.endIndex) {
      starts.append(found.upperBound)
      start = found.upperBound
    }
    return starts
  }

  private func read(_ file: Data, in folder: TestFolder) throws -> [Read] {
    let path = folder.file("damaged.avro")
    try file.write(to: URL(filePath: path))
    return try readAvro(path)
  }

  @Test(arguments: ["null", "deflate", "zstandard"])
  func `a damaged block is lost alone`(codec: String) throws {
    let folder = TestFolder()
    let (avro, _) = try files(folder, codec: codec, count: 60)
    let whole = try readAvro(avro)
    let file = try Data(contentsOf: URL(filePath: avro))
    let starts = blockStarts(file)
    try #require(starts.count > 4)
    // A bit of the sync marker behind the second block.
    var damaged = file
    damaged[starts[2] - 3] ^= 4
    let reads = try read(damaged, in: folder)
    let lost = reads.firstIndex { $0.status != .valid }!
    #expect(reads.filter { $0.status != .valid }.count == 1)
    #expect(reads[lost].status == .malformed)
    #expect(
      reads[lost].explanation
        == "the block at byte \(starts[1]) is damaged: there is no sync marker where it ends; \(starts[3] - starts[1]) bytes to the next sync marker are lost"
    )
    #expect(reads[..<lost].map(\.values) == whole[..<lost].map(\.values))
    #expect(reads[(lost + 1)...].map(\.values) == whole.suffix(reads.count - lost - 1).map(\.values))
    // The length of the second block.
    damaged = file
    damaged[starts[1] + 1] = 0xFF
    damaged[starts[1] + 2] = 0xFF
    let others = try read(damaged, in: folder)
    #expect(others.filter { $0.status != .valid }.count == 1)
    #expect(others.filter { $0.status != .valid }[0].explanation?.hasPrefix("the block at byte \(starts[1]) is damaged: ") == true)
    #expect(others.last?.values == whole.last?.values)
    // The file ends in its last block.
    let cut = try read(file.dropLast(20), in: folder)
    let start = starts[starts.count - 2]
    #expect(
      cut.last?.explanation
        == "the block at byte \(start) is damaged: the file ends in it; \(file.count - 20 - start) bytes to the end of the file are lost"
    )
    #expect(cut.dropLast().map(\.values) == whole.prefix(cut.count - 1).map(\.values))
  }

  @Test func `a record that cannot be read takes the rest of its block with it`() throws {
    let folder = TestFolder()
    let schema = #"{"type":"record","name":"r","fields":[{"name":"s","type":"string"}]}"#
    let container = AvroContainer(schema: schema)
    let header = ByteBuffer()
    container.appendHeader(to: header)
    var file = Data(header.bytes)
    let start = file.count
    for block: [UInt8] in [[6, 12, 2, 0x61, 20, 0x62, 2, 0x63], [4, 8, 2, 0x61, 2, 0x62], [4, 10, 2, 0x61, 2, 0x62, 0]] {
      file += Data(block + container.syncMarker)
    }
    let path = folder.file("records.avro")
    try file.write(to: URL(filePath: path))
    let reads = try readAll(AvroSource(path: path), AvroColumnReader(paths: [FieldPath(["s"])], .batch))
    #expect(reads.map { $0.values[0].description } == ["'a'", "missing", "'a'", "'b'", "'a'", "'b'", "missing"])
    #expect(
      reads[1].explanation
        == "the block at byte \(start) is damaged: its record 2 of 3: malformed Avro at byte 2 (s): a length that is negative or larger than the record; 2 records are lost"
    )
    #expect(reads[6].explanation == "the block at byte \(start + 24 + 22) is damaged: 1 bytes follow its last record")
    #expect(reads.map(\.offset) == (0..<7).map { Offset($0) })
  }

  @Test(arguments: [
    ("{\"a\":1}\n", 65, "expected an Avro container file, which begins with 'Obj' and a byte 1; these look like lines of JSON"),
    ("Obj\u{1}", 65, "the file ends in its header, at byte 4"),
    ("Obj\u{1}\u{0}0123456789abcdef", 65, "the header has no 'avro.schema'"),
    ("Obj\u{1}\u{2}\u{16}avro.schema\u{2}x\u{0}0123456789abcdef", 65, "the schema of the file: the schema is not JSON"),
    (
      "Obj\u{1}\u{2}\u{16}avro.schema\u{0C}\"long\"\u{0}0123456789abcdef", 65,
      "the schema of the file: the schema is no record, but long"
    ),
    (
      "Obj\u{1}\u{4}\u{16}avro.schema\u{62}{\"type\":\"record\",\"name\":\"r\",\"fields\":[]}         \u{14}avro.codec\u{0C}snappy\u{0}0123456789abcdef",
      65,
      "the blocks are compressed with 'snappy', which is not built in this version; built: null, deflate, zstandard"
    ),
  ])
  func `what is no container is refused`(content: String, code: Int32, message: String) throws {
    let folder = TestFolder()
    let path = try folder.write(content, as: "x.avro")
    let failure = #expect(throws: Failure.self) { try readAvro(path) }
    #expect(failure?.code.rawValue == code)
    #expect(failure?.message.hasPrefix("file:\(path): \(message)") == true, "\(failure?.message ?? "")")
  }

  @Test func `nothing at all is no error, as a pipe may have no events`() throws {
    let folder = TestFolder()
    #expect(try readAvro(folder.write("", as: "x.avro")).isEmpty)
  }

  @Test func `lines are not looked for in a container`() throws {
    let folder = TestFolder()
    let path = try folder.write("Obj\u{1}\n\n", as: "x.avro")
    let failure = #expect(throws: Failure.self) { try readAll(LineSource(path: path), JSONColumnReader(paths: paths)) }
    #expect(failure?.message == "file:\(path): this is an Avro file; the pipeline's source needs 'format: avro'")
  }

  @Test func `damage anywhere costs records, never the run`() throws {
    let folder = TestFolder()
    let isDeep = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1"
    for codec in ["null", "deflate", "zstandard"] {
      let (avro, _) = try files(folder, codec: codec, count: 30)
      let file = try Data(contentsOf: URL(filePath: avro))
      let headerCount = blockStarts(file)[0]
      var random = Random(state: 11)
      for round in 0..<(isDeep ? 3000 : 40) {
        var damaged = file
        for _ in 0...Int(random.next() % 4) {
          let index = headerCount + Int(random.next() % UInt64(file.count - headerCount))
          switch random.next() % 3 {
          case 0: damaged[index] = UInt8(truncatingIfNeeded: random.next())
          case 1: damaged.removeSubrange(index..<min(file.count, index + Int(random.next() % 40)))
          default: damaged.insert(contentsOf: [UInt8](repeating: 0xFF, count: Int(random.next() % 20)), at: index)
          }
          if damaged.count < file.count { damaged.append(Data(repeating: 0, count: file.count - damaged.count)) }
        }
        let reads = try read(damaged, in: folder)
        #expect(reads.allSatisfy { $0.status == .valid || $0.explanation?.isEmpty == false }, "\(codec), round \(round)")
      }
    }
  }
}
