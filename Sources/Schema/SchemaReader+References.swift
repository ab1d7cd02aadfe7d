// What a field takes from elsewhere: `from` a row that is bound, `ref` to a row that is drawn for it.

import Configuration

extension SchemaReader {
  /// What the generators of an owner's fields refer to.
  func kinds(of generator: FieldGenerator, _ owner: FieldOwner) -> Set<GeneratedKind> {
    generatedKinds(owner).kinds(of: generator)
  }

  func generatedKinds(_ owner: FieldOwner) -> GeneratedKinds {
    let definitions = entities.map(\.definition)
    guard case .stream(let index) = owner else {
      return GeneratedKinds(entities: definitions, actor: actor, bindings: bindings.map(\.entity), device: device)
    }
    let stream = streams[index]
    return GeneratedKinds(
      entities: definitions, actor: nil, bindings: stream.bindings.map { $0.entity ?? -1 }, changed: stream.changes?.entity,
      records: stream.bindings.map { $0.stream.map { streams[$0].fieldKinds } })
  }

  // MARK: - From

  /// `user.country`, `session.session_id` or `current.price`.
  func from(_ node: ConfigurationNode, _ what: String, _ owner: FieldOwner) -> FieldGenerator? {
    guard let text = values.string(node, what) else { return nil }
    return from(text, node, what, owner)
  }

  /// The same for a text that stands in `node`.
  func from(_ text: String, _ node: ConfigurationNode, _ what: String, _ owner: FieldOwner) -> FieldGenerator? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if case .entity = owner {
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(what): the rows of an entity are bound to nothing, so '\(text)' cannot be read here; { ref: ... } draws a row of another entity"
      )
      return nil
    }
    guard parts.count == 2 else {
      values.mismatch(node, what, expected: "a path of two names, as in user.country", code: "wrong-value")
      return nil
    }
    if case .stream(let index) = owner { return from(parts[0], parts[1], stream: index, node, what) }
    return fromSession(parts[0], parts[1], node, what)
  }

  private func fromSession(_ scope: String, _ field: String, _ node: ConfigurationNode, _ what: String) -> FieldGenerator? {
    // Without sessions nothing can be said about what they bind.
    guard let actor, let identifierField else { return nil }
    if scope == "session" {
      if field == identifierField { return .from(.sessionIdentifier) }
      if let fact = SessionFact(rawValue: field) { return .from(.session(fact)) }
      let names = [identifierField] + SessionFact.allCases.map(\.rawValue)
      unknown(node, what, "a session has the fields \(names.joined(separator: ", ")) and no '\(field)'", field, names)
      return nil
    }
    if scope == entities[actor].name { return self.field(field, of: actor, node, what).map { .from(.actor(field: $0)) } }
    if let device, scope == entities[device].name {
      return self.field(field, of: device, node, what).map { .from(.device(field: $0)) }
    }
    if let binding = bindings.firstIndex(where: { $0.name == scope }) {
      guard let index = self.field(field, of: bindings[binding].entity, boundTo: scope, node, what) else { return nil }
      collectedReads.append(BindingRead(binding: binding, text: "\(scope).\(field)"))
      return .from(.binding(binding, field: index))
    }
    let scopes = [entities[actor].name, "session"] + (device.map { [entities[$0].name] } ?? []) + bindings.map(\.name)
    unknown(node, what, "'\(scope)' is neither the actor, nor 'session', nor bound by a state", scope, scopes)
    return nil
  }

  private func from(
    _ scope: String, _ field: String, stream index: Int, _ node: ConfigurationNode, _ what: String
  ) -> FieldGenerator? {
    let stream = streams[index]
    if scope == "row", let changes = stream.changes {
      guard let entity = changes.entity else { return nil }
      if let index = entities[entity].fieldNames.firstIndex(of: field) { return .from(.changed(field: index)) }
      if let fact = ChangeFact(rawValue: field) { return .from(.change(fact)) }
      let names = entities[entity].fieldNames + ChangeFact.allCases.map(\.rawValue)
      unknown(node, what, "no field '\(field)' in entity '\(entities[entity].name)', whose rows change", field, names)
      return nil
    }
    guard let binding = stream.bindings.firstIndex(where: { $0.name == scope }) else {
      let scopes = stream.bindings.map(\.name) + (stream.changes == nil ? [] : ["row"])
      if scope == "session" {
        diagnostics.error(
          "unknown-reference", at: node.location, "\(what): '\(scope)' belongs to sessions; the records of a stream have none")
      } else {
        // The thing's own name instead of the one that it is bound to.
        let meant = stream.bindings.first { binding in
          binding.entity.map { entities[$0].name == scope } ?? binding.stream.map { streams[$0].name == scope } ?? false
        }
        let hint = meant.map { "; did you mean '\($0.name).\(field)'?" } ?? Suggestion.hint(for: scope, among: scopes)
        diagnostics.error(
          "unknown-reference", at: node.location, "\(what): '\(scope)' is not bound by stream '\(stream.name)'\(hint)")
      }
      return nil
    }
    let bound = stream.bindings[binding]
    if let entity = bound.entity {
      return self.field(field, of: entity, boundTo: scope, node, what).map { .from(.binding(binding, field: $0)) }
    }
    // A binding that could not be read has its finding.
    guard let other = bound.stream else { return nil }
    guard let index = streams[other].fieldNames.firstIndex(of: field) else {
      unknown(
        node, what, "no field '\(field)' in stream '\(streams[other].name)', which '\(scope)' is bound to", field,
        streams[other].fieldNames)
      return nil
    }
    recordReads.append((other, index, node.location, what))
    return .from(.record(binding, field: index))
  }

  /// The index of a field of an entity.
  private func field(
    _ field: String, of entity: Int, boundTo scope: String? = nil, _ node: ConfigurationNode, _ what: String
  ) -> Int? {
    let names = entities[entity].fieldNames
    if let index = names.firstIndex(of: field) { return index }
    let bound = scope.map { ", which '\($0)' is bound to" } ?? ""
    unknown(node, what, "no field '\(field)' in entity '\(entities[entity].name)'\(bound)", field, names)
    return nil
  }

  // MARK: - References

  /// `product.category`, inside an entity.
  func reference(_ node: ConfigurationNode, _ reader: MappingReader, _ owner: FieldOwner) -> FieldGenerator? {
    let what = reader.what("ref")
    guard case .entity = owner else {
      var meant = "an event reads a row that a state binds, or its actor"
      if case .stream = owner { meant = "a record reads a row that its stream binds" }
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("ref"), "\(what): \(meant); write { from: ... } instead of { ref: ... }")
      return nil
    }
    guard let text = values.string(node, what) else { return nil }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2 else {
      values.mismatch(node, what, expected: "an entity and its field, as in product.category", code: "wrong-value")
      return nil
    }
    guard let entity = entities.firstIndex(where: { $0.name == parts[0] }) else {
      unknown(node, what, "no entity '\(parts[0])'", parts[0], entities.map(\.name))
      return nil
    }
    markUsed(entity)
    let pick = reader.node("pick").map { readPick($0, reader.what("pick"), of: entity) } ?? .uniform
    guard let field = entities[entity].fieldNames.firstIndex(of: parts[1]) else {
      unknown(node, what, "no field '\(parts[1])' in entity '\(parts[0])'", parts[1], entities[entity].fieldNames)
      return nil
    }
    guard let pick else { return nil }
    pickedEntities.append((entity, node.location, what))
    return .reference(entity: entity, field: field, pick: pick)
  }

  /// How rows of an entity are drawn. Counts are known only when all entities have been read, so a table of weights is compared with them last.
  func readPick(_ node: ConfigurationNode, _ what: String, of entity: Int?) -> RowPick? {
    guard let pick = values.pick(node, what) else { return nil }
    if let entity, case .weights(let weights) = pick.shape { weightTables.append((entity, weights.count, node.location, what)) }
    return pick
  }

  /// The entity that `ref` names.
  func readEntityReference(_ reader: MappingReader, hint: (String) -> String? = { _ in nil }) -> Int? {
    guard let node = reader.required("ref"), let name = values.string(node, reader.what("ref")) else { return nil }
    if let entity = entities.firstIndex(where: { $0.name == name }) {
      markUsed(entity)
      return entity
    }
    let entityPart = name.split(separator: ".").first.map(String.init) ?? name
    if entityPart != name, entities.contains(where: { $0.name == entityPart }) {
      diagnostics.error(
        "unknown-reference", at: node.location,
        "\(reader.what("ref")): expected a whole entity, found '\(name)'; did you mean '\(entityPart)'?")
    } else if let hint = hint(name) {
      diagnostics.error("unknown-reference", at: node.location, "\(reader.what("ref")): no entity '\(name)'; \(hint)")
    } else {
      unknown(node, reader.what("ref"), "no entity '\(name)'", name, entities.map(\.name))
    }
    return nil
  }

  func markUsed(_ entity: Int) { entities[entity].isUsed = true }

  /// Reports a reference to nothing.
  func unknown(_ node: ConfigurationNode, _ what: String, _ message: String, _ text: String, _ names: [String]) {
    diagnostics.error(
      "unknown-reference", at: node.location, "\(what): \(message)\(Suggestion.hint(for: text, among: names))")
  }
}
