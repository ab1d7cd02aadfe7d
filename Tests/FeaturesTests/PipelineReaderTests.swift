// The shipped pipeline and what is read from it, and, setting by setting, what the reader makes of a small one.

import Base
import Configuration
import Foundation
import Records
import Schema
import Testing
import Windowing

@testable import Features

/// The directory of the package.
let packageDirectory =
  URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// A small sound pipeline over the shipped click stream.
let soundPipeline = """
  version: 1
  kind: pipeline
  name: shop
  sources:
    clicks:
      kafka: { brokers: "localhost:9092", topic: clicks, group: shop, fetch.min.bytes: 1 }
      schema: clickstream.yaml
      event_time: { field: timestamp }
      watermark: { lateness: 5s }
  entities:
    user: { key: userId, ttl: 1h }
    product: { key: properties.product_id }
  views:
    activity:
      entity: user
      source: clicks
      features:
        views: { agg: count, where: "event == 'Product Viewed'", window: { sliding: 5m, hop: 10s }, default: 0 }
        spend: { agg: sum, field: properties.price, window: { tumbling: 1m } }
    windows:
      entity: user
      source: clicks
      emit: { trigger: close }
      features:
        seen: { agg: count, window: { tumbling: 10s } }
        mean: { agg: mean, field: properties.price, window: { tumbling: 10s }, default: 1 }
  sink: { redis: { url: "redis://localhost:6379" } }
  checkpoint: { every: 5s, store: state/shop }
  """

func readPipeline(_ text: String) -> (pipeline: PipelineDefinition?, findings: [String]) {
  let diagnostics = Diagnostics(file: "p")
  let pipeline = PipelineReader.read(
    text: text, directory: "\(packageDirectory)/Schemas", loader: ConfigurationLoader(environment: [:]),
    diagnostics: diagnostics)
  #expect((pipeline == nil) == diagnostics.hasErrors)
  return (pipeline, diagnostics.all.map { String($0.description.dropFirst(2)) })
}

@Suite struct PipelineReaderTests {
  @Test func `the shipped pipeline is read without findings`() throws {
    let path = "\(packageDirectory)/Pipelines/shop_features.yaml"
    let diagnostics = Diagnostics(file: path)
    let pipeline = try PipelineReader.read(
      path: path, loader: ConfigurationLoader(environment: [:]), diagnostics: diagnostics)
    #expect(diagnostics.all.map(\.description) == [])
    #expect(pipeline?.views.map(\.name) == ["user_activity", "user_windows"])
    #expect(pipeline?.sources[0].kafka?.brokers == "localhost:9092")
    #expect(pipeline?.sink?.url == "redis://127.0.0.1:6379/0")
    #expect(pipeline?.expectedRepartitionings(ofSource: 0) == [])
  }

  @Test func `a pipeline is read as it is written`() throws {
    let result = readPipeline(soundPipeline)
    #expect(result.findings == [])
    let pipeline = try #require(result.pipeline)
    let source = pipeline.sources[0]
    #expect(source.kafka?.properties.map(\.name) == ["fetch.min.bytes"])
    #expect(source.eventTime.path == FieldPath(["timestamp"]))
    #expect(source.eventTime.format == .rfc3339)
    #expect(source.latenessMilliseconds == 5000)
    #expect(source.idleTimeoutMilliseconds == nil)
    #expect(source.errorAction == .skip)
    #expect(pipeline.entities.map(\.keyPath.description) == ["userId", "properties.product_id"])
    #expect(pipeline.entities.map(\.timeToLiveMilliseconds) == [3_600_000, nil])
    let activity = pipeline.views[0]
    #expect(activity.emitEveryMilliseconds == 200)
    #expect(activity.trigger == .change)
    #expect(activity.features[0].window == .sliding(size: 300_000, hop: 10_000))
    #expect(activity.features[0].defaultValue == .integer(0))
    #expect(
      activity.features[0].predicate == .compare(.equal, .field(FieldPath(["event"])), .literal(.string("Product Viewed"))))
    #expect(activity.features[1].window == .tumbling(size: 60_000))
    #expect(pipeline.views[1].trigger == .close)
    #expect(pipeline.views[1].features[1].defaultValue == .double(1))
    #expect(pipeline.sink?.prefix == "fv")
    #expect(pipeline.checkpoint.everyMilliseconds == 5000)
    #expect(pipeline.checkpoint.store == .directory("state/shop"))
  }

  @Test(arguments: [("redis", CheckpointSettings.Store.redis), ("none", .nowhere), ("./none", .directory("./none"))])
  func `state is kept beside the rows, in a directory, or nowhere`(text: String, store: CheckpointSettings.Store) throws {
    let text = soundPipeline.replacingOccurrences(of: "store: state/shop", with: "store: \(text)")
    #expect(try #require(readPipeline(text).pipeline).checkpoint.store == store)
  }

  @Test func `defaults stand for what is left out`() throws {
    let result = readPipeline(
      """
      kind: pipeline
      name: least
      sources: { s: { event_time: { format: record } } }
      views: { v: { entity: all, source: s, features: { n: { agg: count } } } }
      """)
    #expect(result.findings == [])
    let pipeline = try #require(result.pipeline)
    #expect(pipeline.sources[0].kafka == nil)
    #expect(pipeline.sources[0].eventTime.format == .record)
    #expect(pipeline.sources[0].latenessMilliseconds == 0)
    #expect(pipeline.views[0].entity == nil)
    #expect(pipeline.views[0].features[0].window == .unbounded)
    #expect(pipeline.sink == nil)
    #expect(pipeline.checkpoint.everyMilliseconds == 10_000)
    #expect(pipeline.checkpoint.store == .redis)
  }

}
