// `freshet generate --truth` and `freshet verify` as a user runs them: through files, pipes, a broker, and the processor.

import Foundation
import RedisStore
import TestSupport
import Testing

private let faults = """

  faults:
    late:       { rate: 0.03, delay: { exponential: 10s }, max: 40s }
    duplicate:  { rate: 0.01, delay: { exponential: 1s } }
    reorder:    { rate: 0.05, within: 2s }
    drop:       { rate: 0.01 }
    corrupt:    { rate: 0.01 }
    missing:    { rate: 0.005, fields: [properties.price] }
    wrong_type: { rate: 0.005, fields: [properties.price] }
  """

/// The click stream with faults, and its pipeline, in a folder of their own.
private struct FaultyClicks {
  let folder = TestFolder()
  var schema: String { folder.file("Schemas/clickstream.yaml") }
  var pipeline: String { folder.file("Pipelines/shop_features.yaml") }
  var truth: String { folder.file("truth.ndjson") }
  var events: String { folder.file("events.ndjson") }

  init(skewed: Bool = false) throws {
    let manager = FileManager.default
    for name in ["Schemas", "Pipelines"] {
      try manager.copyItem(atPath: "\(Products.packageFolder)/\(name)", toPath: folder.file(name))
    }
    let text = try String(contentsOfFile: schema, encoding: .utf8)
    let skew = "\n  skew: { rate: 0.05, offset: { normal: { mean: 0s, sd: 20s } } }\n"
    try folder.write(text + faults + (skewed ? skew : "\n"), as: "Schemas/clickstream.yaml")
  }

  @discardableResult
  func generate(_ arguments: String, to sink: String? = nil) throws -> ProgramOutcome {
    let outcome = try Program.run(
      "freshet",
      ["generate", schema, "--truth", truth, "--to", sink ?? "file:\(events)"]
        + arguments.split(separator: " ").map { String($0).replacing("_", with: " ") })
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome
  }

  func verify(_ arguments: String...) throws -> ProgramOutcome {
    try Program.run("freshet", ["verify", "--truth", truth] + arguments)
  }

  func lines(_ path: String) throws -> [Substring] {
    String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self).split(separator: "\n")
  }
}

@Suite struct VerifyCommandTests {
  private static let simulated = "--rate 200/s --from 2026-01-01T00:00:00Z --for 40s"

  @Test(arguments: [
    simulated, simulated + " --threads 3 --truth-bucket 1s", simulated + " --shard 1/3", "--count 5000 --from 0 --seed 9",
    "--rate 2k/s --for 1s", "--for 1s", simulated + " --format csv", simulated + " --format cloudevents",
    "--rate 2k/s --for 1s --format cloudevents",
    "--from 0 --for 20s --load {sine:_{mean:_200/s,amplitude:_100/s,period:_7s}}",
  ])
  func `what was generated agrees with the truth about it`(arguments: String) throws {
    let clicks = try FaultyClicks(skewed: true)
    try clicks.generate(arguments)
    let outcome = try clicks.verify("--stream", clicks.events)
    #expect(outcome.status == 0, "\(outcome.text)")
    #expect(outcome.text.hasPrefix("file:\(clicks.events) agrees with the truth\n  "))
    #expect(outcome.errors == "")
  }

  @Test func `the truth says what its file is about, and adds up`() throws {
    let clicks = try FaultyClicks()
    try clicks.generate(Self.simulated)
    let objects = try clicks.lines(clicks.truth).map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any] }
    #expect(objects[0]["truth"] as? String == "stream" && objects[0]["schema"] as? String == clicks.schema)
    let end = try #require(objects.last)
    let sent = try clicks.lines(clicks.events).count
    #expect(end["truth"] as? String == "end" && end["sent"] as? Int == sent)
    let labels = Dictionary(grouping: objects.filter { $0["truth"] as? String == "fault" }) { $0["fault"] as! String }
    for name in ["late", "duplicate", "reorder", "drop", "corrupt", "missing", "wrong_type"] {
      #expect(labels[name]?.count == end[name] as? Int, "\(name)")
    }
    let buckets = objects.filter { $0["truth"] as? String == "bucket" }
    #expect(buckets.count == 4 && buckets.map { $0["sent"] as! Int }.reduce(0, +) == end["sent"] as? Int)
  }

  @Test func `damaged lines are none for others either`() throws {
    let clicks = try FaultyClicks()
    try clicks.generate("--rate 200/s --from 0 --for 20s")
    let labelled = try clicks.lines(clicks.truth).last!.firstMatch(of: /"corrupt":(\d+)/)!.1
    let copies = try clicks.lines(clicks.events).count
    let python = """
      import json, subprocess, sys
      bad, jq = 0, 0
      for line in open(sys.argv[1], 'rb').read().split(b'\\n')[:-1]:
          try:
              json.loads(line)
          except ValueError:
              bad += 1
              jq += subprocess.run(['jq', '.'], input=line, capture_output=True).returncode != 0
      print(bad, jq)
      """
    let outcome = try Program.run("python3", ["-c", python, clicks.events])
    let counts = outcome.text.split(whereSeparator: \.isWhitespace).compactMap { Int($0) }
    // Copies of damaged lines are damaged too.
    let expected = Int(labelled)!
    #expect(
      counts.count == 2 && counts[0] == counts[1] && (expected...expected + 3).contains(counts[0]), "\(outcome.text) of \(copies)")
    #expect(expected > 20)
  }

  @Test(arguments: [
    ("sed -i 1000d events.ndjson", "missing"), ("sed -i '1000{p}' events.ndjson", "unexpected"),
    ("sed -i '1000s/track/trick/' events.ndjson", "missing"), ("sed -i '1000{h;d};1700G' events.ndjson", "misplaced"),
    ("sed -i '0,/\"drop\":[0-9]*/s//\"drop\":7/' truth.ndjson", "contradictions"),
  ])
  func `whatever is changed behind its back is found`(change: String, finding: String) throws {
    let clicks = try FaultyClicks()
    try clicks.generate(Self.simulated)
    let sed = try Program.run("sh", ["-c", "cd \(clicks.folder.path) && \(change)"])
    #expect(sed.status == 0)
    let outcome = try clicks.verify("--stream", clicks.events, "--output", "json")
    #expect(outcome.status == 3)
    #expect(outcome.errors == "freshet: error: file:\(clicks.events) does not agree with the truth\n")
    let report = try JSONSerialization.jsonObject(with: outcome.output) as! [String: Any]
    #expect(report["agrees"] as? Bool == false)
    #expect((report[finding] as? [String: Any])?["count"] as? Int ?? 0 > 0, "\(outcome.text)")
  }

  @Test func `a topic is compared partition by partition`() throws {
    let clicks = try FaultyClicks()
    let cluster = try TestCluster(partitionCount: 4)
    try clicks.generate("--rate 200/s --from 0 --for 10s", to: "\(cluster.address)")
    let outcome = try clicks.verify("--stream", "\(cluster.address)", "--until-idle", "2s")
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errors)")
  }

  @Test func `rows of the processor agree, and changed ones do not`() throws {
    let clicks = try FaultyClicks()
    try clicks.generate(Self.simulated)
    let rows = try Program.run(
      "freshet", ["process", clicks.pipeline, "--from", "file:\(clicks.events)", "--to", "stdout", "--view", "user_windows"])
    #expect(rows.status == 0)
    let question = [
      "--key", "userId", "--window", "10s", "--expect", "views = count where event == 'Product Viewed'", "--expect",
      "revenue = sum properties.price where event == 'Order Completed'",
    ]
    func verify(_ text: String) throws -> ProgramOutcome {
      try Program.run(
        "freshet", ["verify", "--truth", clicks.truth, "--rows", clicks.folder.write(text, as: "rows.ndjson")] + question)
    }
    let right = try verify(rows.text)
    #expect(right.status == 0, "\(right.text)")
    #expect(right.text.contains("differ as labelled faults can have it"))
    let wrong = try verify(rows.text.replacing(#/"views":\d+/#, with: "\"views\":99", maxReplacements: 1))
    #expect(wrong.status == 3 && wrong.text.contains("\n  1 are wrong\n") && wrong.text.contains("views is 99, expected"))

    // Without rows, the expected ones: as many as records of the clean stream have windows.
    let expected = try Program.run("freshet", ["verify", "--truth", clicks.truth] + question)
    #expect(expected.status == 0)
    let views = try expected.lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as! [String: Any] }
      .map { $0["views"] as! Int }.reduce(0, +)
    let end = try clicks.lines(clicks.truth).last!
    let clean = ["product_viewed"].compactMap { name in
      end.firstMatch(of: try! Regex("\"\(name)\":(\\d+)"))?[1].substring.flatMap { Int($0) }
    }
    #expect(views == clean.reduce(0, +))
  }

  private func processed(_ clicks: FaultyClicks, to sink: String) throws -> String {
    let outcome = try Program.run("freshet", ["process", clicks.pipeline, "--from", "file:\(clicks.events)", "--to", sink])
    #expect(outcome.status == 0, "\(outcome.errors)")
    return outcome.text
  }

  @Test func `all rows of a pipeline agree by its own definition, and each changed one does not`() throws {
    let clicks = try FaultyClicks()
    try clicks.generate(Self.simulated)
    let rows = try processed(clicks, to: "stdout")
    func verify(_ text: String) throws -> [String: Any] {
      let path = try clicks.folder.write(text, as: "rows.ndjson")
      let outcome = try Program.run(
        "freshet", ["verify", clicks.pipeline, "--truth", clicks.truth, "--rows", path, "--output", "json"])
      let report = try JSONSerialization.jsonObject(with: outcome.output) as! [String: Any]
      #expect(outcome.status == (report["agrees"] as! Bool ? 0 : 3), "\(outcome.errors)")
      return report
    }
    func count(_ report: [String: Any], _ view: String, _ name: String) -> Int {
      let found = (report["views"] as! [[String: Any]]).first { $0["view"] as? String == view }!
      return found[name] as? Int ?? (found[name] as! [String: Any])["count"] as! Int
    }
    let right = try verify(rows)
    #expect(right["agrees"] as? Bool == true, "\(right)")
    for view in ["user_activity", "user_windows"] {
      #expect(count(right, view, "rows") > 1000 && count(right, view, "explained") > 10)
      #expect(count(right, view, "right") > 9 * count(right, view, "explained"))
    }
    // The last row of a user is what a reader sees.
    let user = try #require(rows.matches(of: #/"view":"user_activity","userId":"([^"]+)"[^\n]*"views_5m":2,/#).last?.output)
    let window = "\"view\":\"user_windows\",\"userId\":\""
    let changed = rows.replacing(user.0, with: user.0.replacing("\"views_5m\":2", with: "\"views_5m\":77"))
      .replacing("\"revenue\":null", with: "\"revenue\":1.5", maxReplacements: 200)
      .replacing(window, with: window + "x", maxReplacements: 1)
    let line = rows.split(separator: "\n").last { $0.contains(window) }!
    let wrong = try verify(changed + line + "\n")
    #expect(wrong["agrees"] as? Bool == false)
    #expect(count(wrong, "user_activity", "wrong") == 1)
    for finding in ["wrong", "unexpected", "missing", "repeated"] {
      #expect(count(wrong, "user_windows", finding) > 0, "\(finding)")
    }
  }

  @Test func `without faults every row is right, printed and in Redis`() throws {
    let clicks = try FaultyClicks()
    try clicks.folder.write(
      String(contentsOfFile: clicks.schema, encoding: .utf8).replacing(faults, with: ""), as: "Schemas/clickstream.yaml")
    try clicks.generate(Self.simulated)
    let redis = try TestRedis()
    let text = try String(contentsOfFile: clicks.pipeline, encoding: .utf8)
    try clicks.folder.write(
      text.replacing("prefix: fv", with: "prefix: \(redis.prefix)").replacing("lateness: 30s", with: "lateness: 5s"),
      as: "Pipelines/shop_features.yaml")
    let rows = try clicks.folder.write(processed(clicks, to: "stdout"), as: "rows.ndjson")
    _ = try processed(clicks, to: "\(redis.address)")
    for place in [rows, "\(redis.address)"] {
      let outcome = try Program.run("freshet", ["verify", clicks.pipeline, "--truth", clicks.truth, "--rows", place])
      #expect(outcome.status == 0, "\(outcome.text)")
      #expect(outcome.text.contains(/view user_windows: (\d+) rows, \1 expected, \1 right\n?/), "\(outcome.text)")
      #expect(outcome.text.contains(/view user_activity: (\d+) rows, \1 right\n/), "\(outcome.text)")
      #expect(!outcome.text.contains("differ as"))
    }
    // All rows of the first window are lost: those of users who were seen long after it are missed, others may still be open.
    let connection = RedisReader(try redis.connection())
    try connection.removeKeys(matching: "\(redis.prefix):user_windows:*:1767225600000")
    let outcome = try Program.run("freshet", ["verify", clicks.pipeline, "--truth", clicks.truth, "--rows", "\(redis.address)"])
    #expect(outcome.status == 3)
    #expect(outcome.text.contains(/\n    \d+ are missing\n      '/), "\(outcome.text)")
    #expect(outcome.text.contains("no row; the window may still be open"))
  }

  @Test func `rows of which nothing can be compared do not pass for right`() throws {
    let clicks = try FaultyClicks()
    try clicks.generate(Self.simulated)
    let pipeline = try clicks.folder.write(
      """
      version: 1
      kind: pipeline
      name: visits
      sources:
        clicks: { event_time: { field: timestamp }, fields: { hour: "hour(timestamp)" } }
      entities:
        user: { key: userId }
        event: { key: { expr: "lower(event)" } }
      views:
        visits: { entity: user, source: clicks, emit: { trigger: close }, features: { n: { agg: count, window: { session: 20s } } } }
        kinds: { entity: event, source: clicks, emit: { trigger: close }, features: { n: { agg: count, window: { tumbling: 10s } } } }
        night: { entity: user, source: clicks, where: "hour < 6", features: { n: { agg: count } } }
        hours:
          entity: user
          source: clicks
          emit: { trigger: close }
          features:
            n: { agg: count, window: { tumbling: 1d } }
            last: { agg: max, field: hour, window: { tumbling: 1d } }
      """, as: "visits.yaml")
    let rows = [
      #"{"view":"visits","userId":"u","window_start":0,"window_end":20000,"n":99}"#,
      #"{"view":"kinds","event":"page","window_start":0,"window_end":10000,"n":99}"#,
      #"{"view":"night","userId":"u","as_of":0,"n":99}"#,
    ]
    let file = try clicks.folder.write(rows.joined(separator: "\n") + "\n", as: "rows.ndjson")
    let reasons = [
      "visits": ("none of its features can be", "n (count of a session)"),
      "kinds": ("its key '(lower(event))' is no field of the truth's schema", "n (count)"),
      "night": ("its 'where' reads 'hour', no field of the truth's schema", "n (count)"),
    ]
    for (view, (reason, feature)) in reasons {
      let outcome = try clicks.verify(pipeline, "--rows", file, "--view", view)
      #expect(outcome.status == 3)
      #expect(
        outcome.text == """
          nothing of file:\(file) can be compared with the truth
            view \(view): 1 rows, not compared: \(reason)
              not compared: \(feature)

          """)
      #expect(outcome.errors == "freshet: error: nothing of file:\(file) can be compared with the truth\n")
    }
    let all = try clicks.verify(pipeline, "--rows", file)
    #expect(all.text.hasPrefix("file:\(file) does not agree with the truth, 1 of 4 views compared\n"), "\(all.text)")
    #expect(all.text.contains("\n    not compared: last (max, which reads 'hour')\n"), "\(all.text)")
    let report = try clicks.verify(pipeline, "--rows", file, "--view", "visits", "--output", "json")
    #expect(report.text.hasPrefix(#"{"agrees":false,"#))
    #expect(report.text.contains(#""view":"visits","agrees":null,"rows":1,"#))
    #expect(report.text.contains(#""not_compared_because":"none of its features can be"}"#), "\(report.text)")
  }

  @Test func `a truth that cannot be written ends the run`() throws {
    let outcome = try Program.run(
      "freshet", ["generate", "Schemas/clickstream.yaml", "--count", "10", "--from", "0", "--to", "null", "--truth", "/dev/full"])
    #expect(outcome.status == 74)
    #expect(outcome.errors.hasSuffix("freshet: error: cannot write to file:/dev/full after 0 bytes: No space left on device\n"))
  }

  @Test func `another schema than the truth's is refused`() throws {
    let clicks = try FaultyClicks()
    try clicks.generate("--count 10 --from 0")
    try clicks.folder.write(
      String(contentsOfFile: clicks.schema, encoding: .utf8).replacing("rate: 0.03", with: "rate: 0.04"),
      as: "Schemas/clickstream.yaml")
    let outcome = try clicks.verify("--stream", clicks.events)
    #expect(outcome.status == 78)
    #expect(
      outcome.errors == "freshet: error: '\(clicks.schema)' is not the schema that file:\(clicks.truth) is about: it has changed\n")
  }

  @Test(arguments: [
    ("verify", 64, "--truth: expected the file that 'generate --truth' has written"),
    ("verify --truth nowhere", 64, "expected --stream, to compare records, or --expect, to tell or compare windows"),
    ("verify --truth nowhere --stream x", 66, "cannot open 'nowhere': No such file or directory"),
    (
      "verify p.yaml --truth nowhere", 64,
      "expected --rows FILE, for rows that were printed, or --redis, for those in the pipeline's Redis"
    ),
    (
      "verify p.yaml --truth nowhere --rows x --key userId", 64,
      "--key: with a pipeline, it is the pipeline that says what its rows hold"
    ),
    ("verify --truth nowhere --redis --stream x", 64, "--redis: expected a pipeline with it, whose rows are compared"),
    (
      "verify Pipelines/shop_features.yaml --truth nowhere --rows x --view v", 64,
      "--view: pipeline 'shop_features' has no view 'v'; it has 'user_activity', 'user_windows'"
    ),
    ("verify --truth nowhere --expect x", 64, "--expect: expected --key and --window with it"),
    (
      "verify --truth Schemas/clickstream.yaml --stream x", 65,
      "file:Schemas/clickstream.yaml:1: expected the header of a truth file"
    ),
    ("generate Schemas/clickstream.yaml --truth-bucket 1s", 64, "--truth-bucket: expected --truth with it"),
    ("generate Schemas/clickstream.yaml --truth x --truth-bucket 0s", 64, "--truth-bucket: expected a length above 0"),
    (
      "generate Schemas/clickstream.yaml --truth x --resume y", 64,
      "--truth: a truth is about a whole stream; expected no --resume with it"
    ),
    (
      "generate Schemas/clickstream.yaml --truth x --rate max", 64,
      "--truth: a truth is about one load; expected no --rate max with it"
    ),
  ])
  func `what cannot be asked for is refused`(arguments: String, status: Int32, message: String) throws {
    let outcome = try Program.run("freshet", arguments.split(separator: " ").map(String.init))
    #expect(outcome.status == status)
    #expect(outcome.errors == "freshet: error: \(message)\n")
    #expect(outcome.text.isEmpty)
  }
}
