// Seeded random documents, whole and damaged, against Foundation's `JSONSerialization`: the same texts are accepted, and the same
// values come out. Deliberate differences, which the generator avoids or the comparison names:
//
//   - a byte order mark and texts in UTF-16 or UTF-32 are refused here (RFC 8259, section 8.1); Foundation takes them
//   - numbers beyond a double's range are refused here; Foundation's rules for them have changed between versions
//   - doubles of 17 digits are rounded to the nearest here (tested against the standard library elsewhere); Foundation on Linux is some
//     units in the last place off
//   - a comma before a closing brace is refused here; Foundation on Linux takes it
//   - depth ends at 256 here and at 512 there

import Codec
import Foundation
import Records
import Testing

@Suite struct JSONFuzzTests {
  private static let wanted = ["a", "b", "n.a", "n.b", "n.n.a", "n"]

  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `random documents give the values that Foundation gives`(seed: UInt64) throws {
    var writer = JSONWriter(generator: SeededGenerator(seed: seed))
    let documents = (0..<700).map { _ in
      writer.text = ""
      writer.space()
      writer.object(4)
      writer.space()
      return Array(writer.text.utf8)
    }
    let rows = JSONColumnReader(paths: Self.wanted.map { FieldPath(dotted: $0)! }).rows(of: documents)
    for (document, row) in zip(documents, rows) {
      let text = String(decoding: document, as: UTF8.self)
      let root = try #require(foundationObject(document), "seed \(seed): \(text)")
      #expect(row.status == .valid, "seed \(seed): \(text)")
      for (path, value) in zip(Self.wanted, row.values) {
        #expect(FoundationValue(value).matches(FoundationValue(root, path)), "seed \(seed), \(path): \(text)")
      }
    }
  }

  @Test(arguments: [5, 6, 7, 8] as [UInt64]) func `damaged documents are refused where Foundation refuses them`(seed: UInt64) {
    var writer = JSONWriter(generator: SeededGenerator(seed: seed))
    var documents: [[UInt8]] = []
    while documents.count < 1500 {
      writer.text = ""
      writer.object(3)
      var document = Array(writer.text.utf8)
      writer.damage(&document)
      // Foundation takes a zero among the first bytes as a sign of UTF-16.
      if !document.isEmpty, !document.contains(0) { documents.append(document) }
    }
    let reader = JSONColumnReader(paths: Self.wanted.map { FieldPath(dotted: $0)! })
    for (document, row) in zip(documents, reader.rows(of: documents)) {
      let fault = document.withUnsafeBufferPointer { reader.fault(in: $0) }
      #expect((fault == nil) == (row.status != .malformed))
      #expect(fault?.byteIndex == row.errorByteIndex)
      let isTrailingComma = fault?.reason == .keyExpected && document[fault!.byteIndex] == UInt8(ascii: "}")
      if isTrailingComma || fault?.reason == .numberRange { continue }
      #expect(
        (fault == nil) == (foundationObject(document) != nil),
        "seed \(seed), \(String(describing: fault)): \(String(decoding: document, as: UTF8.self))")
      // On its own a record fares as it does among others.
      #expect(status(of: document) == row.status)
    }
  }
}
