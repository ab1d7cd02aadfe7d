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
    if hasLoad || reader.required("arrival") != nil { arrivals = arrivalReader(reader).map(readArrival) }
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
}
