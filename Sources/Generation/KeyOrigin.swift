// Where the key of a source's records comes from, as far as the schema alone says it.

import Schema

public enum KeyOrigin: Sendable, Equatable {
  /// The key of a row of an entity: its place among a ticket's rows, and the entity.
  case row(index: Int, entity: Int)
  /// The session's identifier.
  case session
  /// Another one for each record.
  case record
  /// Of a record of another stream, an index into the schema's.
  case foreign(stream: Int)
  /// The same for all.
  case constant
  /// Drawn, or a field that several rows share.
  case drawn
  /// No key.
  case none

  /// Of the sessions' events: that of the first one, as all of them have the key.
  public init(ofSessionsIn schema: EventSchema) {
    guard let sessions = schema.sessions, let event = schema.events.first, let path = schema.outputs[0].keyPath else {
      self = .none
      return
    }
    guard let generator = Self.field(path, event.fields)?.generator else {
      self = .drawn
      return
    }
    let layout = RowLayout(schema)
    switch generator {
    case .from(.actor(let field)): self = Self.row(layout.actor, sessions.actor, field, schema)
    case .from(.device(let field)): self = sessions.device.map { Self.row(layout.device, $0, field, schema) } ?? .drawn
    case .from(.binding(let index, let field)):
      self = Self.row(layout.binding(index), sessions.bindings[index].entity, field, schema)
    case .from(.sessionIdentifier): self = .session
    default: self = Self.plain(generator)
    }
  }

  public init(of stream: StreamModel, in schema: EventSchema) {
    let event = schema.events[stream.event]
    guard let path = schema.outputs[event.output].keyPath else {
      self = .none
      return
    }
    guard let generator = Self.field(path, event.fields)?.generator else {
      self = .drawn
      return
    }
    let layout = RowLayout(schema)
    switch generator {
    case .from(.changed(let field)):
      guard case .changes(let changes) = stream.content else {
        self = .drawn
        return
      }
      self = Self.row(layout.changedRow, changes.entity, field, schema)
    case .from(.binding(let index, let field)):
      guard case .entity(let entity, _) = stream.bindings[index].target else {
        self = .drawn
        return
      }
      self = Self.row(layout.streamBinding(index), entity, field, schema)
    case .from(.record(let index, let field)):
      guard case .stream(let other, _) = stream.bindings[index].target else {
        self = .drawn
        return
      }
      let own = Self.plain(schema.events[schema.streams[other].event].fields[field].generator)
      self = own == .record ? .foreign(stream: other) : own
    default: self = Self.plain(generator)
    }
  }

  private static func row(_ index: Int, _ entity: Int, _ field: Int, _ schema: EventSchema) -> KeyOrigin {
    schema.entities[entity].keyField == field ? .row(index: index, entity: entity) : .drawn
  }

  private static func plain(_ generator: FieldGenerator) -> KeyOrigin {
    switch generator {
    case .uuid: .record
    case .sequence(let settings): settings.period == nil ? .record : .drawn
    case .const: .constant
    default: .drawn
    }
  }

  private static func field(_ path: [String], _ fields: [FieldDefinition]) -> FieldDefinition? {
    guard let name = path.first, let field = fields.first(where: { $0.name == name }) else { return nil }
    guard path.count > 1 else { return field }
    guard case .object(let inner) = field.generator else { return nil }
    return Self.field(Array(path.dropFirst()), inner)
  }
}
