// Records that did not count, in a file: its lines, what cannot be text, and a file that goes on after a crash.

import Base
import Foundation
import LocalTransport
import Records
import TestSupport
import Testing

private func write(
  _ value: [UInt8], key: [UInt8]? = nil, to output: FileSideOutput, _ adjust: (inout SideRecord) -> Void = { _ in }
) throws {
  try value.withUnsafeBufferPointer { value in
    try (key ?? []).withUnsafeBufferPointer { keyBytes in
      var record = SideRecord(
        value: value, key: key == nil ? nil : keyBytes, timestamp: .min, sourceName: "clicks", partition: 0, offset: 17,
        reason: "late")
      adjust(&record)
      try output.write(record)
    }
  }
}

@Suite struct `A file for records that did not count` {
  @Test func `has one line of JSON for each`() throws {
    let folder = TestFolder()
    let output = FileSideOutput(try FileDescriptorWriter(path: folder.file("late.ndjson")))
    try write(Array(#"{"ts":1,"text":"a\nb"}"#.utf8), key: Array("u1".utf8), to: output) {
      $0.views = ["user_windows", "user_minutes"]
      $0.lateBy = 9000
      $0.latenessNeeded = 4001
      $0.timestamp = 1_767_225_600_000
    }
    try write(Array("two\nlines \u{0} \"quoted\" ü".utf8), to: output) {
      $0.reason = "malformed"
      $0.error = "malformed JSON at byte 1"
    }
    try write([0xff, 0xfe], key: [0x80], to: output)
    try write([], to: output) { $0.isTombstone = true }
    try Array("ce_id".utf8).withUnsafeBufferPointer { name in
      try [UInt8](arrayLiteral: 0xff).withUnsafeBufferPointer { value in
        try write([], to: output) { $0.headers = [(name, name), (name, value), (name, nil)] }
      }
    }
    #expect(folder.text(of: "late.ndjson").isEmpty, "lines are collected")
    try output.confirm()
    let place = #""source":"clicks","partition":0,"offset":17"#
    let expected: [String] = [
      #"{"reason":"late","views":["user_windows","user_minutes"],"late_by_ms":9000,"lateness_needed_ms":4001,\#(place),"timestamp":1767225600000,"key":"u1","value":"{\"ts\":1,\"text\":\"a\\nb\"}"}"#,
      #"{"reason":"malformed",\#(place),"error":"malformed JSON at byte 1","value":"two\nlines \u0000 \"quoted\" ü"}"#,
      #"{"reason":"late",\#(place),"key_base64":"gA==","value_base64":"//4="}"#, #"{"reason":"late",\#(place),"value":null}"#,
      #"{"reason":"late",\#(place),"headers":[{"name":"ce_id","value":"ce_id"},{"name":"ce_id","value_base64":"/w=="},{"name":"ce_id"}],"value":""}"#,
      "",
    ]
    #expect(folder.text(of: "late.ndjson").components(separatedBy: "\n") == expected)
  }

  @Test(arguments: [
    ("{\"a\":1}\n{\"b\":2}\n", "{\"a\":1}\n{\"b\":2}\n"), ("{\"a\":1}\n{\"b\":", "{\"a\":1}\n"), ("{\"a\":", ""), ("", ""),
    (String(repeating: "x", count: 200_000), ""), ("{}\n" + String(repeating: "x", count: 200_000), "{}\n"),
  ])
  func `goes on behind the last whole line`(before: String, kept: String) throws {
    let folder = TestFolder()
    try folder.write(before, as: "late.ndjson")
    let output = FileSideOutput(try FileDescriptorWriter(appendingTo: folder.file("late.ndjson")))
    try write(Array("x".utf8), to: output)
    try output.close()
    #expect(
      folder.text(of: "late.ndjson") == kept
        + "{\"reason\":\"late\",\"source\":\"clicks\",\"partition\":0,\"offset\":17,\"value\":\"x\"}\n")
  }

  @Test func `is shared by workers without mixing their lines`() throws {
    let folder = TestFolder()
    let writer = try FileDescriptorWriter(path: folder.file("late.ndjson"))
    let threads = (0..<4).map { worker in
      JoinableThread {
        let output = FileSideOutput(writer)
        for index in 0..<5000 { try write(Array("\(worker) \(index)".utf8), to: output) }
        try output.close()
      }
    }
    for thread in threads { try thread.join() }
    let values = folder.text(of: "late.ndjson").split(separator: "\n").compactMap { line in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["value"] as? String
    }
    #expect(values.count == 20_000 && Set(values).count == 20_000)
  }

  @Test func `that cannot be written is a failure with exit code 74`() throws {
    let error = #expect(throws: Failure.self) { try FileDescriptorWriter(appendingTo: "/nowhere/late.ndjson") }
    #expect(error?.code == .inputOutput && error?.message == "cannot open '/nowhere/late.ndjson': No such file or directory")
    let output = FileSideOutput(try FileDescriptorWriter(path: "/dev/full"))
    try write([1], to: output)
    let full = #expect(throws: Failure.self) { try output.confirm() }
    #expect(full?.code == .inputOutput && full?.message.hasPrefix("cannot write to file:/dev/full") == true)
  }
}
