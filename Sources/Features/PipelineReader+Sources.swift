// Sources: where records come from, how they are read, and which time counts.

import Base
import Configuration
import Foundation
import Records
import Schema

extension PipelineReader {
  func readSources(_ reader: MappingReader) {
    for pair in reader.pairs {
      values.checkName(pair.name, "the name of a source", at: pair.key.location)
      sourceNames.append(pair.name)
      guard let source = MappingReader(pair.value, "source '\(pair.name)'", values) else { continue }
      let kafka = source.mapping("kafka").flatMap(readKafka)
      let format = readFormat(source)
      var schema = source.node("schema").flatMap { readSchema($0, source.what("schema")) }
      if case .avro = format { schema = schema?.readFromAvro }
      computedTypes = [:]
      viewAvroSchema = format.avroSchema
      let computedFields = readComputedFields(source, schema)
      viewAvroSchema = nil
      let timeReader = source.required("event_time") != nil ? source.mapping("event_time", main: "field") : nil
      let eventTime = timeReader.flatMap { readEventTime($0, format, schema) }
      let watermark = source.mapping("watermark", main: "lateness").map(readWatermark)
      let lateOutput = source.mapping("late", main: "action").flatMap(readLate)
      let onError = source.mapping("on_error", main: "action").map(readOnError)
      viewAvroSchema = format.avroSchema
      let deduplication = source.mapping("dedup", main: "key").flatMap { readDeduplication($0, schema) }
      viewAvroSchema = nil
      checkSideTopics(source, kafka, lateOutput, onError?.output)
      checkTopicKey(source, kafka, schema)
      source.finish(notBuilt: ["file", "http", "stdin", "start", "parallelism", "filter", "decryption", "description"])
      guard let eventTime else { continue }
      var definition = SourceDefinition(
        name: pair.name, kafka: kafka, format: format, schema: schema, eventTime: eventTime,
        latenessMilliseconds: watermark?.lateness ?? 0,
        idleTimeoutMilliseconds: watermark?.idleTimeout, errorAction: onError?.action ?? .skip)
      definition.computedFields = computedFields
      definition.computedTypes = computedTypes
      definition.lateOutput = lateOutput
      definition.deadLetterOutput = onError?.output
      definition.deduplication = deduplication
      if let kafka { checkGroup(kafka, of: definition, source) }
      sources.append(definition)
    }
  }

  /// Names that Freshet sets itself, and what to write instead.
  private static let ownProperties = [
    "bootstrap.servers": "write 'brokers'", "metadata.broker.list": "write 'brokers'", "group.id": "write 'group'",
    "enable.auto.commit": "offsets follow the checkpoints", "enable.auto.offset.store": "offsets follow the checkpoints",
    "auto.offset.reset": "where there is no checkpoint, reading begins at the start",
  ]

  private func readKafka(_ reader: MappingReader) -> KafkaSourceDefinition? {
    let brokers = reader.required("brokers").flatMap { values.string($0, reader.what("brokers")) }
    let topic = reader.required("topic").flatMap { values.topic($0, reader.what("topic")) }
    let group = reader.required("group").flatMap { values.string($0, reader.what("group")) }
    let keyNode = reader.node("key")
    let key = keyNode.flatMap { topicKey($0, reader.what("key")) }
    var properties: [(name: String, value: String)] = []
    var ignoring: [String] = []
    for pair in reader.pairs where !["brokers", "topic", "group", "key"].contains(pair.name) {
      // Every name with a dot is librdkafka's to know; of the few without one, those that look like ours are typing errors.
      guard pair.name.contains(".") || Suggestion.nearest(to: pair.name, among: ["brokers", "topic", "group"]) == nil else {
        continue
      }
      ignoring.append(pair.name)
      if let instead = Self.ownProperties[pair.name] {
        diagnostics.error("wrong-value", at: pair.key.location, "\(reader.what(pair.name)) is set by Freshet; \(instead)")
      } else if let value = pair.value.scalarText {
        properties.append((pair.name, value))
      } else {
        values.mismatch(pair.value, reader.what(pair.name), expected: "a text or a number")
      }
    }
    reader.finish(ignoring: ignoring)
    guard let brokers, let topic, let group else { return nil }
    var definition = KafkaSourceDefinition(brokers: brokers, topic: topic, group: group, properties: properties)
    definition.key = key ?? .unknown
    return definition
  }

  /// What the records of a topic are keyed by: a field, or `none`.
  private func topicKey(_ node: ConfigurationNode, _ what: String) -> TopicKey? {
    node.scalarText == "none" ? TopicKey.none : path(node, what).map { .field($0) }
  }

  /// A key that the pipeline names has to be in the schema, where there is one.
  private func checkTopicKey(_ source: MappingReader, _ kafka: KafkaSourceDefinition?, _ schema: EventSchema?) {
    guard case .field(let path)? = kafka?.key, let schema,
      let node = source.pairs.first(where: { $0.name == "kafka" })?.value, case .mapping(let pairs) = node.content,
      let key = pairs.first(where: { $0.key.scalarText == "key" })
    else { return }
    _ = checkField(path, in: schema, at: key.value.location, "'key' of \(source.what("kafka"))")
  }

  private func readSchema(_ node: ConfigurationNode, _ what: String) -> EventSchema? {
    guard let name = values.string(node, what) else { return nil }
    let path = ResourcePath.resolve(name, in: directory)
    let findings = Diagnostics(file: path)
    do {
      let schema = try SchemaReader.read(path: path, loader: loader, diagnostics: findings)
      diagnostics.merge(findings)
      return schema
    } catch {
      diagnostics.error("missing-file", at: node.location, "\(what): \(error.message)")
      return nil
    }
  }

  private func readWatermark(_ reader: MappingReader) -> (lateness: Int64, idleTimeout: Int64?) {
    let lateness = reader.duration("lateness", min: 0) ?? 0
    let idleTimeout = reader.duration("idle_timeout")
    reader.finish(notBuilt: ["alignment", "max_drift", "strategy"])
    return (lateness, idleTimeout)
  }

  // MARK: - Event time

  private func readEventTime(
    _ reader: MappingReader, _ sourceFormat: SourceFormat, _ schema: EventSchema?
  ) -> EventTimeSettings? {
    let fieldNode = reader.node("field")
    let path = fieldNode.flatMap { self.path($0, reader.what("field")) }
    let formatNode = reader.node("format")
    let format = formatNode.map {
      values.oneOf($0, reader.what("format"), EventTimeSettings.Format.self, notBuilt: ["epoch_us", "epoch_ns"])
    }
    if format == .record {
      if fieldNode != nil {
        diagnostics.error(
          "wrong-value", at: reader.keyLocation("field"),
          "\(reader.what("field")): the format 'record' takes Kafka's timestamp, no field")
      }
      reader.finish(notBuilt: ["timezone", "unit", "fallback"])
      return EventTimeSettings(path: nil, format: .record)
    }
    if fieldNode == nil { reader.reportMissing("field") }
    reader.finish(notBuilt: ["timezone", "unit", "fallback"])
    // A format that could not be read has its finding.
    guard let path, let fieldNode, let format = format ?? timeFormat(of: path, sourceFormat) else { return nil }
    checkTime(path, format, sourceFormat, at: formatNode?.location ?? fieldNode.location, reader)
    if let schema, checkField(path, in: schema, at: fieldNode.location, reader.what("field")) {
      checkFormat(format, of: path, in: schema, at: formatNode?.location ?? fieldNode.location, reader)
    }
    return EventTimeSettings(path: path, format: format)
  }

  private func checkFormat(
    _ format: EventTimeSettings.Format, of path: FieldPath, in schema: EventSchema, at location: SourceLocation,
    _ reader: MappingReader
  ) {
    for event in schema.events {
      guard case .time(_, let written)? = event.generator(at: path.components) else { continue }
      let expected: EventTimeSettings.Format
      switch written {
      case .rfc3339Milliseconds, .rfc3339Seconds: expected = .rfc3339
      case .epochMilliseconds: expected = .epochMilliseconds
      case .epochSeconds: expected = .epochSeconds
      case .epochMicroseconds, .pattern:
        diagnostics.error(
          "wrong-value", at: location,
          "\(reader.what("field")): schema '\(schema.name)' writes '\(path)' as \(written.name), which an event time cannot be; expected rfc3339, epoch_ms or epoch_s"
        )
        return
      }
      guard expected != format else { continue }
      diagnostics.error(
        "wrong-value", at: location,
        "\(reader.what("format")): schema '\(schema.name)' writes '\(path)' as \(written.name), found '\(format.rawValue)'; did you mean '\(expected.rawValue)'?"
      )
      return
    }
  }
}
