// Values of rows and of other records: where they are found in the ticket, and from which random stream they are drawn.

import Base
import Schema

extension EventCompiler {
  mutating func from(_ field: BoundField, _ form: ValueForm) {
    switch field {
    case .sessionIdentifier:
      if case .avro(let type, _) = form { return avroIdentifier(.sessionIdentifier, .record, type) }
      quoted(form) { compiler, _ in compiler.emit(.sessionIdentifier, width: 36) }
    case .session(let fact): self.fact(RecordFact(fact), form)
    case .change(let fact): self.fact(RecordFact(fact), form)
    case .actor(let field):
      guard let sessions = schema.sessions else { return }
      rowField(entity: sessions.actor, field: field, row: layout.actor, form)
    case .device(let field):
      guard let device = schema.sessions?.device else { return }
      rowField(entity: device, field: field, row: layout.device, form)
    case .binding(let binding, let field):
      if let context = recordContext {
        guard case .entity(let entity, _) = context.stream.bindings[binding].target else { return }
        rowField(entity: entity, field: field, row: layout.streamBinding(context.base + binding), form)
      } else if let stream {
        guard case .entity(let entity, _) = stream.bindings[binding].target else { return }
        rowField(entity: entity, field: field, row: layout.streamBinding(binding), form)
      } else if let sessions = schema.sessions {
        rowField(entity: sessions.bindings[binding].entity, field: field, row: layout.binding(binding), form)
      }
    case .record(let binding, let field):
      guard let stream, case .stream(let other, _) = stream.bindings[binding].target else { return }
      let target = schema.streams[other]
      recordContext = (target, RowLayout.nestedBase(of: binding, stream, schema))
      recordField(schema.events[target.event].fields[field], of: target, row: layout.streamBinding(binding), form)
      recordContext = nil
    case .changed(let field):
      guard let stream, case .changes(let changes) = stream.content else { return }
      let isChanging = changes.changingFields.contains(field)
      rowField(entity: changes.entity, field: field, row: isChanging ? layout.changedVersion : layout.changedRow, form)
    }
  }

  private mutating func fact(_ fact: RecordFact, _ form: ValueForm) {
    if case .avro(let type, _) = form { return avroFact(fact, type) }
    if fact == .operation {
      quoted(form) { compiler, _ in compiler.emit(.fact, width: 8, small: fact.rawValue) }
    } else {
      emit(.fact, width: 20, small: fact.rawValue)
    }
  }

  /// A field of a row: its random state comes from the names and the number alone, so it is the same wherever it is read, and does not
  /// change when other fields come or go.
  mutating func rowField(entity: Int, field: Int, row: Int, _ form: ValueForm) {
    let definition = schema.entities[entity]
    owned(definition.fields[field], by: "\(definition.name).\(definition.fields[field].name)", row, form)
  }

  /// A field of a stream's record, by the record's number: what other streams refer to has to be found again.
  mutating func recordField(_ field: FieldDefinition, of stream: StreamModel, row: Int, _ form: ValueForm) {
    owned(field, by: "\u{0}\(stream.name).\(field.name)", row, form)
  }

  private mutating func owned(_ field: FieldDefinition, by name: String, _ row: Int, _ form: ValueForm) {
    let seed = Hash.mix(self.seed ^ 0x656e_7469_7479, GenerationSeeds.hash(name))
    let none = field.optional + (1 - field.optional) * field.nullable
    let owner = Owner(row: Int16(row), seed: seed)
    var nulls: [Int] = []
    if none > 0 {
      let decides = Owner(row: Int16(row), seed: Hash.mix(seed, 0x6e75_6c6c))
      nulls.append(emit(.chance, width: 0, owner: decides, parameter: Self.threshold(none)))
    }
    if field.generator.isOneDraw {
      value(field.generator, owner, form)
    } else {
      emit(.enterRow, width: 0, owner: owner)
      value(field.generator, Owner(row: -1, seed: 0, entered: Int16(row)), form)
      emit(.leaveRow, width: 0)
    }
    orElse(nulls) { $0.null(form) }
  }
}
