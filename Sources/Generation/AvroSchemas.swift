// The Avro schema of each event, worked out from its fields: what a generator can give decides about the type, what can be absent or null
// makes it a union with null.

import Base
import Schema

/// The schema of one event's records.
public struct AvroEventSchema: Sendable, Equatable {
  /// Index into `EventSchema.events`.
  public var event: Int
  /// With the namespace: `clickstream.page`.
  public var recordName: String
  /// The schema as JSON, without what is not needed.
  public var text: String

  /// Under which a schema registry keeps it: the topic's value where a topic has one kind of record (TopicNameStrategy), else with the
  /// record's name behind the topic's (TopicRecordNameStrategy).
  public func subject(topic: String, isAlone: Bool) -> String { isAlone ? "\(topic)-value" : "\(topic)-\(recordName)" }
}

extension EventSchema {
  /// The schemas of the events whose output is in Avro, by index.
  public var avroSchemas: [AvroEventSchema] {
    let records = AvroRecords(self).records
    return events.indices.compactMap { index in
      records[index].map { AvroEventSchema(event: index, recordName: $0.fullName, text: $0.json) }
    }
  }
}

/// The records of a schema's events, nil for those in other formats.
struct AvroRecords {
  private let schema: EventSchema
  private var names = AvroNames()
  private(set) var records: [AvroRecord?] = []
  /// The stream whose record is looked at, and, while that reads a record of another stream, the other one.
  private var stream: StreamModel?
  private var recordContext: StreamModel?
  /// Fields that other streams read.
  private var referencedFields: Set<String> = []
  private var keyPath: [String]?

  init(_ schema: EventSchema) {
    self.schema = schema
    // Events have their own names; what is nested in them has to give way.
    let eventNames = schema.events.map { names.take($0.name) }
    for (index, event) in schema.events.enumerated() {
      guard schema.outputs[event.output].format == .avro else {
        records.append(nil)
        continue
      }
      stream = schema.streams.first { $0.event == index }
      keyPath = schema.outputs[event.output].keyPath
      referencedFields = stream.map { schema.fieldsReferenced(in: $0) } ?? []
      var record = record(event.fields, place: event.name, name: eventNames[index], path: [])
      record.namespace = AvroNames.valid(schema.name)
      records.append(record)
    }
  }

  private mutating func record(_ fields: [FieldDefinition], place: String, name: String, path: [String]?) -> AvroRecord {
    var fieldNames = AvroNames()
    let types = fields.map { field in
      AvroRecord.Field(
        name: fieldNames.take(field.name), original: field.name,
        type: type(of: field, place: AvroPlace.field(place, field.name), path: path.map { $0 + [field.name] }))
    }
    return AvroRecord(place: place, name: name, fields: types)
  }

  /// - Parameter path: nil for a field that is not the event's own or its objects'.
  private mutating func type(of field: FieldDefinition, place: String, path: [String]?) -> AvroType {
    var type: AvroType
    if let path, case .object(let inner) = field.generator {
      type = AvroType(.record(record(inner, place: place, name: names.take(Self.name(of: place)), path: path)))
    } else if path?.count == 1, stream != nil, referencedFields.contains(field.name) {
      type = owned(field, place)
    } else {
      type = self.type(of: field.generator, place)
    }
    if field.optional > 0 || field.nullable > 0 || field.condition != nil || path.map(mayBeMissing) ?? false {
      type.formUnion(AvroType(.null))
    }
    return type
  }

  /// Whether a fault can take the field away.
  private func mayBeMissing(_ path: [String]) -> Bool {
    guard let fault = schema.faults.missing else { return false }
    return fault.paths.isEmpty ? !(keyPath?.starts(with: path) ?? false) : fault.paths.contains(path)
  }

  /// The value of a field of a row or of another record, which is null where it is left out.
  private mutating func owned(_ field: FieldDefinition, _ place: String) -> AvroType {
    let type = type(of: field.generator, place)
    return field.optional > 0 || field.nullable > 0 ? type.union(AvroType(.null)) : type
  }

  private mutating func type(of generator: FieldGenerator, _ place: String) -> AvroType {
    switch generator {
    case .const(let scalar): return Self.type(of: scalar)
    case .choice(let scalars, _): return scalars.reduce(.nothing) { $0.union(Self.type(of: $1)) }
    case .uuid: return AvroType(.string(isUUID: true))
    case .integer: return AvroType(.long(.number))
    case .number(let settings): return settings.decimals == 0 ? AvroType(.long(.number)) : AvroType(.double)
    case .bool: return AvroType(.boolean)
    case .sequence(let settings): return settings.text == nil ? AvroType(.long(.number)) : .text
    case .time(_, let format): return Self.type(of: format)
    case .text: return .text
    case .object(let fields):
      return AvroType(.record(record(fields, place: place, name: names.take(Self.name(of: place)), path: nil)))
    case .array(let item, _): return AvroType(.array(type(of: item, AvroPlace.items(place))))
    case .list(let items):
      var type = AvroType.nothing
      for (index, item) in items.enumerated() { type.formUnion(self.type(of: item, AvroPlace.item(place, index))) }
      return AvroType(.array(type))
    case .map(_, let values, _): return AvroType(.map(type(of: values, AvroPlace.values(place))))
    case .oneOf(let ways):
      var type = AvroType.nothing
      for (index, way) in ways.enumerated() { type.formUnion(self.type(of: way.generator, AvroPlace.way(place, index))) }
      return type
    case .from(let field): return from(field, place)
    case .reference(let entity, let field, _): return owned(schema.entities[entity].fields[field], place)
    }
  }

  private mutating func from(_ field: BoundField, _ place: String) -> AvroType {
    switch field {
    case .sessionIdentifier: return AvroType(.string(isUUID: true))
    case .session(let fact): return AvroType(fact == .isBot || fact == .isIdentified ? .boolean : .long(.number))
    case .change(let fact): return fact == .version ? AvroType(.long(.number)) : .text
    case .actor(let field): return schema.sessions.map { owned(schema.entities[$0.actor].fields[field], place) } ?? .nothing
    case .device(let field): return schema.sessions?.device.map { owned(schema.entities[$0].fields[field], place) } ?? .nothing
    case .binding(let binding, let field):
      guard let stream = recordContext ?? stream else {
        return schema.sessions.map { owned(schema.entities[$0.bindings[binding].entity].fields[field], place) } ?? .nothing
      }
      guard case .entity(let entity, _) = stream.bindings[binding].target else { return .nothing }
      return owned(schema.entities[entity].fields[field], place)
    case .record(let binding, let field):
      guard let stream, case .stream(let other, _) = stream.bindings[binding].target else { return .nothing }
      let outer = recordContext
      recordContext = schema.streams[other]
      defer { recordContext = outer }
      return owned(schema.events[schema.streams[other].event].fields[field], place)
    case .changed(let field):
      guard let stream, case .changes(let changes) = stream.content else { return .nothing }
      return owned(schema.entities[changes.entity].fields[field], place)
    }
  }

  private static func type(of scalar: Scalar) -> AvroType {
    switch scalar {
    case .null: AvroType(.null)
    case .bool: AvroType(.boolean)
    case .integer: AvroType(.long(.number))
    // What JSON can only say as null.
    case .double(let value): AvroType(value.isFinite ? .double : .null)
    case .string: .text
    }
  }

  private static func type(of format: TimeFormat) -> AvroType {
    switch format {
    case .rfc3339Milliseconds, .rfc3339Seconds, .epochMilliseconds: AvroType(.long(.milliseconds))
    case .epochSeconds: AvroType(.long(.number))
    case .epochMicroseconds: AvroType(.long(.microseconds))
    case .pattern: .text
    }
  }

  private static func name(of place: String) -> String { place.replacing(".", with: "_") }
}
