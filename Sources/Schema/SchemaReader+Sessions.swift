// Sessions: who acts, how often they begin, and the states they walk through. States are read with the names they use; `SessionGraph`
// checks the walk once everything is known, and `SessionDraft.model` turns the names into indices.

import Configuration

/// A name that states bind rows to.
struct BindingDraft {
  var name: String
  var entity: Int
  var location: SourceLocation
}

/// A state while the schema is read.
struct StateDraft {
  var name: String
  var location: SourceLocation
  /// The event it emits, nil where that could not be read.
  var event: String?
  var eventLocation: SourceLocation
  var think: Distribution
  var binds: [(binding: Int, pick: RowPick)]
  /// Names of states or `exit`, with weights that may be 0.
  var next: [(name: String, location: SourceLocation, weight: Double)]
}

/// The sessions while the schema is read.
struct SessionDraft {
  var actorPick: RowPick
  var arrivalsPerSecond: Double
  var profile: Profile?
  var identifierField: String
  var identifierVersion: UUIDVersion
  var timeoutMilliseconds: Int64?
  var states: [StateDraft]
  var initial: [(name: String, location: SourceLocation, weight: Double)]

  /// The model for a sound draft, given its actor and its bindings; nil where a name resolves to nothing.
  func model(events: [EventDraft]) -> ((Int, [SessionModel.Binding]) -> SessionModel)? {
    let eventIndices = Dictionary(
      events.filter { !$0.isBase }.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    let stateIndices = Dictionary(states.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    var models: [SessionModel.State] = []
    for state in states {
      guard let event = state.event.flatMap({ eventIndices[$0] }) else { return nil }
      let next = state.next.filter { $0.weight > 0 }.map { (state: stateIndices[$0.name], weight: $0.weight) }
      models.append(SessionModel.State(name: state.name, event: event, think: state.think, binds: state.binds, next: next))
    }
    let starts = initial.filter { $0.weight > 0 }.compactMap { start in
      stateIndices[start.name].map { (state: $0, weight: start.weight) }
    }
    let copy = self
    return { actor, bindings in
      SessionModel(
        actor: actor, actorPick: copy.actorPick, arrivalsPerSecond: copy.arrivalsPerSecond,
        profiles: copy.profile.map { [$0] } ?? [],
        identifierField: copy.identifierField, identifierVersion: copy.identifierVersion,
        timeoutMilliseconds: copy.timeoutMilliseconds, bindings: bindings, states: models, initial: starts)
    }
  }
}

extension SchemaReader {
  static let defaultThink = Distribution.lognormal(median: 1000, sigma: 0.5)

  func readSessions(_ reader: MappingReader) -> SessionDraft? {
    var actorPick = RowPick.uniform
    if reader.required("actor") != nil, let actorReader = reader.mapping("actor") {
      actor = readEntityReference(actorReader)
      if let node = actorReader.node("pick") { actorPick = values.pick(node, actorReader.what("pick")) ?? .uniform }
      actorReader.finish(notBuilt: ["weights", "where"])
      if let actor, entities[actor].name == "session" {
        diagnostics.error(
          "wrong-value", at: actorReader.location, "an actor cannot be called 'session', which means the session itself")
      }
    }
    var arrivals: (rate: Double, profile: Profile?)?
    if reader.required("arrival") != nil { arrivals = reader.mapping("arrival").map(readArrival) }
    var identifier: (field: String, version: UUIDVersion) = ("session_id", .v7)
    if let idReader = reader.mapping("id") {
      identifier.field = idReader.node("field").flatMap { values.identifier($0, idReader.what("field")) } ?? "session_id"
      identifier.version = idReader.oneOf("uuid", UUIDVersion.self) ?? .v7
      idReader.finish(notBuilt: ["sequence", "pattern"])
    }
    identifierField = identifier.field
    let timeout = reader.duration("timeout")
    let statesReader = reader.names("states")
    let initialNode = reader.required("initial")
    reader.finish(notBuilt: ["concurrency", "devices", "transitions", "max_events", "identify", "anonymous", "count", "rate"])
    let initial = initialNode.map { values.weights($0, reader.what("initial")) } ?? []
    guard let statesReader else { return nil }
    let states = statesReader.pairs.compactMap { readState($0.name, $0.key, $0.value) }
    checkTargets(states, initial, known: statesReader.pairs.map(\.name))
    return SessionDraft(
      actorPick: actorPick, arrivalsPerSecond: arrivals?.rate ?? 1, profile: arrivals?.profile, identifierField: identifier.field,
      identifierVersion: identifier.version, timeoutMilliseconds: timeout, states: states, initial: initial)
  }

  /// The entity that `ref` names.
  private func readEntityReference(_ reader: MappingReader) -> Int? {
    guard let node = reader.required("ref"), let name = values.string(node, reader.what("ref")) else { return nil }
    if let entity = entities.firstIndex(where: { $0.name == name }) { return entity }
    let entityPart = name.split(separator: ".").first.map(String.init) ?? name
    if entityPart != name, entities.contains(where: { $0.name == entityPart }) {
      diagnostics.error(
        "unknown-reference", at: node.location,
        "\(reader.what("ref")): expected a whole entity, found '\(name)'; did you mean '\(entityPart)'?")
    } else {
      unknown(node, reader.what("ref"), "no entity '\(name)'", name, entities.map(\.name))
    }
    return nil
  }

  // MARK: - Arrival

  private func readArrival(_ reader: MappingReader) -> (rate: Double, profile: Profile?) {
    let rate = reader.required("poisson").flatMap { values.rate($0, reader.what("poisson")) }
    let profile = reader.mapping("profile").flatMap(readProfile)
    reader.finish(notBuilt: ["constant", "uniform", "burst", "closed", "replay", "weekday"])
    return (rate ?? 1, profile)
  }

  private func readProfile(_ reader: MappingReader) -> Profile? {
    let period = reader.required("period").flatMap { values.duration($0, reader.what("period")) }
    let pointsReader = reader.required("points").flatMap { MappingReader($0, reader.what("points"), values) }
    reader.finish(notBuilt: ["interpolation", "timezone"])
    guard let pointsReader else { return nil }
    var points: [Profile.Point] = []
    for pair in pointsReader.pairs {
      let factor = values.number(pair.value, pointsReader.what(pair.name), expected: "a factor of at least 0") { $0 >= 0 } ?? 1
      guard let time = Self.timeOfPeriod(pair.name) else {
        diagnostics.error(
          "wrong-unit", at: pair.key.location,
          "a point of \(reader.subject ?? ""): expected a time like \"09:00\" or a duration like 6h, found '\(pair.name)'")
        continue
      }
      if case .scalar(let scalar) = pair.key.content {
        values.warnOfTrap(scalar, at: pair.key.location, "a point of \(reader.subject ?? "")")
      }
      if let period, time >= period {
        diagnostics.error(
          "wrong-value", at: pair.key.location, "a point of \(reader.subject ?? ""): '\(pair.name)' lies outside the period")
      } else if let last = points.last, time <= last.atMilliseconds {
        diagnostics.error(
          "wrong-value", at: pair.key.location,
          "a point of \(reader.subject ?? ""): '\(pair.name)' does not lie after the one before it")
      }
      points.append(Profile.Point(atMilliseconds: time, factor: factor))
    }
    if pointsReader.pairs.isEmpty || !points.isEmpty && points.allSatisfy({ $0.factor == 0 }) {
      diagnostics.error(
        "wrong-value", at: pointsReader.location, "\(reader.what("points")): expected at least one point with a factor above 0")
    }
    return period.map { Profile(periodMilliseconds: $0, points: points) }
  }

  /// Milliseconds of `09:00`, `09:00:30` or `6h`.
  static func timeOfPeriod(_ text: String) -> Int64? {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count > 1 else { return text == "0" ? 0 : Units.wholeMilliseconds(text) }
    guard parts.count <= 3, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }) else {
      return nil
    }
    let numbers = parts.compactMap { Int64($0) }
    guard numbers.dropFirst().allSatisfy({ $0 < 60 }) else { return nil }
    return numbers[0] * 3_600_000 + numbers[1] * 60_000 + (numbers.count > 2 ? numbers[2] * 1000 : 0)
  }

  // MARK: - States

  private func readState(_ name: String, _ key: ConfigurationNode, _ node: ConfigurationNode) -> StateDraft? {
    values.checkName(name, "the name of a state", at: key.location)
    if name == "exit" {
      diagnostics.error("wrong-value", at: key.location, "a state cannot be called 'exit', which means the end of the session")
    }
    guard let reader = MappingReader(node, "state '\(name)'", values) else { return nil }
    let eventNode = reader.required("emit")
    let event = eventNode.flatMap { values.string($0, reader.what("emit")) }
    if let event, let eventNode { checkEmitted(event, eventNode, reader.what("emit")) }
    let think = reader.node("think").flatMap { readThink($0, reader.what("think")) } ?? Self.defaultThink
    let binds = reader.mapping("bind").map(readBinds) ?? []
    let nextNode = reader.required("next")
    let next = nextNode.map { values.weights($0, reader.what("next")) } ?? []
    reader.finish(notBuilt: ["set", "unbind", "clear", "when", "repeat", "count", "after", "timeout", "probability", "faults"])
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

  /// `3s`, or a distribution of durations.
  private func readThink(_ node: ConfigurationNode, _ what: String) -> Distribution? {
    guard case .mapping = node.content else { return values.fractionalDuration(node, what).map { .constant($0) } }
    guard let reader = MappingReader(node, what, values) else { return nil }
    let present = ValueReader.distributionNames.filter { reader.node($0) != nil }
    reader.finish(notBuilt: ["normal", "gamma", "weibull", "pareto", "clamp", "max"])
    guard present.count == 1, let parameters = reader.node(present[0]) else {
      if present.count > 1 || reader.pairs.isEmpty {
        values.mismatch(
          node, what, expected: "one of \(ValueReader.distributionNames.joined(separator: ", "))", code: "wrong-value")
      }
      return nil
    }
    return values.distribution(present[0], parameters, reader.what(present[0]), of: .duration)
  }

  private func readBinds(_ reader: MappingReader) -> [(binding: Int, pick: RowPick)] {
    reader.pairs.compactMap { pair in
      values.checkName(pair.name, "a name that is bound", at: pair.key.location)
      if pair.name == "session" || actor.map({ entities[$0].name == pair.name }) ?? false {
        diagnostics.error(
          "wrong-value", at: pair.key.location,
          "'\(pair.name)' always means \(pair.name == "session" ? "the session" : "the actor") and cannot be bound")
      }
      guard let inner = MappingReader(pair.value, reader.what(pair.name), values) else { return nil }
      let entity = readEntityReference(inner)
      let pick = inner.node("pick").flatMap { values.pick($0, inner.what("pick")) } ?? .uniform
      inner.finish(notBuilt: ["where", "same", "from", "count"])
      guard let entity else { return nil }
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
  private func checkTargets(
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
