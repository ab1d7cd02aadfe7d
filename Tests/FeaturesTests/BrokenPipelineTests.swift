// Broken pipelines: each is the same small sound pipeline with one text in it replaced, and the exact findings that this leads to.

import Base
import Configuration
import Foundation
import Testing

@testable import Features

@Suite struct BrokenPipelineTests {
  @Test(
    arguments: [
      (
        "kind: pipeline", "kind: pipelin",
        ["2:7: error[wrong-value]: 'kind': expected pipeline, found 'pipelin'; did you mean 'pipeline'?"]
      ),
      (
        "checkpoint: {", "services: { a: { features: 1 } }\ncheckpoint: {",
        ["28:28: error[wrong-type]: 'features' of service 'a': expected a list, found '1'"]
      ),
      (
        "store: state/shop", "store: s3://x",
        ["28:33: error[wrong-value]: 'store' of 'checkpoint': expected 'redis', 'none' or a directory, found 's3://x'"]
      ),
      (
        "every: 5s", "every: 5",
        [
          "28:22: error[wrong-unit]: 'every' of 'checkpoint': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '5', which has no unit; did you mean '5s'?"
        ]
      ),
      (
        "checkpoint: { every: 5s, store: state/shop }", "checkpoint: 5s",
        ["28:13: error[wrong-type]: 'checkpoint': expected a mapping, found '5s'; did you mean { every: 5s }?"]
      ),
      (
        "redis://localhost:6379\"", "localhost:6379\"",
        ["27:23: error[wrong-value]: 'url' of 'redis' of 'sink': expected an address like redis://127.0.0.1:6379/0"]
      ),
      (
        "redis://localhost:6379\"", "redis://a:secret@localhost\"",
        [
          "27:23: error[secret]: 'url' of 'redis' of 'sink': the address holds a password; name the user alone, and keep the secret in the environment or in a file of its own"
        ]
      ),
      (
        "redis://localhost:6379\"", "redis://localhost:6379\", project: shop",
        ["27:49: error[wrong-value]: 'project' of 'redis' of 'sink': only rows of 'layout: feast' belong to a project"]
      ),
      (
        "redis://localhost:6379\"", "${REDIS}\"",
        [
          "27:23: error[unset-variable]: the environment variable 'REDIS' is not set; set it, or give a default: ${REDIS:-value}"
        ]
      ),
      (
        "group: shop,", "grop: shop,",
        ["6:56: error[unknown-field]: unknown field 'grop' in 'kafka' of source 'clicks'; did you mean 'group'?"]
      ),
      (
        "fetch.min.bytes: 1", "group.id: x",
        ["6:69: error[wrong-value]: 'group.id' of 'kafka' of source 'clicks' is set by Freshet; write 'group'"]
      ),
      (
        "schema: clickstream.yaml", "schema: clicks.yaml",
        ["7:13: error[missing-file]: 'schema' of source 'clicks': DIR/clicks.yaml: no such file"]
      ),
      (
        "schema: clickstream.yaml", "format: csv",
        [
          "7:13: error[not-built]: 'format' of source 'clicks': 'csv' is part of the pipeline language but not built in this version; built: json, avro"
        ]
      ),
      (
        "    event_time: { field: timestamp }\n", "", ["6:5: error[missing-field]: missing field 'event_time' in source 'clicks'"]
      ),
      (
        "field: timestamp }", "field: timestmp }",
        [
          "8:26: error[unknown-reference]: 'field' of 'event_time' of source 'clicks': no event of schema 'clickstream' has a field 'timestmp'; did you mean 'timestamp'?"
        ]
      ),
      (
        "field: timestamp }", "field: timestamp, format: epoch_ms }",
        [
          "8:45: error[wrong-value]: 'format' of 'event_time' of source 'clicks': schema 'clickstream' writes 'timestamp' as rfc3339_ms, found 'epoch_ms'; did you mean 'rfc3339'?"
        ]
      ),
      (
        "field: timestamp }", "field: timestamp, format: record }",
        [
          "8:19: error[wrong-value]: 'field' of 'event_time' of source 'clicks': the format 'record' takes Kafka's timestamp, no field"
        ]
      ),
      (
        "field: timestamp }", "format: rfc3339 }",
        ["8:17: error[missing-field]: missing field 'field' in 'event_time' of source 'clicks'"]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    late: { action: side_output }",
        ["10:11: error[missing-field]: missing field 'topic' or 'file' in 'late' of source 'clicks': where the records go"]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    late: { action: side_output, topic: a, file: b }",
        ["10:41: error[wrong-value]: 'late' of source 'clicks' has a 'topic' and a 'file'; expected one of them"]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    late: { action: drop, file: late.ndjson }",
        [
          "10:27: error[wrong-value]: 'file' of 'late' of source 'clicks': the action 'drop' sends records nowhere; leave 'file' out"
        ]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    late: { action: sideoutput, topic: a }",
        [
          "10:21: error[wrong-value]: 'action' of 'late' of source 'clicks': expected drop or side_output, found 'sideoutput'; did you mean 'side_output'?"
        ]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    on_error: { action: dead_letter, topic: clicks }",
        [
          "10:5: error[wrong-value]: 'topic' of 'on_error' of source 'clicks': 'clicks' is the topic that the source reads, which would never end"
        ]
      ),
      (
        "entities:\n  user:",
        "  again:\n    kafka: { brokers: \"localhost:9092\", topic: clicks, group: shop }\n    event_time: { field: ts }\nentities:\n  user:",
        [
          "11:5: error[wrong-value]: 'group' of 'kafka' of source 'again': source 'clicks' reads topic 'clicks' in group 'shop', too, and each would be given only a part of it; expected a group of its own"
        ]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    dedup: { key: messageId }",
        ["10:12: error[missing-field]: missing field 'window' in 'dedup' of source 'clicks'"]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    dedup: { key: messageID, window: 400d, max_keys: 10 }",
        [
          "10:38: error[wrong-value]: 'window' of 'dedup' of source 'clicks': expected at most 366d, found '400d'",
          "10:54: error[wrong-value]: 'max_keys' of 'dedup' of source 'clicks': expected a whole number from 1000 to 100000000, found '10'",
        ]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    dedup: { key: messageID, window: 15m }",
        [
          "10:19: error[unknown-reference]: 'key' of 'dedup' of source 'clicks': no event of schema 'clickstream' has a field 'messageID'; did you mean 'messageId'?"
        ]
      ),
      (
        "lateness: 5s }", "lateness: 5s }\n    dedup: { key: context, window: 15m }",
        [
          "10:19: error[wrong-type]: 'key' of 'dedup' of source 'clicks': 'context' of schema 'clickstream' is neither a text nor an integer"
        ]
      ),
      (
        "user: { key: userId, ttl: 1h }", "user: { key: userID, ttl: 1h }",
        [
          "11:16: error[unknown-reference]: 'key' of entity 'user': no event of schema 'clickstream' has a field 'userID'; did you mean 'userId'?"
        ]
      ),
      (
        "user: { key: userId, ttl: 1h }", "user: { key: context, ttl: 1h }",
        ["11:16: error[wrong-type]: 'key' of entity 'user': 'context' of schema 'clickstream' is neither a text nor an integer"]
      ),
      (
        "user: { key: userId, ttl: 1h }", "user: { key: a..b, ttl: 1h }",
        ["11:16: error[wrong-value]: 'key' of entity 'user': expected a field like userId or properties.price, found 'a..b'"]
      ),
      (
        "  product: {", "  all: {",
        ["12:3: error[wrong-value]: an entity cannot be called 'all', which means one key for everything"]
      ),
    ] as [(String, String, [String])])
  func `sources, entities and the rest`(_ old: String, _ new: String, _ expected: [String]) throws {
    try #require(soundPipeline.contains(old))
    let findings = readPipeline(soundPipeline.replacingOccurrences(of: old, with: new)).findings
    #expect(findings.map { $0.replacingOccurrences(of: "\(packageDirectory)/Schemas", with: "DIR") } == expected)
  }

  @Test(
    arguments: [
      (
        "activity:\n    entity: user", "activity:\n    entity: usr",
        ["15:13: error[unknown-reference]: 'entity' of view 'activity': no entity 'usr'; did you mean 'user'?"]
      ),
      (
        "activity:\n    entity: user\n    source: clicks", "activity:\n    entity: user\n    source: clics",
        ["16:13: error[unknown-reference]: 'source' of view 'activity': no source 'clics'; did you mean 'clicks'?"]
      ),
      (
        "  activity:", "  act:ivity:",
        ["14:3: error[wrong-value]: the name of a view: expected letters, digits, '_' and '-', found 'act:ivity'"]
      ),
      ("  activity:", "  _activity:", ["14:3: error[wrong-value]: the name of a view cannot begin with '_', found '_activity'"]),
      (
        "emit: { trigger: close }", "emit: { trigger: closed }",
        [
          "23:22: error[wrong-value]: 'trigger' of 'emit' of view 'windows': expected change or close, found 'closed'; did you mean 'close'?"
        ]
      ),
      (
        "emit: { trigger: close }", "emit: { trigger: close }\n    lanes: [nrt, batch]",
        [
          "24:5: error[wrong-value]: 'lanes' of view 'windows': with 'trigger: close' a view has the lane 'nrt' alone, and 'batch' is for current values"
        ]
      ),
      (
        "emit: { trigger: close }", "emit: { trigger: close }\n    schedule: { every: 1h }",
        ["24:5: error[wrong-value]: 'schedule' of view 'windows': the view has no lane 'batch', which it is for"]
      ),
      (
        "emit: { trigger: close }", "emit: { trigger: close }\n    where: event = 'x'",
        ["24:18: error[expression]: 'where' of view 'windows': unexpected '='; did you mean '=='?"]
      ),
      (
        "agg: count, where: \"event ==", "agg: count, where: \"evnt ==",
        [
          "18:36: error[unknown-reference]: 'where' of feature 'views': no event of schema 'clickstream' has a field 'evnt'; did you mean 'event'?"
        ]
      ),
      (
        "event == 'Product Viewed'\"", "event == 'Product Viewed\"",
        ["18:45: error[expression]: 'where' of feature 'views': the string that begins here is not closed with '"]
      ),
      (
        "sliding: 5m, hop: 10s", "sliding: 5m",
        [
          "18:72: error[missing-field]: missing field 'hop' in 'window' of feature 'views'; a sliding window moves on by it, as in { sliding: 5m, hop: 10s }"
        ]
      ),
      (
        "sliding: 5m, hop: 10s", "sliding: 5m, hop: 7s",
        ["18:92: error[wrong-value]: 'window' of feature 'views': 5m is no multiple of the hop 7s, so its panes cannot be shared"]
      ),
      (
        "sliding: 5m, hop: 10s", "sliding: 10s, hop: 5m",
        [
          "18:93: error[wrong-value]: 'window' of feature 'views': 10s is no multiple of the hop 5m; did you mean { sliding: 5m, hop: 10s }?"
        ]
      ),
      (
        "sliding: 5m, hop: 10s", "sliding: 5m, hop: 1ms",
        [
          "18:92: error[wrong-value]: 'window' of feature 'views': 300000 hops in one window, at most 100000; a longer hop costs less memory"
        ]
      ),
      (
        "sliding: 5m, hop: 10s", "sliding: 5m, hpo: 10s",
        ["18:87: error[unknown-field]: unknown field 'hpo' in 'window' of feature 'views'; did you mean 'hop'?"]
      ),
      (
        "{ tumbling: 1m }", "10",
        [
          "19:59: error[wrong-type]: 'window' of feature 'spend': expected { tumbling: 10s }, { sliding: 5m, hop: 10s }, { cumulate: 1d, step: 1m }, { session: 30m } or none, found '10'"
        ]
      ),
      (
        "{ tumbling: 1m }", "1m",
        [
          "19:59: error[wrong-type]: 'window' of feature 'spend': expected a kind of window, found '1m'; did you mean { tumbling: 1m }?"
        ]
      ),
      (
        "{ tumbling: 1m }", "{ tumbling: 10 }",
        [
          "19:71: error[wrong-unit]: 'tumbling' of 'window' of feature 'spend': expected a duration like 250ms, 10s, 5m, 1h or 1d, found '10', which has no unit; did you mean '10s'?"
        ]
      ),
      (
        "{ tumbling: 1m }", "{ tumbling: 1m, hop: 1s }",
        ["19:75: error[wrong-value]: 'window' of feature 'spend': 'tumbling' and 'hop' do not go together"]
      ),
      (
        "window: { tumbling: 1m }", "windw: { tumbling: 1m }",
        ["19:51: error[unknown-field]: unknown field 'windw' in feature 'spend'; did you mean 'window'?"]
      ),
      (
        "agg: sum", "agg: avg",
        ["19:21: error[wrong-value]: 'agg' of feature 'spend': expected an aggregate, found 'avg'; did you mean 'mean'?"]
      ),
      (
        "agg: sum", "agg: summ",
        [
          "19:21: error[wrong-value]: 'agg' of feature 'spend': expected count, sum, min, max, mean, variance, stddev, first, last, elapsed, distinct, approx_distinct, quantile, top_k or collect, found 'summ'; did you mean 'sum'?"
        ]
      ),
      (
        "agg: sum, field: properties.price", "agg: sum",
        ["19:14: error[missing-field]: missing field 'field' in feature 'spend'; 'sum' needs one"]
      ),
      (
        "agg: sum, field: properties.price", "agg: sum, field: price",
        [
          "19:33: error[unknown-reference]: 'field' of feature 'spend': no event of schema 'clickstream' has a field 'price'; did you mean 'properties.price'?"
        ]
      ),
      (
        "agg: sum, field: properties.price", "agg: sum, field: properties.currency",
        [
          "19:33: error[wrong-type]: 'field' of feature 'spend': 'sum' needs a number, and 'properties.currency' of schema 'clickstream' is a text"
        ]
      ),
      (
        "agg: sum, field: properties.price", "expr: a + b",
        [
          "19:22: error[unknown-reference]: 'expr' of feature 'spend': the view has no feature 'a'",
          "19:26: error[unknown-reference]: 'expr' of feature 'spend': the view has no feature 'b'",
          "19:29: error[wrong-value]: 'window' of feature 'spend': a feature with 'expr' is made of other features and has no 'window' of its own",
        ]
      ),
      (
        "default: 0 }", "default: x }",
        ["18:108: error[wrong-type]: 'default' of feature 'views': expected a whole number, as 'count' gives, or null, found 'x'"]
      ),
      (
        "default: 1 }", "default: on }",
        [
          "26:87: warning[yaml-trap]: 'default' of feature 'mean': 'on' is a text here, but older YAML readers take it for a boolean; quote it to say what is meant: \"on\"",
          "26:87: error[wrong-type]: 'default' of feature 'mean': expected a number, as 'mean' gives, or null, found 'on'",
        ]
      ),
      (
        "      seen: {", "      as_of: {",
        ["25:7: error[wrong-value]: a feature cannot be called 'as_of', which every row has already"]
      ),
      (
        "      seen: {", "      userId: {",
        ["25:7: error[wrong-value]: a feature cannot be called 'userId', which is the name of the view's key"]
      ),
      (
        "      seen: {", "      _seen: {",
        ["25:7: error[wrong-value]: the name of a feature cannot begin with '_', found '_seen'"]
      ),
      ("      seen: {", "      mean: {", ["26:7: error[duplicate-key]: duplicate key 'mean'; it stands first on line 25"]),
      (
        "seen: { agg: count, window: { tumbling: 10s } }", "seen: { agg: count, window: { tumbling: 1m } }",
        [
          "26:59: error[wrong-value]: with 'trigger: close' all features of a view share one window, but 'seen' has tumbling 1m and 'mean' has tumbling 10s"
        ]
      ),
      (
        "seen: { agg: count, window: { tumbling: 10s } }", "seen: { agg: count }",
        [
          "25:13: error[wrong-value]: feature 'seen' has no window, and 'trigger: close' emits a row when a window closes; give it one, such as { tumbling: 10s }"
        ]
      ),
    ] as [(String, String, [String])])
  func `views and features`(_ old: String, _ new: String, _ expected: [String]) throws {
    try #require(soundPipeline.contains(old))
    #expect(readPipeline(soundPipeline.replacingOccurrences(of: old, with: new)).findings == expected)
  }

  @Test func `all errors come in one pass, in the order of the file`() {
    let text =
      soundPipeline
      .replacingOccurrences(of: "name: shop\n", with: "")
      .replacingOccurrences(of: "ttl: 1h", with: "ttl: 1")
      .replacingOccurrences(of: "agg: sum", with: "agg: summ")
      .replacingOccurrences(of: "every: 5s", with: "evry: 5s")
    #expect(
      readPipeline(text).findings.map { $0.prefix { $0 != "'" } } == [
        "1:1: error[missing-field]: missing field ", "10:29: error[wrong-unit]: ", "18:21: error[wrong-value]: ",
        "27:15: error[unknown-field]: unknown field ",
      ])
  }

  @Test func `the errors of a schema come with those of the pipeline`() throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "freshet-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try Data("kind: events\nname: x\n".utf8).write(to: directory.appending(path: "s.yaml"))
    let text = soundPipeline.replacingOccurrences(of: "clickstream.yaml", with: "\(directory.path)/s.yaml")
      .replacingOccurrences(of: "agg: sum", with: "agg: summ")
    let diagnostics = Diagnostics(file: "p")
    #expect(PipelineReader.read(text: text, diagnostics: diagnostics)?.name == nil)
    #expect(
      diagnostics.all.map { "\($0.file.split(separator: "/").last ?? "") \($0.location.line) \($0.message)" } == [
        "p 19 'agg' of feature 'spend': expected count, sum, min, max, mean, variance, stddev, first, last, elapsed, distinct, approx_distinct, quantile, top_k or collect, found 'summ'; did you mean 'sum'?",
        "s.yaml 1 missing field 'entities'", "s.yaml 1 missing field 'sessions'", "s.yaml 1 missing field 'events'",
      ])
  }
}
