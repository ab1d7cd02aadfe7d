// `freshet process` over files and pipes: the same rows from both, the right ones, and a reason for every record that does not count.

import Foundation
import TestSupport
import Testing

private let pipeline = "Pipelines/shop_features.yaml"

@Suite struct ProcessCommandTests {
  private func process(
    _ arguments: String..., input: Program.Input = .none, pipeline: String = pipeline
  ) throws -> ProgramOutcome {
    try Program.run("freshet", ["process", pipeline] + arguments, input: input)
  }

  private func events(_ arguments: String, in folder: TestFolder) throws -> String {
    let path = folder.file("events.ndjson")
    let options = arguments.split(separator: " ").map(String.init)
    let outcome = try Program.run("freshet", ["generate", "Schemas/clickstream.yaml", "--to", "file:\(path)"] + options)
    #expect(outcome.status == 0)
    return path
  }

  @Test(arguments: [
    "--count 50000 --seed 7 --from 2026-01-01T00:00:00Z", "--count 20000 --seed 5 --rate 4/s --from 1969-12-31T23:30:00Z",
  ])
  func `a file and a pipe give the same rows, and an oracle the same values`(arguments: String) throws {
    let folder = TestFolder()
    let events = try events(arguments, in: folder)
    let fromFile = try process("--from", "file:\(events)", "--to", "stdout")
    #expect(fromFile.status == 0)
    #expect(fromFile.errors.hasPrefix("processed \(arguments.split(separator: " ")[1]) events ("))
    #expect(!fromFile.errors.contains("rejected") && !fromFile.errors.contains("late"))
    let fromPipe = try process("--from", "-", "--to", "stdout", input: .bytes(Data(contentsOf: URL(filePath: events))))
    // A pipe whose writer is held up is flushed, which adds rows in between; what a key has in the end is the same.
    #expect(Self.lastRows(fromPipe.lines) == Self.lastRows(fromFile.lines))
    #expect(try process("--from", "-", "--to", "stdout", input: .file(events)).output == fromFile.output)
    for (index, rows) in [fromFile, fromPipe].enumerated() {
      let path = try folder.write(rows.text, as: "rows-\(index).ndjson")
      let verdict = try Program.run("python3", ["Tests/Oracles/shop_features.py", events, path])
      #expect(verdict.status == 0, "\(verdict.text)\(verdict.errors)")
      #expect(verdict.text.contains(" users compared, 0 differences"))
    }
  }

  /// The last row of each view, key and window.
  private static func lastRows(_ lines: [Substring]) -> [Substring: Substring] {
    // What names a row stands before the first value that is no text: `{"view":"v","user_id":"u","window_start":0,...`.
    lines.reduce(into: [:]) { rows, line in
      let isWindow = line.contains("\"window_start\":")
      let fields = line.split(separator: ",", maxSplits: isWindow ? 4 : 2)
      rows[line[..<fields[isWindow ? 3 : 1].endIndex]] = line
    }
  }

  @Test func `--view chooses views, and both together are all rows`() throws {
    let folder = TestFolder()
    let events = try events("--count 5000 --from 0", in: folder)
    let all = try process("--from", "file:\(events)", "--to", "stdout").lines
    let activity = try process("--from", "file:\(events)", "--to", "stdout", "--view", "user_activity").lines
    let windows = try process("--from", "file:\(events)", "--to", "stdout", "--view", "user_windows").lines
    #expect(!activity.isEmpty && activity == all.filter { $0.hasPrefix("{\"view\":\"user_activity\"") })
    #expect(!windows.isEmpty && windows == all.filter { $0.hasPrefix("{\"view\":\"user_windows\"") })
    #expect(activity.count + windows.count == all.count)
    let both = try process("--from", "file:\(events)", "--to", "stdout", "--view", "user_windows", "--view", "user_activity")
    #expect(both.lines == all)
    let nothing = try process("--from", "file:\(events)", "--to", "null")
    #expect(nothing.status == 0 && nothing.output.isEmpty)
  }

  /// Lines of which only three count in full.
  private static let mixed = """
    {"timestamp":"2026-01-01T00:00:00Z","userId":"u1","event":"Product Viewed","properties":{"price":2}}
    {nope
    [1]

    {"userId":"u1"}
    {"timestamp":"yesterday","userId":"u1"}
    {"timestamp":5,"userId":"u1"}
    {"timestamp":"2026-01-01T00:00:01Z","event":"Product Viewed","properties":{"price":1}}
    {"timestamp":"2026-01-01T00:00:02Z","userId":"u1","event":"Product Viewed","properties":{"price":"x"}}
    {"timestamp":"2026-01-01T00:00:02Z","userId":"u1","event":7,"properties":{"price":3}}
    {"timestamp":"2026-01-01T00:01:02Z","userId":"u1","event":"Product Viewed","properties":{"price":3}}
    {"timestamp":"2026-01-01T00:00:02Z","userId":"u1","event":"Product Viewed","properties":{"price":4}}
    """

  @Test func `what does not count is counted by its reason, and the rest goes on`() throws {
    let outcome = try process("--from", "-", "--to", "stdout", input: .bytes(Data(Self.mixed.utf8)))
    #expect(outcome.status == 0)
    #expect(outcome.errors.hasPrefix("processed 11 events ("))
    for line in [
      "  rejected 1: malformed; first: stdin, byte 101: malformed JSON at byte 1: a key was expected: {nope\n",
      "  rejected 1: not an object; first: stdin, byte 107: expected a JSON object: [1]\n",
      "  rejected 1: no event time; first: stdin, byte 112: no event time in 'timestamp': {\"userId\":\"u1\"}\n",
      "  rejected 2: invalid event time; first: stdin, byte 128: 'timestamp' is no rfc3339 time: {\"timestamp\":\"yes",
      "  view 'user_activity': 1 without a key; first: stdin, byte 198: the view's key is missing, null, or neither a text nor an integer: {\"timestamp\"",
      "  view 'user_windows': 1 without a key; first: stdin, byte 198: ",
      "  view 'user_windows': 1 late, all their windows had closed; first: stdin, byte ",
      ": came 60000ms behind the newest event, a lateness of 52002ms would have admitted it: {\"timestamp\":\"2026-01-01T00:00:02Z\",",
      "  view 'user_windows': 2 comparisons of values of different types; first: stdin, byte ",
      ": a condition met values of different types: {\"timestamp\":\"2026-01-01T00:00:02Z\",\"userId\":\"u1\",\"event\":7,",
      "  view 'user_activity': 2 values of a type that their aggregate does not take; first: stdin, byte ",
    ] { #expect(outcome.errors.contains(line), "\(outcome.errors)") }
    let last = try #require(outcome.lines.last { $0.contains("user_activity") })
    #expect(last.contains("\"views_5m\":4,") && last.contains("\"avg_price_1h\":3.0,\"max_price_1h\":4,"))
  }

  @Test func `on_error stop ends with 65 at the first record that cannot be read`() throws {
    let folder = TestFolder()
    let pipeline = try ShopPipeline(in: folder, replacing: ["on_error: { action: skip }": "on_error: { action: stop }"])
    let outcome = try process("--from", "-", "--to", "stdout", input: .bytes(Data(Self.mixed.utf8)), pipeline: pipeline.path)
    #expect(outcome.status == 65)
    #expect(
      outcome.errors.hasSuffix(
        "freshet: error: stdin, byte 101: malformed JSON at byte 1: a key was expected: {nope (on_error: stop)\n"))
  }

  @Test func `lines of any kind of bytes never end the run`() throws {
    var random: UInt64 = 1
    var bytes = Data(Self.mixed.utf8)
    for _ in 0..<200_000 {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      bytes.append(UInt8(truncatingIfNeeded: random >> 56))
    }
    // The last line has no line feed.
    let last =
      #"{"timestamp":"2026-01-01T00:02:00Z","userId":"u\u0000\ud83d\ude00","event":"Order Completed","properties":{"price":1e3}}"#
    bytes.append(contentsOf: Data("\r\n\n\(last)".utf8))
    let outcome = try process("--from", "-", "--to", "stdout", input: .bytes(bytes))
    #expect(outcome.status == 0)
    #expect(outcome.lines.contains { $0.contains("\"userId\":\"u\\u0000😀\"") && $0.contains("\"spend_1h\":1000.0") })
    #expect(try Program.run("jq", ["-e", "."], input: .bytes(outcome.output), output: "/dev/null").status == 0)
  }

  @Test func `an empty input gives no rows`() throws {
    let outcome = try process("--from", "-", "--to", "stdout")
    #expect(outcome.status == 0 && outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("processed 0 events ("))
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `a signal drains a pipe that stays open`(signal: Int32) throws {
    let program = try Program("freshet", ["process", pipeline, "--from", "-", "--to", "stdout"], input: .open)
    func view(_ second: Int) -> String {
      "{\"timestamp\":\"2026-01-01T00:00:0\(second)Z\",\"userId\":\"u1\",\"event\":\"Product Viewed\",\"properties\":{\"price\":\(second)}}\n"
    }
    program.write(view(1))
    // Rows come while the pipe is open.
    #expect(waitUntil { program.outputSoFar.contains("\"views_5m\":1,") })
    program.write(view(2))
    #expect(waitUntil { program.outputSoFar.contains("\"views_5m\":2,") })
    // As `timeout` sends it, to the process and then to its group.
    program.send(signal: signal)
    program.send(signal: signal)
    let outcome = program.wait()
    #expect(outcome.status == 0)
    #expect(outcome.errors.hasPrefix("processed 2 events ("))
    #expect(outcome.text.hasSuffix("}\n") && !outcome.text.contains("user_windows"))
  }

  @Test func `--until-idle ends a pipe that stays open`() throws {
    let program = try Program(
      "freshet", ["process", pipeline, "--from", "-", "--to", "stdout", "--until-idle", "300ms"], input: .open)
    let outcome = program.wait()
    #expect(outcome.status == 0)
    #expect(outcome.errors.hasPrefix("processed 0 events ("))
  }
}
