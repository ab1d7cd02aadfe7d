// Which views need their records brought together, through which topics, and what a pipeline says of its topic's key.

import Configuration
import Records
import Testing

@testable import Features

/// The sound pipeline with other entities in its two views.
private func text(_ activity: String, _ windows: String, kafka: String = "") -> String {
  soundPipeline.replacingOccurrences(of: "activity:\n    entity: user", with: "activity:\n    entity: \(activity)")
    .replacingOccurrences(of: "windows:\n    entity: user", with: "windows:\n    entity: \(windows)")
    .replacingOccurrences(of: "group: shop, fetch", with: "group: shop, \(kafka)fetch")
}

@Suite struct `Views whose entity is not the topic's key` {
  @Test func `are those whose key the schema does not give to the topic's records, and entity all`() throws {
    let pipeline = try #require(readPipeline(text("product", "all")).pipeline)
    let product = Repartitioning(source: 0, entity: 1, views: [0])
    let all = Repartitioning(source: 0, entity: nil, views: [1])
    #expect(pipeline.sources[0].topicKey == .field(FieldPath(["userId"])))
    #expect(pipeline.repartitionings(ofSource: 0, partitionCount: 3) == [product, all])
    #expect(pipeline.repartitionings(ofSource: 0, partitionCount: 3, viewNames: ["windows"]) == [all])
    #expect(pipeline.repartitionings(ofSource: 0, partitionCount: 1) == [])
    #expect(pipeline.expectedRepartitionings(ofSource: 0) == [product, all])
    let onFiles = text("product", "all").split(separator: "\n").filter { !$0.contains("kafka:") }.joined(separator: "\n")
    #expect(try #require(readPipeline(onFiles).pipeline).expectedRepartitionings(ofSource: 0) == [])
  }

  @Test func `of one entity share an internal topic`() throws {
    let pipeline = try #require(readPipeline(text("product", "product")).pipeline)
    #expect(
      pipeline.repartitionings(ofSource: 0, partitionCount: 2) == [Repartitioning(source: 0, entity: 1, views: [0, 1])])
  }

  @Test(arguments: [
    ("key: userId, ", TopicKey.field(FieldPath(["userId"])), 0),
    ("key: properties.product_id, ", .field(FieldPath(["properties", "product_id"])), 1),
    ("key: none, ", .none, 2),
  ])
  func `go by what the pipeline says of the key, before what the schema says`(_ kafka: String, _ key: TopicKey, _ count: Int) throws
  {
    let result = readPipeline(text("user", "user", kafka: kafka))
    #expect(result.findings == [])
    let pipeline = try #require(result.pipeline)
    #expect(pipeline.sources[0].topicKey == key)
    #expect(pipeline.repartitionings(ofSource: 0, partitionCount: 2).flatMap(\.views).count == (count == 0 ? 0 : 2))
  }

  @Test func `a key that no event has is told`() {
    #expect(
      readPipeline(text("user", "user", kafka: "key: user_id, ")).findings == [
        "6:74: error[unknown-reference]: 'key' of 'kafka' of source 'clicks': no event of schema 'clickstream' has a field 'user_id'; did you mean 'userId'?"
      ])
    #expect(
      readPipeline(text("user", "user", kafka: "key: [], ")).findings == [
        "6:74: error[wrong-type]: 'key' of 'kafka' of source 'clicks': expected a text, found a list"
      ])
  }

  @Test func `without a schema nothing is known of the key, but that one key for everything is not the topic's`() throws {
    let unknown = text("product", "all").split(separator: "\n").filter { !$0.contains("schema:") }.joined(separator: "\n")
    let pipeline = try #require(readPipeline(unknown).pipeline)
    #expect(pipeline.sources[0].topicKey == .unknown)
    #expect(pipeline.repartitionings(ofSource: 0, partitionCount: 2).map(\.views) == [[1]])
  }

  @Test func `have topics and groups named for all that their state depends on`() throws {
    var pipeline = try #require(readPipeline(text("product", "all")).pipeline)
    let all = Repartitioning(source: 0, entity: nil, views: [1])
    let topic = Repartitioning(source: 0, entity: 1, views: [0]).internalTopic(of: "clicks", in: pipeline)
    #expect(topic == "shop.clicks.clicks.product.repartition")
    #expect(all.internalTopic(of: "clicks-2", in: pipeline) == "shop.clicks.clicks-2.all.repartition")
    #expect(all.group(of: "g", internalTopic: topic) == "g-shop.clicks.clicks.product.repartition")
    pipeline.sink?.prefix = "staging"
    #expect(all.internalTopic(of: "clicks", in: pipeline) == "staging.shop.clicks.clicks.all.repartition")
    pipeline.sink?.prefix = "a:b"
    let changed = all.internalTopic(of: "clicks", in: pipeline)
    pipeline.sink?.prefix = "a-b"
    #expect(changed.hasPrefix("a-b.shop.clicks.clicks.all.repartition-"))
    #expect(all.internalTopic(of: "clicks", in: pipeline) == "a-b.shop.clicks.clicks.all.repartition")
    let long = all.internalTopic(of: String(repeating: "t", count: 249), in: pipeline)
    #expect(long.utf8.count == 249 && long != all.internalTopic(of: String(repeating: "t", count: 248), in: pipeline))
  }
}
