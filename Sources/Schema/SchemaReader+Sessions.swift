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
  var profiles: [Profile]
  var identifierVersion: UUIDVersion
  var timeoutMilliseconds: Int64?
  var identity: (anonymous: Double, login: [String])?
  var bots: SessionModel.Bots?
  var states: [StateDraft]
  var initial: [(name: String, location: SourceLocation, weight: Double)]

  /// The model for a sound draft; nil where a name resolves to nothing.
  func model(
    events: [EventDraft], actor: Int, device: Int?, identifierField: String, bindings: [BindingDraft]
  ) -> SessionModel? {
    let eventIndices = Dictionary(
      events.filter { !$0.isBase }.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    let stateIndices = Dictionary(states.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
    var models: [SessionModel.State] = []
    for state in states {
      guard let event = state.event.flatMap({ eventIndices[$0] }) else { return nil }
      let next = state.next.filter { $0.weight > 0 }.map { (state: stateIndices[$0.name], weight: $0.weight) }
      models.append(
        SessionModel.State(
          name: state.name, event: event, think: state.think, binds: state.binds, next: next,
          identifies: identity?.login.contains(state.name) ?? false))
    }
    let starts = initial.filter { $0.weight > 0 }.compactMap { start in
      stateIndices[start.name].map { (state: $0, weight: start.weight) }
    }
    return SessionModel(
      actor: actor, actorPick: actorPick, device: device, arrivalsPerSecond: arrivalsPerSecond, profiles: profiles,
      identifierField: identifierField, identifierVersion: identifierVersion, timeoutMilliseconds: timeoutMilliseconds,
      anonymousShare: identity?.anonymous ?? 0, bots: bots,
      bindings: bindings.map { SessionModel.Binding(name: $0.name, entity: $0.entity) }, states: models, initial: starts)
  }
}

extension SchemaReader {
  static let defaultThink = Distribution.lognormal(median: 1000, sigma: 0.5)

  /// `hasLoad`: whether a load takes the place of the arrivals.
  func readSessions(_ reader: MappingReader, hasLoad: Bool) -> SessionDraft? {
    let actorPick = readActor(reader)
    var arrivals: (rate: Double, profiles: [Profile])?
    if hasLoad || reader.required("arrival") != nil { arrivals = reader.mapping("arrival").map(readArrival) }
    let version = readIdentifier(reader)
    let timeout = reader.duration("timeout")
    let statesReader = reader.names("states")
    let initialNode = reader.required("initial")
    let stateNames = statesReader?.pairs.map(\.name) ?? []
    let identity = reader.mapping("identity").flatMap { readIdentity($0, stateNames) }
    let bots = reader.mapping("bots").flatMap(readBots)
    reader.finish()
    let initial = initialNode.map { values.weights($0, reader.what("initial")) } ?? []
    guard let statesReader else { return nil }
    let states = statesReader.pairs.compactMap { readState($0.name, $0.key, $0.value) }
    checkTargets(states, initial, known: stateNames)
    return SessionDraft(
      actorPick: actorPick, arrivalsPerSecond: arrivals?.rate ?? 1, profiles: arrivals?.profiles ?? [],
      identifierVersion: version, timeoutMilliseconds: timeout, identity: identity, bots: bots, states: states, initial: initial)
  }

  // MARK: - Who acts

  /// The actor and its device.
  private func readActor(_ reader: MappingReader) -> RowPick {
    var pick = RowPick.uniform
    if reader.required("actor") != nil, let actorReader = reader.mapping("actor") {
      actor = readEntityReference(actorReader)
      if let node = actorReader.node("pick") { pick = readPick(node, actorReader.what("pick"), of: actor) ?? .uniform }
      actorReader.finish()
      if let actor {
        pickedEntities.append((actor, actorReader.node("ref")?.location ?? actorReader.location, actorReader.what("ref")))
        if entities[actor].name == "session" {
          diagnostics.error(
            "wrong-value", at: actorReader.location, "an actor cannot be called 'session', which means the session itself")
        }
      }
    }
    guard let deviceReader = reader.mapping("device") else { return pick }
    let entity = readEntityReference(deviceReader)
    deviceReader.finish()
    guard let actor, let entity, let node = deviceReader.node("ref") else { return pick }
    guard entities[entity].definition.ownership?.owner == actor else {
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(deviceReader.what("ref")): '\(entities[entity].name)' does not belong to the actor; say 'of: \(entities[actor].name)' in the entity"
      )
      return pick
    }
    if entities[entity].definition.ownership?.least == 0 {
      diagnostics.error(
        "wrong-value", at: node.location,
        "\(deviceReader.what("ref")): some rows of '\(entities[actor].name)' have no '\(entities[entity].name)'; its 'count' has to begin at 1"
      )
    }
    device = entity
    return pick
  }

  private func readIdentifier(_ reader: MappingReader) -> UUIDVersion {
    identifierField = "session_id"
    guard let idReader = reader.mapping("id") else { return .v7 }
    if let node = idReader.node("field"), let field = values.identifier(node, idReader.what("field")) {
      identifierField = field
      if SessionFact(rawValue: field) != nil {
        diagnostics.error(
          "wrong-value", at: node.location, "\(idReader.what("field")): 'session.\(field)' means something else already")
      }
    }
    let version = idReader.oneOf("uuid", UUIDVersion.self) ?? .v7
    idReader.finish()
    return version
  }

  private func readIdentity(_ reader: MappingReader, _ states: [String]) -> (anonymous: Double, login: [String])? {
    let anonymous = reader.required("anonymous").flatMap { values.share($0, reader.what("anonymous")) }
    var login: [String] = []
    if let node = reader.node("login"), let items = values.list(node, reader.what("login"), min: 1) {
      for item in items {
        guard let name = values.string(item, "an item in \(reader.what("login"))") else { continue }
        if states.contains(name) {
          login.append(name)
        } else {
          unknown(item, "an item in \(reader.what("login"))", "no state '\(name)'", name, states)
        }
      }
    }
    reader.finish()
    return anonymous.map { ($0, login) }
  }

  private func readBots(_ reader: MappingReader) -> SessionModel.Bots? {
    let share = reader.required("share").flatMap { values.share($0, reader.what("share")) }
    let think = reader.required("think").flatMap { values.distribution($0, reader.what("think"), of: .duration) }
    let actors = reader.required("actors").flatMap { readActorCount($0, reader.what("actors")) }
    reader.finish()
    guard let share, let think, let actors else { return nil }
    return SessionModel.Bots(share: share, think: think, actorCount: actors)
  }

  /// How many of the actors: not more than there are.
  func readActorCount(_ node: ConfigurationNode, _ what: String) -> Int? {
    let most = actor.map { Int64(entities[$0].definition.count) } ?? Self.entityCountMax
    return values.integer(node, what, in: 1...max(1, most)).map { Int($0) }
  }

  // MARK: - Arrival

  private func readArrival(_ reader: MappingReader) -> (rate: Double, profiles: [Profile]) {
    let rate = reader.required("poisson").flatMap { self.rate($0, reader.what("poisson")) }
    var profiles: [Profile] = []
    if let node = reader.node("profile") {
      if case .sequence = node.content, let items = values.list(node, reader.what("profile"), min: 1, max: 16) {
        for item in items {
          if let inner = MappingReader(item, "an item in \(reader.what("profile"))", values), let profile = readProfile(inner) {
            profiles.append(profile)
          }
        }
      } else if let inner = MappingReader(node, reader.what("profile"), values), let profile = readProfile(inner) {
        profiles.append(profile)
      }
    }
    if let weekdays = reader.mapping("weekdays").flatMap(readWeekdays) { profiles.append(weekdays) }
    reader.finish()
    return (rate ?? 1, profiles)
  }

  /// Factors by day of the week, as a profile of seven steps; the epoch began on a Thursday.
  private func readWeekdays(_ reader: MappingReader) -> Profile? {
    let names = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"]
    let day: Int64 = 86_400_000
    let points = names.enumerated().map { index, name in
      let factor = reader.node(name).map { node in
        values.number(node, reader.what(name), expected: "a factor of at least 0") { $0 >= 0 } ?? 1
      }
      return Profile.Point(atMilliseconds: Int64(index) * day, factor: factor ?? 1)
    }
    reader.finish()
    guard points.contains(where: { $0.factor > 0 }) else {
      diagnostics.error("wrong-value", at: reader.location, "\(reader.subject ?? ""): all factors are 0")
      return nil
    }
    return Profile(periodMilliseconds: 7 * day, points: points, isStepped: true)
  }

  private func readProfile(_ reader: MappingReader) -> Profile? {
    let period = reader.required("period").flatMap { values.duration($0, reader.what("period")) }
    let pointsReader = reader.required("points").flatMap { MappingReader($0, reader.what("points"), values) }
    reader.finish()
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
