// Incidents: what happens to everybody for a while. They are read last, as they speak of actors, bindings and whole events.

import Base
import Configuration

extension SchemaReader {
  private static let incidentNames = ["flash_crowd", "bot_swarm", "hot_product", "outage", "schema_change"]

  /// The list of incidents. `definitions` are the events of the schema: those of sessions first, then one for each stream. What a changed event
  /// reads is added to the reads of its draft, so that the walk through the states checks it too.
  func readIncidents(
    _ node: ConfigurationNode, _ definitions: [EventDefinition], _ drafts: inout [EventDraft], keys: [[String]?]
  ) -> [Incident] {
    guard let items = values.list(node, "'incidents'") else { return [] }
    return items.compactMap { item in
      guard let outer = MappingReader(item, "an item in 'incidents'", values) else { return nil }
      let present = Self.incidentNames.filter { outer.node($0) != nil }
      outer.finish()
      guard present.count == 1, let reader = outer.mapping(present[0], as: "'\(present[0])'") else {
        if present.count > 1 || outer.pairs.isEmpty {
          values.mismatch(
            item, "an item in 'incidents'",
            expected: "one of \(Self.incidentNames.joined(separator: ", "))", code: "wrong-value",
            hint: present.count > 1 ? " of \(present.joined(separator: " and "))" : "")
        }
        return nil
      }
      let start = reader.required("at").flatMap { incidentStart($0, reader.what("at")) }
      let length = reader.node("for").flatMap { values.parameter($0, reader.what("for"), of: .duration, above: 0) }
      let kind: Incident.Kind?
      if present[0] != "schema_change", actor == nil {
        // Sessions that could not be read have their findings.
        if streams.isEmpty == false, identifierField == nil {
          diagnostics.error(
            "wrong-value", at: outer.keyLocation(present[0]), "'\(present[0])' happens to sessions, which this file has not")
        }
        kind = nil
      } else {
        switch present[0] {
        case "flash_crowd": kind = flashCrowd(reader)
        case "bot_swarm": kind = botSwarm(reader)
        case "hot_product": kind = hotRow(reader)
        case "outage": kind = outage(reader)
        default: kind = schemaChange(reader, definitions, &drafts, keys: keys)
        }
        reader.finish()
      }
      guard let start, let kind, length != nil || !reader.has("for") else { return nil }
      return Incident(start: start, lengthMilliseconds: length.map { Int64($0.rounded(.up)) }, kind: kind)
    }
  }

  /// A duration from the start on, or a time.
  private func incidentStart(_ node: ConfigurationNode, _ what: String) -> Incident.Start? {
    if let text = node.scalarText, let time = TimeText.milliseconds(fromRFC3339: text) { return .at(milliseconds: time) }
    guard let text = node.scalarText, Units.durationMilliseconds(text) != nil else {
      let isNumber = node.scalarText.flatMap(ScalarMeaning.decimal) != nil
      values.mismatch(
        node, what, expected: "a duration from the start on, like 10m, or a time like 2026-01-01T00:00:00Z", code: "wrong-unit",
        hint: isNumber ? ", which has no unit; did you mean '\(node.scalarText ?? "")s'?" : "")
      return nil
    }
    return values.parameter(node, what, of: .duration).map { .after(milliseconds: Int64($0.rounded())) }
  }

  // MARK: - One by one

  private func flashCrowd(_ reader: MappingReader) -> Incident.Kind? {
    reader.required("arrivals").flatMap {
      values.number($0, reader.what("arrivals"), expected: "a factor above 0, at most 10000") { $0 > 0 && $0 <= 10_000 }
    }.map { .flashCrowd(factor: $0) }
  }

  private func botSwarm(_ reader: MappingReader) -> Incident.Kind? {
    let arrivals = reader.required("arrivals").flatMap { rate($0, reader.what("arrivals")) }
    let think = reader.required("think").flatMap { values.distribution($0, reader.what("think"), of: .duration) }
    let actors = reader.required("actors").flatMap { readActorCount($0, reader.what("actors")) }
    guard let arrivals, let think, let actors else { return nil }
    return .botSwarm(arrivalsPerSecond: arrivals, think: think, actorCount: actors)
  }

  private func hotRow(_ reader: MappingReader) -> Incident.Kind? {
    var binding: Int?
    if let node = reader.required("bind"), let name = values.string(node, reader.what("bind")) {
      binding = bindings.firstIndex { $0.name == name }
      if binding == nil { unknown(node, reader.what("bind"), "no state binds '\(name)'", name, bindings.map(\.name)) }
    }
    let share = reader.required("share").flatMap { values.share($0, reader.what("share")) }
    let count = binding.map { entities[bindings[$0].entity].definition.count } ?? Int(Self.entityCountMax)
    let row = reader.required("row").flatMap { values.integer($0, reader.what("row"), in: 0...Int64(max(1, count) - 1)) }
    guard let binding, let share, let row else { return nil }
    return .hotRow(binding: binding, row: Int(row), share: share)
  }

  /// `where: { user.country: DE }`: the field is a choice or a constant, so that it is known which values there are.
  private func outage(_ reader: MappingReader) -> Incident.Kind? {
    guard reader.required("where") != nil, let condition = reader.mapping("where"), let actor else { return nil }
    let what = reader.what("where")
    guard condition.pairs.count == 1, let pair = condition.pairs.first else {
      diagnostics.error(
        "wrong-value", at: condition.location,
        "\(what): expected one field of the actor and its value, as in { \(entities[actor].name).country: DE }, found \(condition.pairs.count)"
      )
      return nil
    }
    let parts = pair.name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, parts[0] == entities[actor].name else {
      unknown(
        pair.key, what, "'\(pair.name)' is no field of the actor", pair.name,
        entities[actor].fieldNames.map { "\(entities[actor].name).\($0)" })
      return nil
    }
    guard let field = entities[actor].fieldNames.firstIndex(of: parts[1]) else {
      unknown(pair.key, what, "no field '\(parts[1])' in entity '\(parts[0])'", parts[1], entities[actor].fieldNames)
      return nil
    }
    guard let value = values.meaning(pair.value, condition.what(pair.name)).map(Scalar.init) else { return nil }
    let options: [Scalar]
    switch entities[actor].definition.fields[field].generator {
    case .choice(let values, _): options = values
    case .const(let value): options = [value]
    default:
      diagnostics.error(
        "wrong-value", at: pair.key.location,
        "\(what): '\(pair.name)' is made by neither 'choice' nor 'const', so its values are not known")
      return nil
    }
    guard options.isEmpty || options.contains(value) else {
      let names = options.compactMap { if case .string(let text) = $0 { text } else { nil } }
      unknown(
        pair.value, condition.what(pair.name), "the field never is '\(pair.value.scalarText ?? "")'", pair.value.scalarText ?? "",
        names)
      return nil
    }
    return .outage(field: field, value: value)
  }
}
