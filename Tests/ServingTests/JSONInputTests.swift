// JSON from outside: what is taken, what is refused and where, against Foundation's reader under damage.

import Base
import Foundation
import Testing

@testable import Serving

struct JSONInputTests {
  private func fault(_ text: [UInt8]) -> RequestFault? {
    text.withUnsafeBufferPointer { bytes -> RequestFault? in
      var input = JSONInput(bytes)
      do throws(RequestFault) {
        try input.skip()
        try input.end()
        return nil
      } catch { return error }
    }
  }

  @Test(arguments: [
    "{}", "[]", " [1, -2.5e+3, 0, -0.1E9, \"a\\u00e9\\ud83d\\ude00\\n\", true, false, null, {\"a\": {}}] ", "\"\"", "0",
  ])
  func `what is JSON is taken`(text: String) { #expect(fault(Array(text.utf8)) == nil) }

  @Test(arguments: [
    ("", "not valid JSON: it ends where a value was expected"),
    ("{", "not valid JSON: it ends where the name of a member was expected"),
    ("[1,]", "not valid JSON at byte 3: expected a value"), ("[1 2]", "not valid JSON at byte 3: expected ',' or ']'"),
    ("{\"a\" 1}", "not valid JSON at byte 5: expected ':'"), ("{a: 1}", "not valid JSON at byte 1: expected the name of a member"),
    ("01", "not valid JSON at byte 1: expected the end"), ("1.", "not valid JSON at byte 0: expected a number"),
    ("-", "not valid JSON at byte 0: expected a number"), ("tru", "not valid JSON: it ends where true was expected"),
    ("\"a", "not valid JSON: it ends where the rest of a string was expected"),
    ("\"\u{1}\"", "not valid JSON at byte 1: expected the rest of a string"),
    ("\"\\x\"", "not valid JSON at byte 2: expected an escape"),
    ("\"\\u12g4\"", "not valid JSON at byte 5: expected four hexadecimal digits"),
    ("\"\\ud800\"", "not valid JSON at byte 7: expected the second half of a surrogate pair"),
    ("\"\\udc00\"", "not valid JSON at byte 7: expected no half of a surrogate pair alone"),
    ("NaN", "not valid JSON at byte 0: expected a value"),
  ])
  func `what is none is refused, with the place`(text: String, detail: String) {
    #expect(fault(Array(text.utf8)) == RequestFault(400, detail))
  }

  @Test func `depth is bounded`() {
    let deep = { (count: Int) in Array((String(repeating: "[", count: count) + String(repeating: "]", count: count)).utf8) }
    #expect(fault(deep(16)) == nil)
    #expect(fault(deep(17))?.detail == "lists and objects lie more than 16 deep in each other")
    #expect(fault(Array(String(repeating: "[{\"a\":", count: 100_000).utf8))?.status == 400)
  }

  @Test func `strings are read with their escapes resolved`() throws {
    let text = Array("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\ud83d\\ude00é\"".utf8)
    try text.withUnsafeBufferPointer { bytes in
      var input = JSONInput(bytes)
      let read = try input.string()
      #expect(String(decoding: read, as: UTF8.self) == "a\"\\/\u{8}\u{c}\n\r\tA😀é")
    }
  }

  @Test(arguments: 0..<20)
  func `damaged texts are judged as Foundation judges them`(seed: Int) {
    var random = Random(seed: UInt64(seed), 7, 7)
    func below(_ count: Int) -> Int { Int(random.below(UInt64(max(1, count)))) }
    let seeds = [
      "{\"feature_service\":\"ranking\",\"entities\":{\"user_id\":[\"u1\",2,null]},\"full_feature_names\":true}",
      "[1,-2.5e+3,{\"a\":[true,false,null,\"x\\u0041\\n\"]},\"\"]", "{\"a\":{\"b\":{\"c\":[0,1]}}}",
    ]
    let tokens = Array("{}[]:,\"\\0123456789-+.eEtruefalsn ux\t".utf8)
    for _ in 0..<300 {
      var bytes = Array(seeds[below(seeds.count)].utf8)
      for _ in 0..<below(4) {
        switch below(3) {
        case 0: bytes[below(bytes.count)] = tokens[below(tokens.count)]
        case 1: bytes.insert(tokens[below(tokens.count)], at: below(bytes.count))
        default: bytes.remove(at: below(bytes.count))
        }
      }
      let isJSON = (try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])) != nil
      let isOurs = fault(bytes) == nil
      if isOurs != isJSON { #expect(Self.isJudgedOtherwise(bytes), "seed \(seed): \(String(decoding: bytes, as: UTF8.self))") }
    }
  }

  /// Foundation lets a comma stand behind the last element, and refuses numbers that no double can hold.
  private static func isJudgedOtherwise(_ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self)
    return text.contains(#/,\s*[\]}]/#) || text.contains(#/[eE][+-]?\d{3,}/#)
  }

  @Test(arguments: 0..<20)
  func `damaged requests do no harm`(seed: Int) throws {
    let plan = try ServingFixtures.plan()
    var random = Random(seed: UInt64(seed), 8, 8)
    func below(_ count: Int) -> Int { Int(random.below(UInt64(max(1, count)))) }
    let seed = Array(
      "{\"feature_service\":\"checkout\",\"entities\":{\"user_id\":[\"u1\",2],\"amount\":[1.5,null],\"at\":[0,\"2026-01-01T00:00:00Z\"]}}"
        .utf8)
    var taken = 0
    for _ in 0..<500 {
      var bytes = seed
      for _ in 0..<below(4) {
        switch below(4) {
        case 0: bytes[below(bytes.count)] = UInt8(below(256))
        case 1: bytes.insert(UInt8(below(256)), at: below(bytes.count))
        case 2: bytes.remove(at: below(bytes.count))
        default:
          let start = below(bytes.count)
          bytes.insert(contentsOf: bytes[start..<min(bytes.count, start + below(40))], at: below(bytes.count))
        }
      }
      do {
        let request = try FeatureRequest(json: bytes, plan, rowLimit: 10)
        taken += 1
        #expect(request.rowCount <= 10)
      } catch { #expect([400, 404, 422].contains(error.status)) }
    }
    #expect(taken > 0)
  }
}
