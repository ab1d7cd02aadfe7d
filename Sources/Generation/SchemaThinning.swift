// A schema with fewer users who do what they did: statistics of a busy stream over a week need not simulate every user. Users, their
// arrivals, bots and growth shrink alike, so that sessions, what each user does and how activity is spread stay as they are.

import Schema

extension EventSchema {
  /// Whether one user in several can stand for all: sessions by arrivals, with users that no table names one by one.
  public var canBeThinned: Bool {
    guard let sessions, streams.isEmpty, load == nil else { return false }
    if case .weights = sessions.actorPick.shape { return false }
    return entities[sessions.actor].ownership == nil
  }

  /// The same with one user in `factor`.
  public func thinned(byFactor factor: Int) -> EventSchema {
    guard factor > 1, canBeThinned, var sessions else { return self }
    var schema = self
    func part(_ count: Int) -> Int { max((count + factor / 2) / factor, 1) }
    let users = part(entities[sessions.actor].count)
    schema.entities[sessions.actor].count = users
    if let growth = entities[sessions.actor].growth {
      schema.entities[sessions.actor].growth = .init(initial: part(growth.initial), perDay: growth.perDay / Double(factor))
    }
    for index in entities.indices {
      guard let ownership = entities[index].ownership, ownership.owner == sessions.actor else { continue }
      schema.entities[index].count = users * max(ownership.most, 1)
    }
    sessions.arrivalsPerSecond /= Double(factor)
    if let bots = sessions.bots { sessions.bots?.actorCount = part(bots.actorCount) }
    schema.sessions = sessions
    for index in incidents.indices {
      if case .botSwarm(let rate, let think, let actors) = incidents[index].kind {
        schema.incidents[index].kind = .botSwarm(
          arrivalsPerSecond: rate / Double(factor), think: think, actorCount: part(actors))
      }
    }
    return schema
  }
}
