// What is read along learned steps is what the general scanner reads, and what it refuses is refused at the same byte; and streams of a
// few shapes are indeed read along them.

import Foundation
import Records
import Testing

@testable import Codec

@Suite struct JSONSkeletonTests {
  private static let fields = ["a", "b", "ts", "n.a", "n.b", "n.n.a", "user_id"]

  /// Reads `records` after `lessons`, each as a batch, and expects what a reader that does not learn gives. Returns how many of the
  /// records were read along learned steps.
  @discardableResult
  private func followed(_ records: [[UInt8]], after lessons: [[UInt8]], fields: [String] = fields, _ comment: Comment? = nil) -> Int
  {
    let paths = fields.map { FieldPath(dotted: $0)! }
    let learned = JSONColumnReader(paths: paths)
    let general = JSONColumnReader(paths: paths, learns: false)
    _ = learned.rows(of: lessons)
    #expect(learned.rows(of: records) == general.rows(of: records), comment)
    #expect(general.followedCount == 0)
    return learned.followedCount
  }

  private func followed(_ records: [String], after lessons: [String], fields: [String] = fields) -> Int {
    followed(records.map { Array($0.utf8) }, after: lessons.map { Array($0.utf8) }, fields: fields, "\(lessons), then \(records)")
  }

  @Test(
    arguments: [
      (#"{"a":"x","b":1}"#, #"{"a":"a longer text than before","b":123456}"#),
      (#"{"a":"x","b":1}"#, #"{"a":"x\ny","b":-1.5e3}"#),
      (#"{"a":"x","b":1}"#, #"{"a":"日本","b":0}"#),
      (#"{"a":"x","b":12}"#, #"{"a":"","b":1.25}"#),
      (#"{"a":"\u0041"}"#, #"{"a":"\u00e9"}"#),
      (#"{"ts":1767225600000}"#, #"{"ts":1767225600037}"#),
      (#"{"ts":1234567890123456}"#, #"{"ts":9999999999999999}"#),
      (#"{"ts":12345678}"#, #"{"ts":87654321}"#),
      (#"{"ts":123456789}"#, #"{"ts":987654321}"#),
      (#"{"b":12.34}"#, #"{"b":99.99}"#),
      (#"{"b":0.5}"#, #"{"b":0.1}"#),
      (#"{"b":12345678.1234567}"#, #"{"b":87654321.7654321}"#),
      (#"{"b":-1}"#, #"{"b":-2}"#),
      (#"{"b":18446744073709551616}"#, #"{"b":18446744073709551617}"#),
      (#"{"n":{"a":1,"c":{"x":"y"}}}"#, #"{"n":{"a":22,"c":{"x":""}}}"#),
      (#"{"x":[1,2],"a":1}"#, #"{"x":[1,2,3,4,5],"a":2}"#),
      (#"{"x":[{"k":"s"},{"k":"t"}],"a":1}"#, #"{"x":[{"k":"u"}],"a":2}"#),
      (#"{ "a" : 1 , "b" : "x" }"#, #"{ "a" : 2 , "b" : "y" }"#),
      (" {\"a\":1}\r", " {\"a\":2}\r"),
      (
        #"{"a key of more than thirty-two bytes, cut into pieces":"x","a":true}"#,
        #"{"a key of more than thirty-two bytes, cut into pieces":"yy","a":true}"#
      ),
      (#"{"x":{},"y":[ ],"z":null,"a":null,"b":false}"#, #"{"x":{},"y":[ ],"z":null,"a":null,"b":false}"#),
      (#"{"":1,"é":2}"#, #"{"":3,"é":4}"#),
      ("{}", "{}"),
    ])
  func `a record of a known shape is read along its steps`(lesson: String, record: String) {
    #expect(followed([record], after: [lesson]) == 1)
  }

  @Test func `shapes of several records lead to records that none of them was`() {
    let lessons = [#"{"a":1,"b":null,"ts":3,"u":true}"#, #"{"a":null,"b":2,"ts":3,"u":false}"#, #"{"b":2,"u":true}"#]
    let records = [#"{"a":null,"b":null,"ts":1,"u":true}"#, #"{"b":9,"ts":3,"u":false}"#, #"{"a":7,"b":8,"u":true}"#]
    #expect(followed(records, after: lessons) == 3)
  }

  @Test(
    arguments: [
      // Another type, another key, another order, a key twice, a field that comes or goes.
      [#"{"a":1}"#, #"{"a":"1"}"#], [#"{"a":"1"}"#, #"{"a":1}"#], [#"{"a":1}"#, #"{"a":null}"#], [#"{"a":1}"#, #"{"b":1}"#],
      [#"{"a":1,"b":2}"#, #"{"b":1,"a":2}"#, #"{"a":1,"b":2,"a":3}"#, #"{"a":1,"b":2,"a":"x"}"#], [#"{"a":1}"#, #"{"a":1,"b":2}"#],
      [#"{"a":1,"b":2}"#, #"{"a":1}"#], [#"{"a":1}"#, "{}", #"{"a":{"b":1}}"#, #"{"a":[1]}"#],
      // A second object under one key takes the place of the first with all its fields.
      [#"{"n":{"a":1},"b":1}"#, #"{"b":1,"n":{"b":2}}"#, #"{"n":{"a":1},"b":1,"n":{"b":2}}"#, #"{"n":{"a":1},"b":1,"n":{"a":2}}"#],
      [#"{"n":{"a":1},"b":1}"#, #"{"b":1,"n":null}"#, #"{"n":{"a":1},"b":1,"n":null}"#],
      [#"{"n":{"n":{"a":1}},"b":2}"#, #"{"n":{"a":1},"b":2}"#, #"{"n":{"a":5,"n":{"a":1}},"b":2}"#],
      // Keys with escapes.
      [#"{"a":1}"#, #"{"\u0061":2}"#, #"{"\u0061":2,"b":3}"#],
      // Numbers that only begin like the last one, or are none.
      [
        #"{"b":12}"#, #"{"b":123}"#, #"{"b":1}"#, #"{"b":1.5}"#, #"{"b":12e1}"#, #"{"b":01}"#, #"{"b":00}"#, #"{"b":12 }"#,
        #"{"b":1x}"#, #"{"b":12x}"#, #"{"b":-1}"#, #"{"b":}"#,
      ],
      [
        #"{"b":1.25}"#, #"{"b":12.5}"#, #"{"b":0.25}"#, #"{"b":1225}"#, #"{"b":1.255}"#, #"{"b":1.2e}"#, #"{"b":1.}"#,
        #"{"b":01.5}"#,
      ],
      [#"{"b":12.25}"#, #"{"b":01.25}"#, #"{"b":02.5}"#, #"{"b":1e400}"#],
      [#"{"b":0}"#, #"{"b":5}"#, #"{"b":00}"#], [#"{"b":10}"#, #"{"b":05}"#],
      // Strings of the expected length that are none, or hold more than they seem to.
      [
        #"{"a":"xyz"}"#, #"{"a":"x\y"}"#, #"{"a":"x\""}"#, #"{"a":"x\"z"}"#, "{\"a\":\"x\u{1}z\"}", "{\"a\":\"x\u{e9}\"}",
        #"{"a":"xy","z"}"#, #"{"a":"xy}"#,
      ],
      // A place that holds strings and numbers: a quote closes only the former.
      [#"{"a":1}"#, #"{"a":"1"}"#, #"{"a":1"}"#, #"{"a":"1}"#, #"{"a":null"}"#, #"{"a":null}"#, #"{"a":null"}"#],
      [
        #"{"x":[1,"2",null]}"#, #"{"x":["1",2]}"#, #"{"x":[1",2]}"#, #"{"x":["1,2]}"#, #"{"x":[null",2]}"#, #"{"x":["1","2","3"]}"#,
      ],
      // White space where there was none, at the end, and behind the end.
      [
        #"{"a":1,"b":2}"#, #"{"a":1, "b":2}"#, #"{"a" :1,"b":2}"#, #"{"a":1,"b":2 }"#, #" {"a":1,"b":2}"#, #"{"a":1,"b":2} "#,
        #"{"a":1,"b":2}x"#, #"{"a":1,"b":2}}"#,
      ],
      [#"{"a":1} "#, #"{"a":1}"#, #"{"a":1}  "#],
    ])
  func `a record that differs from a known shape gives what it gives on its own`(records: [String]) {
    for order in [records, records.reversed()] {
      _ = followed(order, after: [records[0]])
      _ = followed(order + order, after: records)
      _ = followed(order, after: records, fields: ["a", "n", "n.a"])
      _ = followed(order, after: records, fields: ["b"])
    }
  }

  @Test func `keys that are data are learned up to a bound, and do not hide the others`() {
    func record(_ key: String) -> [UInt8] { Array(#"{"a":1,"x":{"\#(key)":[{"\#(key)":true}]},"b":2}"#.utf8) }
    let lessons = (0..<300).map { record("key\($0)") }
    #expect(followed(lessons, after: lessons) == 16)
    #expect(followed((0..<50).map { _ in record("key7") }, after: lessons) == 50)
    // Many keys in one record, at one place.
    let long = Array(("{\"x\":[" + (0..<100).map { "{\"k\($0)\":1,\"z\":1}" }.joined(separator: ",") + "],\"a\":1}").utf8)
    #expect(followed([long, record("key7"), long], after: [long, record("key7"), long]) == 1)
  }

  @Test func `keys that are data fill no more places than there may be, however long the stream`() {
    let tree = JSONPathTree([FieldPath(["a"])])
    let skeleton = JSONSkeleton(nodes: tree.nodes)
    var keyCount = 0
    for _ in 0..<1000 {
      for _ in 0..<JSONSkeleton.learnCountPerReview {
        let keys = (keyCount..<keyCount + 100).map { #""k\#($0)":1"# }.joined(separator: ",")
        keyCount += 100
        Array("{\(keys)}".utf8).withUnsafeBufferPointer { skeleton.learn($0) }
      }
      // All the others are of a known shape.
      skeleton.note(recordCount: JSONSkeleton.reviewRecordCount, followedCount: JSONSkeleton.reviewRecordCount)
    }
    #expect(keyCount > 10 * JSONSkeleton.placeCountMax)
    #expect(skeleton.placeCount < JSONSkeleton.placeCountMax + 2 * JSONRecordWalk.tokenCountMax)
    withExtendedLifetime(tree) {}
  }

  @Test func `every truncation and every changed byte of a known shape is judged as by the general scanner`() {
    // With literals of up to 16, up to 32 and more bytes.
    let text =
      #"{"ts":1767225600000,"user_id":"u123456","a":12.75,"list":[{"k":true},{"k":null}],"n":{"a":"é\n","a_key_of_20_bytes...":false},"#
      + #""a key of more than thirty-two bytes, cut into pieces":{"b":"x"},"b":3}"#
    let record = Array(text.utf8)
    var damaged = record.indices.map { Array(record[..<$0]) }
    for index in record.indices {
      for byte in Array("\"\\{}[]:,019-.eE tn\u{1}\u{7f}".utf8) + [0x80, 0xC3, 0xFF, 0] where byte != record[index] {
        var copy = record
        copy[index] = byte
        damaged.append(copy)
      }
    }
    followed(damaged, after: [record])
    // Between whole ones, which stay known.
    #expect(followed(damaged.flatMap { [record, $0] }, after: [record]) >= damaged.count)
  }

  @Test func `values that vary and values that settle again are read right through many reviews`() {
    let reader = JSONColumnReader(paths: paths("a", "b", "c"))
    for round in 0..<3 {
      let records = (0..<3000).map { index in
        let text = String(repeating: "x", count: round == 1 ? 5 : index % 7)
        return Array(#"{"a":"\#(text)","b":\#(round == 1 ? 5 : index),"c":\#(index % 11).\#(index % 13)5}"#.utf8)
      }
      let rows = reader.rows(of: records)
      #expect(rows == JSONColumnReader(paths: reader.paths, learns: false).rows(of: records))
      #expect(reader.followedCount >= 2999)
    }
  }

  @Test func `a stream whose shape changes for good is learned anew`() {
    let reader = JSONColumnReader(paths: paths("a"))
    /// Keys with a number in them, so that each is new.
    func records(_ name: (Int) -> String) -> [[UInt8]] { (0..<4096).map { Array(#"{"\#(name($0))":"x","a":\#($0)}"#.utf8) } }
    _ = reader.rows(of: records { _ in "first" })
    #expect(reader.followedCount == 4095)
    // Each record's key is new: there is nothing to learn, and after the first batch no trying either.
    for _ in 0..<3 { #expect(reader.rows(of: records { "k\($0)" }).allSatisfy { $0.status == .valid }) }
    #expect(reader.followedCount == 0)
    var batches = 0
    while reader.followedCount < 4095, batches < 20 {
      #expect(reader.rows(of: records { _ in "second" }).enumerated().allSatisfy { $1.values == [.integer(Int64($0))] })
      batches += 1
    }
    #expect(reader.followedCount >= 4095)
  }

  @Test(arguments: 0..<(ProcessInfo.processInfo.environment["FRESHET_DEEP"] == nil ? 100 : 12_000))
  func `random streams give what the general scanner and Foundation give`(seed: Int) throws {
    var stream = JSONStreamWriter(seed: UInt64(seed))
    let fields = seed % 3 == 0 ? Self.fields + ["n"] : Self.fields
    let learned = JSONColumnReader(paths: fields.map { FieldPath(dotted: $0)! })
    let general = JSONColumnReader(paths: learned.paths, learns: false)
    var remaining = 250
    while remaining > 0 {
      let count = min(remaining, stream.writer.pick([1, 2, 7, 60]))
      remaining -= count
      let records = (0..<count).map { _ in
        stream.record(
          damaged: stream.writer.pick([true] + Array(repeating: false, count: 8)),
          foreign: stream.writer.pick([true] + Array(repeating: false, count: 15)))
      }
      let gap = stream.writer.pick([[], [0x0A], Array("\"".utf8), Array("}".utf8), Array(",\"a\":1}".utf8), [0], Array("0".utf8)])
      let rows = learned.rows(of: records, gap: gap)
      #expect(rows == general.rows(of: records, gap: gap), "seed \(seed)")
      for (record, row) in zip(records, rows) where row.status == .valid && !record.contains(0) && !hasKeyTwice(record) {
        let object = try #require(foundationObject(record), "seed \(seed): \(String(decoding: record, as: UTF8.self))")
        for (path, value) in zip(fields, row.values) {
          #expect(
            FoundationValue(value).matches(FoundationValue(object, path)),
            "seed \(seed), \(path): \(String(decoding: record, as: UTF8.self))")
        }
      }
    }
  }

  /// Foundation does not say which of two equal keys it keeps. A text has a key twice if some key's count exceeds what Foundation holds;
  /// looking at the number of colons is enough to leave such texts out.
  private func hasKeyTwice(_ record: [UInt8]) -> Bool {
    func count(_ value: Any) -> Int {
      switch value {
      case let object as [String: Any]:
        object.values.reduce(object.count) { $0 + count($1) } + object.keys.reduce(0) { $0 + colons($1) }
      case let list as [Any]: list.reduce(0) { $0 + count($1) }
      case let text as String: colons(text)
      default: 0
      }
    }
    func colons(_ text: String) -> Int { text.utf8.count { $0 == UInt8(ascii: ":") } }
    guard let object = foundationObject(record) else { return false }
    return record.count { $0 == UInt8(ascii: ":") } != count(object)
  }

  @Test func `random streams are mostly read along learned steps`() {
    var followedCount = 0
    var validCount = 0
    for seed in 0..<20 {
      var stream = JSONStreamWriter(seed: UInt64(seed))
      let reader = JSONColumnReader(paths: paths("a", "n.a"))
      _ = reader.rows(of: (0..<100).map { _ in stream.record() })
      validCount += reader.rows(of: (0..<100).map { _ in stream.record() }).count { $0.status == .valid }
      followedCount += reader.followedCount
    }
    #expect(followedCount * 2 > validCount, "\(followedCount) of \(validCount)")
  }
}
