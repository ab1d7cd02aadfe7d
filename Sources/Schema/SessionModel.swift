// How sessions begin, who they belong to, and the states they walk through.

/// A Markov chain of states that an actor walks through; each state emits one event.
public struct SessionModel: Sendable {
  public struct State: Sendable {
    public var name: String
    /// Index into `EventSchema.events`.
    public var event: Int
    /// How long the actor stays before the next state, in ms.
    public var think: Distribution
    /// Rows drawn on entering, before the event is emitted.
    public var binds: [(binding: Int, pick: RowPick)]
    /// Indices into `states`, nil for `exit`, with positive weights.
    public var next: [(state: Int?, weight: Double)]
    /// Whether the actor is known from this state on.
    public var identifies: Bool

    public init(
      name: String, event: Int, think: Distribution, binds: [(binding: Int, pick: RowPick)], next: [(state: Int?, weight: Double)],
      identifies: Bool = false
    ) {
      self.name = name
      self.event = event
      self.think = think
      self.binds = binds
      self.next = next
      self.identifies = identifies
    }
  }

  /// A name under which a state remembers a row for itself and the states after it.
  public struct Binding: Sendable {
    public var name: String
    public var entity: Int

    public init(name: String, entity: Int) {
      self.name = name
      self.entity = entity
    }
  }

  /// A part of the sessions that is no person: they hurry, and a few actors have them all.
  public struct Bots: Sendable, Equatable {
    public var share: Double
    /// Between events, in ms, in place of each state's own.
    public var think: Distribution
    /// The bots are rows `0 ..< actorCount` of the actor's entity, picked evenly.
    public var actorCount: Int

    public init(share: Double, think: Distribution, actorCount: Int) {
      self.share = share
      self.think = think
      self.actorCount = actorCount
    }
  }

  /// Index into `EventSchema.entities`.
  public var actor: Int
  public var actorPick: RowPick
  /// An entity that the actor's entity owns, index into `EventSchema.entities`: a session has one of the actor's rows of it.
  public var device: Int?
  /// New sessions per second where the profiles are 1.
  public var arrivalsPerSecond: Double
  /// Multiplied with each other.
  public var profiles: [Profile]
  public var identifierField: String
  public var identifierVersion: UUIDVersion
  /// A pause longer than this ends the session, in ms.
  public var timeoutMilliseconds: Int64?
  /// The share of sessions in which the actor is unknown until a state identifies them.
  public var anonymousShare: Double
  public var bots: Bots?
  public var bindings: [Binding]
  public var states: [State]
  /// Where sessions begin: indices into `states` with positive weights.
  public var initial: [(state: Int, weight: Double)]

  public init(
    actor: Int, actorPick: RowPick, device: Int? = nil, arrivalsPerSecond: Double, profiles: [Profile], identifierField: String,
    identifierVersion: UUIDVersion, timeoutMilliseconds: Int64?, anonymousShare: Double = 0, bots: Bots? = nil,
    bindings: [Binding], states: [State], initial: [(state: Int, weight: Double)]
  ) {
    self.actor = actor
    self.actorPick = actorPick
    self.device = device
    self.arrivalsPerSecond = arrivalsPerSecond
    self.profiles = profiles
    self.identifierField = identifierField
    self.identifierVersion = identifierVersion
    self.timeoutMilliseconds = timeoutMilliseconds
    self.anonymousShare = anonymousShare
    self.bots = bots
    self.bindings = bindings
    self.states = states
    self.initial = initial
  }
}

/// A factor on the arrivals that repeats every `periodMilliseconds`.
public struct Profile: Sendable, Equatable {
  public struct Point: Sendable, Equatable {
    /// From the start of the period, counted from the epoch in UTC.
    public var atMilliseconds: Int64
    public var factor: Double

    public init(atMilliseconds: Int64, factor: Double) {
      self.atMilliseconds = atMilliseconds
      self.factor = factor
    }
  }

  public var periodMilliseconds: Int64
  /// Rising times within the period; factors are not negative and not all zero.
  public var points: [Point]
  /// Whether the factor holds from its point to the next one; else it is linear in between.
  public var isStepped: Bool

  public init(periodMilliseconds: Int64, points: [Point], isStepped: Bool = false) {
    self.periodMilliseconds = periodMilliseconds
    self.points = points
    self.isStepped = isStepped
  }
}
