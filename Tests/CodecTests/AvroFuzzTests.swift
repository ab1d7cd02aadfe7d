// Seeded random schemas with random values, encoded here after the specification and read back by any choice of fields; then the same bytes damaged:
// whatever comes of them, nothing traps, nothing depends on the neighbours, and what is read whole is read in parts.

import Base
import Foundation
import Records
import Testing

@testable import Codec

/// A type of a schema.
private indirect enum Model {
  case null, boolean, int, long, float, double, bytes, string
  case fixed(String, Int)
  case enumeration(String, [String])
  case array(Model)
  case map(Model)
  case union([Model])
  case record(String, [(name: String, type: Model)])

  var json: String {
    switch self {
    case .null: "\"null\""
    case .boolean: "\"boolean\""
    case .int: "\"int\""
    case .long: "\"long\""
    case .float: "\"float\""
    case .double: "\"double\""
    case .bytes: "\"bytes\""
    case .string: "\"string\""
    case .fixed(let name, let size): #"{"type":"fixed","name":"\#(name)","size":\#(size)}"#
    case .enumeration(let name, let symbols):
      #"{"type":"enum","name":"\#(name)","symbols":["\#(symbols.joined(separator: "\",\""))"]}"#
    case .array(let items): #"{"type":"array","items":\#(items.json)}"#
    case .map(let values): #"{"type":"map","values":\#(values.json)}"#
    case .union(let branches): "[\(branches.map(\.json).joined(separator: ","))]"
    case .record(let name, let fields):
      #"{"type":"record","name":"\#(name)","fields":["#
        + fields.map { #"{"name":"\#($0.name)","type":\#($0.type.json)}"# }.joined(separator: ",") + "]}"
    }
  }
}

/// A value as JSON, with its parts.
private indirect enum Tree {
  case scalar(String)
  case list([Tree])
  case object([(name: String, value: Tree)])

  var json: String {
    switch self {
    case .scalar(let text): text
    case .list(let items): "[\(items.map(\.json).joined(separator: ","))]"
    case .object(let fields): "{\(fields.map { "\(JSONText.quoted($0.name)):\($0.value.json)" }.joined(separator: ","))}"
    }
  }

  /// The last value under a path, as columns have it.
  func at(_ path: ArraySlice<String>) -> Tree? {
    guard let name = path.first else { return self }
    guard case .object(let fields) = self else { return nil }
    return fields.last { $0.name == name }?.value.at(path.dropFirst())
  }

  /// All paths below.
  func paths(_ prefix: [String], _ out: inout [[String]]) {
    guard case .object(let fields) = self else { return }
    for field in fields {
      out.append(prefix + [field.name])
      field.value.paths(prefix + [field.name], &out)
    }
  }
}

private struct Maker {
  var random: Random
  var nameCount = 0

  mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  mutating func name(_ prefix: String) -> String {
    nameCount += 1
    return "\(prefix)\(nameCount)"
  }

  mutating func type(depth: Int, inUnion: Bool = false) -> Model {
    switch below(depth > 0 ? (inUnion ? 13 : 14) : 10) {
    case 0: return .boolean
    case 1: return .int
    case 2: return .long
    case 3: return .float
    case 4: return .double
    case 5: return .bytes
    case 6: return .string
    case 7: return .fixed(name("f"), below(6))
    case 8: return .enumeration(name("e"), ["A", "BB", "a_long_symbol"])
    case 9: return inUnion ? .string : .union([.null, type(depth: 0, inUnion: true)])
    case 10: return .array(type(depth: depth - 1))
    case 11: return .map(type(depth: depth - 1))
    case 12: return record(depth: depth)
    default:
      var branches = (0...below(4)).map { _ in type(depth: depth - 1, inUnion: true) }
      branches.insert(.null, at: below(branches.count + 1))
      return .union(branches)
    }
  }

  mutating func record(depth: Int) -> Model {
    // Few names, so that the branches of unions share some.
    var names = ["a", "b", "c", "d", "e", "f"]
    let fields = (0..<below(6)).map { _ in (name: names.remove(at: below(names.count)), type: type(depth: depth - 1)) }
    return .record(name("r"), fields)
  }

  mutating func text() -> String { String((0..<below(12)).map { _ in Array("ab\"\\\n\tüñ€😀 xyz")[below(14)] }) }

  mutating func number() -> Int64 {
    switch below(4) {
    case 0: Int64(below(100)) - 50
    case 1: Int64(bitPattern: random.next())
    case 2: Int64(truncatingIfNeeded: random.next() >> UInt64(below(64)))
    default: [Int64.min, .max, 0, -1, 63, 64, -64, -65][below(8)]
    }
  }

  mutating func value(_ type: Model, _ bytes: inout [UInt8]) -> Tree {
    switch type {
    case .null: return .scalar("null")
    case .boolean:
      let value = below(2)
      bytes.append(UInt8(value))
      return .scalar(value == 1 ? "true" : "false")
    case .int:
      let value = Int32(truncatingIfNeeded: number())
      bytes += AvroBytes.long(Int64(value))
      return .scalar("\(value)")
    case .long:
      let value = number()
      bytes += AvroBytes.long(value)
      return .scalar("\(value)")
    case .float:
      let value = Float(below(2000) - 1000) / 8
      bytes += AvroBytes.float(value)
      return .scalar("\(value)")
    case .double:
      let value = Double(below(2_000_000) - 1_000_000) / 64
      bytes += AvroBytes.double(value)
      return .scalar("\(value)")
    case .bytes:
      let value = (0..<below(7)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      bytes += AvroBytes.bytes(value)
      return .scalar("\"\(Data(value).base64EncodedString())\"")
    case .string:
      let value = text()
      bytes += AvroBytes.string(value)
      return .scalar(JSONText.quoted(value))
    case .fixed(_, let size):
      let value = (0..<size).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      bytes += value
      return .scalar("\"\(Data(value).base64EncodedString())\"")
    case .enumeration(_, let symbols):
      let index = below(symbols.count)
      bytes += AvroBytes.long(Int64(index))
      return .scalar("\"\(symbols[index])\"")
    case .array(let items):
      var trees: [Tree] = []
      blocks(&bytes) { maker, bytes in trees.append(maker.value(items, &bytes)) }
      return .list(trees)
    case .map(let values):
      var fields: [(name: String, value: Tree)] = []
      blocks(&bytes) { maker, bytes in
        // A key may come twice.
        let key = maker.below(3) == 0 ? "a" : maker.text().replacingOccurrences(of: ".", with: "")
        bytes += AvroBytes.string(key)
        fields.append((key, maker.value(values, &bytes)))
      }
      return .object(fields)
    case .union(let branches):
      let index = below(branches.count)
      bytes += AvroBytes.long(Int64(index))
      return value(branches[index], &bytes)
    case .record(_, let fields): return .object(fields.map { ($0.name, value($0.type, &bytes)) })
    }
  }

  /// A few blocks of a few items, with and without their size.
  private mutating func blocks(_ bytes: inout [UInt8], _ item: (inout Maker, inout [UInt8]) -> Void) {
    for _ in 0..<below(3) {
      let count = 1 + below(3)
      var content: [UInt8] = []
      for _ in 0..<count { item(&self, &content) }
      bytes += below(2) == 0 ? AvroBytes.long(Int64(count)) : AvroBytes.long(Int64(-count)) + AvroBytes.long(Int64(content.count))
      bytes += content
    }
    bytes.append(0)
  }
}

extension PlainValue {
  /// As JSON; nil where the record has no such field.
  fileprivate var json: String? {
    switch self {
    case .missing: nil
    case .null: "null"
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .double(let bits): "\(Double(bitPattern: bits))"
    case .string(let bytes): JSONText.quoted(String(decoding: bytes, as: UTF8.self))
    case .composite(let text): text
    }
  }
}

@Suite struct AvroFuzzTests {
  private static let isDeep = ProcessInfo.processInfo.environment["FRESHET_DEEP"] == "1"

  private struct Example {
    var schema: AvroSchema
    var records: [[UInt8]]
    var trees: [Tree]
    var paths: [FieldPath]
  }

  private static func example(_ seed: UInt64) throws -> Example {
    var maker = Maker(random: Random(state: seed))
    let type = Model.record("root", [("v", maker.type(depth: 4)), ("w", maker.record(depth: 3)), ("z", .long)])
    let schema = try AvroSchema(type.json)
    var records: [[UInt8]] = []
    var trees: [Tree] = []
    for _ in 0..<5 {
      var bytes: [UInt8] = []
      trees.append(maker.value(type, &bytes))
      records.append(bytes)
    }
    var all: [[String]] = []
    for tree in trees { tree.paths([], &all) }
    let unique = Set(all.filter { $0.allSatisfy { !$0.isEmpty && !$0.contains(".") } }).sorted { "\($0)" < "\($1)" }
    // Not every choice of fields goes every way through the program.
    let paths =
      unique.prefix(60).map { FieldPath($0) } + [FieldPath(["none"]), FieldPath(["v", "none"]), FieldPath(["w", "a", "none"])]
    return Example(schema: schema, records: records, trees: trees, paths: paths)
  }

  @Test func `any field of any value of any schema is what was written`() throws {
    for seed in 1...UInt64(Self.isDeep ? 20_000 : 300) {
      let example = try Self.example(seed)
      var random = Random(state: seed)
      let some = example.paths.filter { _ in random.next() % 3 == 0 }
      for wanted in [example.paths, some, []] where Set(wanted).count == wanted.count {
        let reader = AvroColumnReader(paths: wanted, .given(example.schema))
        guard !wanted.isEmpty else {
          #expect(try statuses(reader, example.records).allSatisfy { $0 == .valid }, "seed \(seed)")
          continue
        }
        for (row, tree) in zip(try reader.rows(of: example.records, gap: [0x80, 0xFF]), example.trees) {
          #expect(row.status == .valid, "seed \(seed)")
          for (path, value) in zip(wanted, row.values) {
            let expected = tree.at(path.components[...])?.json
            #expect(value.json == expected, "seed \(seed), \(path)")
          }
        }
      }
      let splitter = try AvroSplitter(example.schema)
      let buffer = ByteBuffer()
      for record in example.records { record.withUnsafeBufferPointer { buffer.append($0) } }
      var counts: [Int] = []
      #expect(splitter.split(buffer.bytes, maximumCount: example.records.count) { counts.append($1) } == nil)
      #expect(counts == example.records.map(\.count), "seed \(seed)")
    }
  }

  private func statuses(_ reader: AvroColumnReader, _ records: [[UInt8]]) throws -> [RecordStatus] {
    let batch = RecordBatch()
    for record in records {
      record.withUnsafeBufferPointer { batch.append(value: $0, key: nil, timestamp: 0, offset: 0, partition: 0) }
    }
    let columns = Columns(columnCount: reader.paths.count)
    try reader.decode(batch, into: columns)
    return (0..<records.count).map { columns.statuses[$0] }
  }

  @Test func `damaged values are refused or read as something else, whole and in parts alike`() throws {
    var validCount = 0
    for seed in 1...UInt64(Self.isDeep ? 10_000 : 100) {
      let example = try Self.example(seed)
      var random = Random(state: seed &* 31)
      var damaged: [[UInt8]] = []
      for _ in 0..<20 {
        var record = example.records[Int(random.next() % 5)]
        for _ in 0...(random.next() % 3) where !record.isEmpty {
          let index = Int(random.next() % UInt64(record.count))
          switch random.next() % 5 {
          case 0: record[index] = UInt8(truncatingIfNeeded: random.next())
          case 1: record[index] ^= 1 << UInt8(random.next() % 8)
          case 2: record.remove(at: index)
          case 3: record.insert([0xFF, 0x80, 0, 1, 0x7F][Int(random.next() % 5)], at: index)
          default: record.removeLast(record.count - index)
          }
        }
        damaged.append(record)
      }
      let whole = AvroColumnReader(paths: ["v", "w", "z"].map { FieldPath([$0]) }, .given(example.schema))
      let parts = AvroColumnReader(paths: example.paths, .given(example.schema))
      let wholeRows = try whole.rows(of: damaged)
      let partRows = try parts.rows(of: damaged)
      for gap: [UInt8] in [[0], [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [2, 2, 2, 2]] {
        #expect(try whole.rows(of: damaged, gap: gap) == wholeRows, "seed \(seed)")
        #expect(try parts.rows(of: damaged, gap: gap) == partRows, "seed \(seed)")
      }
      let skipped = try statuses(AvroColumnReader(paths: [], .given(example.schema)), damaged)
      for index in damaged.indices where wholeRows[index].status == .valid {
        validCount += 1
        // What is checked in full is fine when it is passed over, and has the same parts.
        #expect(skipped[index] == .valid && partRows[index].status == .valid, "seed \(seed)")
      }
      for row in damaged.indices where partRows[row].status == .malformed {
        #expect(try parts.explanation(of: damaged[row]).hasPrefix("malformed Avro at byte "), "seed \(seed)")
      }
    }
    #expect(validCount > 100)
  }

  @Test func `texts that are nearly schemas are refused or read`() throws {
    for seed in 1...UInt64(Self.isDeep ? 20_000 : 500) {
      var maker = Maker(random: Random(state: seed))
      var text = Array(Model.record("root", [("v", maker.type(depth: 3))]).json.utf8)
      for _ in 0...maker.below(3) {
        let index = maker.below(text.count)
        switch maker.below(3) {
        case 0: text[index] = Array("{}[]\",:0anr".utf8)[maker.below(11)]
        case 1: text.remove(at: index)
        default: text.insert(contentsOf: text[0..<index].suffix(8), at: index)
        }
      }
      guard let schema = try? AvroSchema(String(decoding: text, as: UTF8.self)) else { continue }
      let reader = AvroColumnReader(paths: [FieldPath(["v"]), FieldPath(["v", "a"])], .given(schema))
      _ = try reader.rows(of: [[0, 0, 0, 0, 0], [2, 2, 2, 2], [0xFF, 1]])
      _ = schema.fieldPaths
    }
  }
}
