// Records as JSON objects (RFC 8259) on a line, bare or as the data of a CloudEvent.

import Base
import Schema

extension EventCompiler {
  mutating func jsonRecord(_ event: EventDefinition) {
    object(event.fields, path: [])
    text("\n")
  }

  /// CloudEvents 1.0, "JSON Event Format": what the record says is `data`.
  mutating func cloudEvent(_ event: EventDefinition) {
    let prefix = JSONText.quoted(formats.encoding.eventIdentifierPrefix ?? String(seed)).dropLast()
    text("{\"specversion\":\"1.0\",\"id\":\(prefix)-")
    emit(.fact, width: 20, small: RecordFact.number.rawValue)
    text("\",\"source\":\(JSONText.quoted(CloudEvent.source(schemaName: schema.name)))")
    text(",\"type\":\(JSONText.quoted(CloudEvent.type(schemaName: schema.name, eventName: event.name)))")
    text(",\"time\":\"")
    emit(.timeText, width: 24)
    text("\",\"datacontenttype\":\"application/json\",\"data\":")
    emit(.dataStart, width: 0)
    object(event.fields, path: [])
    text("}\n")
  }

  /// Commas stand before a field where a field before it is always there, and after it otherwise.
  mutating func object(_ fields: [FieldDefinition], path: [String]) {
    text("{")
    let always = fields.firstIndex { $0.optional == 0 && fault(at: path + [$0.name]) != .missing }
    for (index, field) in fields.enumerated() {
      let comesAfter = always.map { index > $0 } ?? false
      let place = field.optional > 0 ? emit(.chance, width: 0, parameter: Self.threshold(field.optional)) : nil
      let fault = self.fault(at: path + [field.name])
      let name = (comesAfter ? "," : "") + JSONText.quoted(field.name) + ":"
      if fault != nil { emit(.skipBegin, width: 0) }
      text(name)
      keyed(path + [field.name]) { $0.jsonField(field, path: path) }
      let ending = always.map { index < $0 } ?? true ? "," : ""
      text(ending)
      if let fault {
        emit(.skipEnd, width: 0)
        if let keyPath, keyPath.starts(with: path + [field.name]) { emit(.noKey, width: 0) }
        if fault == .wrongType { text(name + wrongValue(at: path + [field.name]) + ending) }
      }
      if let place { land(place) }
    }
    if always == nil, !fields.isEmpty { emit(.trimComma, width: 0) }
    text("}")
  }

  private mutating func keyed(_ path: [String], _ body: (inout EventCompiler) -> Void) {
    guard keyPath == path else { return body(&self) }
    keyMayHaveEscapes = false
    emit(.keyStart, width: 0)
    body(&self)
    emit(.keyEnd, width: 0, small: keyMayHaveEscapes ? 1 : 0)
  }

  /// The value of a field, or null.
  private mutating func jsonField(_ field: FieldDefinition, path: [String]) {
    let nulls = presence(field)
    if case .object(let inner) = field.generator {
      object(inner, path: path + [field.name])
    } else {
      content(field, path: path + [field.name], .json)
    }
    orElse(nulls) { $0.text("null") }
  }

  /// What stands where something else was promised.
  func wrongValue(at path: [String]) -> String {
    // A field that only an incident brings has unknown kinds; most fields are texts.
    let kinds = schema.kinds(at: path) ?? [.string]
    if !kinds.contains(.string) { return "\"n/a\"" }
    if kinds.isDisjoint(with: [.integer, .double]) { return "-1" }
    return kinds.contains(.list) ? "{}" : "[]"
  }
}
