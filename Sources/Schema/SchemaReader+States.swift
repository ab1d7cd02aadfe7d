// States of a session: what each emits, binds, how long it takes and what follows.

import Configuration

extension SchemaReader {
  func readState(_ name: String, _ key: ConfigurationNode, _ node: ConfigurationNode) -> StateDraft? {
    values.checkName(name, "the name of a state", at: key.location)
    if name == "exit" {
      diagnostics.error("wrong-value", at: key.location, "a state cannot be called 'exit', which means the end of the session")
    }
    guard let reader = MappingReader(node, "state '\(name)'", values) else { return nil }
    let eventNode = reader.required("emit")
    let event = eventNode.flatMap { values.string($0, reader.what("emit")) }
    if let event, let eventNode { checkEmitted(event, eventNode, reader.what("emit")) }
    let think = reader.node("think").flatMap { values.distribution($0, reader.what("think"), of: .duration) } ?? Self.defaultThink
    let binds = reader.mapping("bind").map(readBinds) ?? []
    let nextNode = reader.required("next")
    let next = nextNode.map { values.weights($0, reader.what("next")) } ?? []
    reader.finish()
    return StateDraft(
      name: name, location: key.location, event: event, eventLocation: eventNode?.location ?? key.location, think: think,
      binds: binds,
      next: next)
  }

  private func checkEmitted(_ event: String, _ node: ConfigurationNode, _ what: String) {
    if !eventNames.contains(event) {
      unknown(node, what, "no event '\(event)'", event, eventNames.filter { !$0.hasPrefix("_") })
    } else if event.hasPrefix("_") {
      diagnostics.error("wrong-value", at: node.location, "\(what): '\(event)' is only a base, as its name begins with '_'")
    }
  }

  private func readBinds(_ reader: MappingReader) -> [(binding: Int, pick: RowPick)] {
    reader.pairs.compactMap { pair in
      values.checkName(pair.name, "a name that is bound", at: pair.key.location)
      let fixed = ["session": "the session"].merging(
        [(actor, "the actor"), (device, "the actor's device")].compactMap { entity, meaning in
          entity.map { (entities[$0].name, meaning) }
        },
        uniquingKeysWith: { first, _ in first })
      if let meaning = fixed[pair.name] {
        diagnostics.error("wrong-value", at: pair.key.location, "'\(pair.name)' always means \(meaning) and cannot be bound")
      }
      guard let inner = MappingReader(pair.value, reader.what(pair.name), values) else { return nil }
      let entity = readEntityReference(inner)
      let pick = inner.node("pick").flatMap { readPick($0, inner.what("pick"), of: entity) } ?? .uniform
      inner.finish()
      guard let entity else { return nil }
      pickedEntities.append((entity, inner.node("ref")?.location ?? inner.location, inner.what("ref")))
      if let index = bindings.firstIndex(where: { $0.name == pair.name }) {
        if bindings[index].entity != entity {
          diagnostics.error(
            "wrong-value", at: pair.key.location,
            "'\(pair.name)' is bound to '\(entities[entity].name)' here and to '\(entities[bindings[index].entity].name)' on line \(bindings[index].location.line)"
          )
        }
        return (index, pick)
      }
      bindings.append(BindingDraft(name: pair.name, entity: entity, location: pair.key.location))
      return (bindings.count - 1, pick)
    }
  }

  /// Every target has to be a state, or `exit` where sessions can end.
  func checkTargets(
    _ states: [StateDraft], _ initial: [(name: String, location: SourceLocation, weight: Double)], known: [String]
  ) {
    for state in states {
      for target in state.next where target.name != "exit" && !known.contains(target.name) {
        diagnostics.error(
          "unknown-reference", at: target.location,
          "'next' of state '\(state.name)': no state '\(target.name)'" + Suggestion.hint(for: target.name, among: known + ["exit"]))
      }
    }
    for target in initial where !known.contains(target.name) {
      diagnostics.error(
        "unknown-reference", at: target.location,
        target.name == "exit"
          ? "'initial' of 'sessions': a session cannot begin with 'exit'"
          : "'initial' of 'sessions': no state '\(target.name)'" + Suggestion.hint(for: target.name, among: known))
    }
  }
}
