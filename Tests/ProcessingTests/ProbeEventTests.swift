// Which event a prober sends: it must change the row of its view every time, whatever the view's conditions are.

import Base
import Configuration
import Features
import Foundation
import Processing
import Testing

/// A pipeline over `features`, `where` and what else a test says.
private func pipeline(
  source: String = "event_time: { field: ts, format: epoch_ms }", key: String = "user", view: String = "", features: String,
  extra: String = ""
) throws -> PipelineDefinition {
  try read(
    """
    kind: pipeline
    name: test
    sources:
      events:
        kafka: { brokers: b, topic: t, group: g }
        \(source.replacingOccurrences(of: "\n", with: "\n    "))
    entities: { user: { key: \(key) } }
    views:
      v:
        entity: user
        source: events
        \(view)
        features:
          \(features.replacingOccurrences(of: "\n", with: "\n      "))
    sink: { redis: { url: "redis://localhost" } }
    \(extra)
    """)
}

private func read(_ text: String) throws -> PipelineDefinition {
  let diagnostics = Diagnostics(file: "p.yaml")
  let definition = PipelineReader.read(text: text, diagnostics: diagnostics)
  return try #require(definition, "\(diagnostics.all.map(\.description).joined(separator: "\n"))")
}

private let now: Int64 = 1_767_607_200_000

/// The reason why a pipeline is refused.
private func refusal(_ pipeline: PipelineDefinition) throws -> String {
  let failure = #expect(throws: Failure.self) { try ProbeEvent.choose(for: pipeline, now: now) }
  return try #require(failure?.message)
}

private let packageFolder: String = {
  var folder = URL(filePath: #filePath)
  for _ in 0..<3 { folder.deleteLastPathComponent() }
  return folder.path
}()

@Suite struct ProbeEventTests {
  @Test(arguments: [
    ("Pipelines/shop_features.yaml", "user_activity"), ("Pipelines/shop_insights.yaml", "user_interest"),
    ("Pipelines/product_features.yaml", "product_activity"), ("Examples/modes/shop_modes.yaml", "activity"),
  ])
  func `every pipeline of the house can be probed`(_ path: String, view: String) throws {
    let pipeline = try PipelineReader.load(path: "\(packageFolder)/\(path)")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(event.viewName == view)
  }

  @Test func `a marker of the shop is a view of a product`() throws {
    let pipeline = try PipelineReader.load(path: "\(packageFolder)/Pipelines/shop_features.yaml")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    let record = event.record(key: "_freshet_probe_0", partition: 3, time: now, number: 0)
    #expect(record.value == #"{"event":"Product Viewed","userId":"_freshet_probe_0","timestamp":"2026-01-05T10:00:00.000Z"}"#)
    #expect(record.key == "_freshet_probe_0" && record.partition == 3 && record.timestamp == now)
    #expect(event.rowKey(ofMarker: "_freshet_probe_0") == "_freshet_probe_0")
  }

  @Test func `copies of messages are not what markers are`() throws {
    let pipeline = try PipelineReader.load(path: "\(packageFolder)/Pipelines/shop_insights.yaml")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    let values = (0..<3).map { event.record(key: "_freshet_probe_0", partition: 0, time: now, number: $0).value }
    #expect(Set(values).count == 3)
    #expect(values[0].contains(#""messageId":"_freshet_probe_0_1767607200000_0""#))
  }

  @Test func `a view that is keyed otherwise than its topic has the marker in both keys`() throws {
    let pipeline = try PipelineReader.load(path: "\(packageFolder)/Pipelines/product_features.yaml")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(event.isRepartitioned)
    let record = event.record(key: "_freshet_probe_1", partition: 1, time: now, number: 0)
    #expect(record.value.contains(#""userId":"_freshet_probe_1""#) && record.value.contains(#""product_id":"_freshet_probe_1""#))
  }

  @Test(arguments: [1, 2, 3, 4, 12, 100])
  func `Kafka's partitioner sends each key to its partition`(_ count: Int) {
    for partition in 0..<count {
      let key = ProbeEvent.key(partition: partition, of: count)
      let found = Array(key.utf8).withUnsafeBufferPointer {
        Hash.kafkaPartition(ofKey: $0.baseAddress!, count: $0.count, partitionCount: Int32(count))
      }
      #expect(Int(found) == partition && key.hasPrefix("_freshet_probe_\(partition)"))
    }
  }

  @Test(arguments: [
    "a == 'x'", "'x' == a", "a == 'x' and b == 2 and c", "a == 'x' or b == 2", "not (a == 'x')", "not (a != 'x' or b != 2)",
    "a in ['x', 'y']", "a not in ['x', 'y']", "a is null", "a is not null", "a like 'x%y_'", "a not like 'x%'", "b > 5", "b >= 5.5",
    "b < -3", "5 < b and b < 7", "b between 3 and 8", "c == true", "c == false", "not c", "lower(a) == 'x'",
    "coalesce(a, 'y') == 'x'",
    "starts_with(a, 'x')", "contains(a, 'x') and b % 4 == 1", "b * 2 == 14", "b + 1 > 10", "a.b.c == 'deep' and a.b.d == 4",
    "a == 'x' and (b == 1 or b == 2) and a in ['x', 'z']", "a == 'x' and b == 1 and a != 'y' and b < 9",
    "if(a == 'x', b == 2, false)", "a == 'quoted \"text\" \\\\ with \u{e9}'",
  ])
  func `conditions are fulfilled`(_ condition: String) throws {
    let text = "\"\(condition.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\"", with: "\\\""))\""
    for place in ["feature", "view"] {
      let pipeline = try pipeline(
        view: place == "view" ? "where: \(text)" : "",
        features: "n: { agg: count, \(place == "feature" ? "where: \(text), " : "")window: { sliding: 5m, hop: 10s } }")
      #expect(throws: Never.self, "\(place)") { try ProbeEvent.choose(for: pipeline, now: now) }
    }
  }

  @Test(arguments: [
    "n: { agg: sum, field: p.price }", "n: { agg: mean, field: p.price, where: \"e == 'x'\" }",
    "n: { agg: approx_distinct, field: page }",
    "n: { agg: collect, n: 3, field: page }", "n: { agg: count, field: page }", "n: { agg: sum, field: { expr: \"price * 2\" } }",
    "n: { agg: elapsed, window: { sliding: 5m, hop: 10s } }\nc: { agg: count, where: \"e == 'y'\" }",
  ])
  func `features without a count change, too`(_ features: String) throws {
    let pipeline = try pipeline(features: features)
    #expect(throws: Never.self) { try ProbeEvent.choose(for: pipeline, now: now) }
  }

  @Test(arguments: [
    ("rfc3339", #""2026-01-05T10:00:00.001Z""#), ("epoch_ms", "1767607200001"), ("epoch_s", "1767607200.001"),
  ])
  func `event time is written as the source reads it`(_ format: String, _ text: String) throws {
    let pipeline = try pipeline(
      source: "event_time: { field: meta.at, format: \(format) }", features: "n: { agg: count, window: { sliding: 5m, hop: 10s } }")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(event.record(key: "k", partition: 0, time: now + 1, number: 0).value == #"{"user":"k","meta":{"at":\#(text)}}"#)
  }

  @Test func `the record's own time will do`() throws {
    let pipeline = try pipeline(source: "event_time: { format: record }", features: "n: { agg: count }")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    let record = event.record(key: "k", partition: 0, time: now, number: 0)
    #expect(record.value == #"{"user":"k"}"# && record.timestamp == now)
  }

  @Test func `a computed key is followed to its row`() throws {
    let pipeline = try pipeline(key: "{ expr: \"concat('u:', lower(user))\" }", features: "n: { agg: count }")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(event.rowKey(ofMarker: "_freshet_probe_1") == "u:_freshet_probe_1")
  }

  @Test func `computed fields are traced to those of the record`() throws {
    let pipeline = try pipeline(
      source: "event_time: { field: ts, format: epoch_ms }\nfields: { kind: \"lower(type)\", big: \"price > 100\" }",
      features: "n: { agg: count, where: \"kind == 'sale' and big\" }")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(event.record(key: "k", partition: 0, time: now, number: 0).value.hasPrefix(#"{"type":"sale","price":101"#))
  }

  @Test func `events of the pipeline's tests help where conditions cannot be solved`() throws {
    let pipeline = try pipeline(
      features: "n: { agg: count, where: \"length(a) == 7\" }",
      extra: """
        tests:
          - name: t
            given: [{ ts: 1, user: u, a: sevenxx, other: [1, { x: null }] }]
            expect: [{ key: u, n: 1 }]
        """)
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(
      event.record(key: "k", partition: 0, time: now, number: 0).value
        == #"{"a":"sevenxx","other":[1,{"x":null}],"ts":1767607200000,"user":"k"}"#)
  }

  @Test func `what the pipeline says goes before what can be found out`() throws {
    let pipeline = try pipeline(
      features: "n: { agg: count }", extra: "probe: { view: v, event: { is_probe: true, n: 1.5, deep: { user: x } } }")
    let event = try ProbeEvent.choose(for: pipeline, now: now)
    #expect(
      event.record(key: "k", partition: 0, time: now, number: 0).value
        == #"{"deep":{"user":"x"},"is_probe":true,"n":1.5,"user":"k","ts":1767607200000}"#)
  }

  @Test(arguments: [
    ("n: { agg: count, where: \"length(a) == 7\" }", "", "it is in no row, because no 'where' takes it"),
    ("n: { agg: max, field: price }", "", "a further marker left the row as it was, because no feature changes by it"),
    ("n: { agg: count, window: { tumbling: 10s } }", "emit: { trigger: close }", "its windows close"),
  ])
  func `a view that cannot be probed says why`(_ features: String, _ view: String, _ reason: String) throws {
    let message = try refusal(pipeline(view: view, features: features))
    #expect(message.contains("pipeline 'test' cannot be probed: view 'v': "))
    #expect(message.contains(reason), "\(message)")
    #expect(message.contains("'probe: { view: NAME, event: { ... } }' in the pipeline says"))
  }

  @Test func `Feast's layout and Avro are refused`() throws {
    var feast = try pipeline(features: "n: { agg: count }")
    feast.sink?.layout = .feast(project: "p")
    #expect(try refusal(feast).contains("Feast's layout"))
    var avro = try pipeline(features: "n: { agg: count }")
    avro.sources[0].format = .avro(AvroSettings())
    #expect(try refusal(avro).contains("reads Avro"))
  }
}
