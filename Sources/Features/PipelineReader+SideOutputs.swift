// What a source does with records that do not count: `late`, `on_error`, `dedup`.

import Base
import Configuration
import Records
import Schema

extension PipelineReader {
  private enum LateAction: String, CaseIterable {
    case drop
    case sideOutput = "side_output"
  }

  /// Event times are compared with a window's distance: longer ones would never forget a key.
  private static let deduplicationWindowMax: Int64 = 366 * 86_400_000

  func readLate(_ reader: MappingReader) -> SideOutputTarget? {
    let action = reader.required("action") != nil ? reader.oneOf("action", LateAction.self) : nil
    return readTarget(reader, action: action?.rawValue, needsTarget: action == .sideOutput)
  }

  func readOnError(_ reader: MappingReader) -> (action: ErrorAction, output: SideOutputTarget?) {
    let action = reader.required("action") != nil ? reader.oneOf("action", ErrorAction.self) : nil
    return (action ?? .skip, readTarget(reader, action: action?.rawValue, needsTarget: action == .deadLetter))
  }

  /// Reads `topic` or `file`, of which an action that needs a target has one and any other none.
  private func readTarget(_ reader: MappingReader, action: String?, needsTarget: Bool) -> SideOutputTarget? {
    let topicNode = reader.node("topic")
    let fileNode = reader.node("file")
    defer { reader.finish(notBuilt: ["http", "format", "after", "view"]) }
    guard let action else { return nil }
    if let topicNode, fileNode != nil {
      diagnostics.error(
        "wrong-value", at: topicNode.location, "\(reader.subject ?? "") has a 'topic' and a 'file'; expected one of them")
      return nil
    }
    guard needsTarget else {
      // A target without the action that uses it says more than what happens.
      for name in ["topic", "file"] where reader.has(name) {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation(name),
          "\(reader.what(name)): the action '\(action)' sends records nowhere; leave '\(name)' out")
      }
      return nil
    }
    if let topicNode { return values.topic(topicNode, reader.what("topic")).map { .topic($0) } }
    if let fileNode { return values.string(fileNode, reader.what("file")).map { .file($0) } }
    diagnostics.error(
      "missing-field", at: reader.location, "missing field 'topic' or 'file' in \(reader.subject ?? ""): where the records go")
    return nil
  }

  /// A topic needs a cluster, and must not be the one that is read.
  func checkSideTopics(_ source: MappingReader, _ kafka: KafkaSourceDefinition?, _ targets: SideOutputTarget?...) {
    for (name, target) in zip(["late", "on_error"], targets) {
      guard case .topic(let topic)? = target else { continue }
      if !source.has("kafka") {
        diagnostics.error(
          "wrong-value", at: source.keyLocation(name),
          "'topic' of \(source.what(name)): the source has no 'kafka:', whose cluster it would be on; write 'file'")
      } else if topic == kafka?.topic {
        diagnostics.error(
          "wrong-value", at: source.keyLocation(name),
          "'topic' of \(source.what(name)): '\(topic)' is the topic that the source reads, which would never end")
      }
    }
  }

  /// Members of one group share the partitions of a topic: each of two sources would be given a part.
  func checkGroup(_ kafka: KafkaSourceDefinition, of source: SourceDefinition, _ reader: MappingReader) {
    let twin = sources.first {
      $0.kafka.map { ($0.brokers, $0.topic, $0.group) == (kafka.brokers, kafka.topic, kafka.group) } ?? false
    }
    guard let twin else { return }
    diagnostics.error(
      "wrong-value", at: reader.keyLocation("kafka"),
      "'group' of 'kafka' of source '\(source.name)': source '\(twin.name)' reads topic '\(kafka.topic)' in group '\(kafka.group)', too, and "
        + "each would be given only a part of it; expected a group of its own")
  }

  func readDeduplication(_ reader: MappingReader, _ schema: EventSchema?) -> DeduplicationDefinition? {
    let keyNode = reader.required("key")
    let key = keyNode.flatMap { path($0, reader.what("key")) }
    let windowNode = reader.required("window")
    let window = windowNode.flatMap { values.duration($0, reader.what("window")) }
    let keyCountMax = reader.integer("max_keys", in: 1000...100_000_000)
    reader.finish(notBuilt: ["keys", "scope", "where", "store", "refresh"])
    if let windowNode, let window, window > Self.deduplicationWindowMax {
      values.mismatch(windowNode, reader.what("window"), expected: "at most 366d", code: "wrong-value")
      return nil
    }
    guard let keyNode, let key, let window else { return nil }
    checkKnown(key, at: keyNode.location, reader.what("key"))
    if let schema, checkField(key, in: schema, at: keyNode.location, reader.what("key")),
      let kinds = schema.kinds(at: key.components), kinds.isDisjoint(with: [.string, .integer])
    {
      diagnostics.error(
        "wrong-type", at: keyNode.location,
        "\(reader.what("key")): '\(key)' of schema '\(schema.name)' is neither a text nor an integer")
    }
    return DeduplicationDefinition(
      keyPath: key, windowMilliseconds: window, keyCountMax: keyCountMax.map(Int.init) ?? DeduplicationDefinition.defaultKeyCountMax
    )
  }
}
