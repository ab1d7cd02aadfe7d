// The model of an event schema: who acts, how a session moves, what each event looks like. `SchemaReader` makes it from YAML and
// promises that it is sound: every reference resolves, weights are positive, event bases are merged.

import Base

/// A value that a schema states literally.
public enum Scalar: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
}

/// A whole schema of kind `events`.
public struct EventSchema: Sendable {
  public var name: String
  public var seed: UInt64
  public var clock: ClockSettings
  /// In the order of the file.
  public var entities: [EntityDefinition]
  public var sessions: SessionModel
  /// The events that a session can emit, bases merged in; those whose names begin with `_` are only bases and are not here.
  public var events: [EventDefinition]
  public var output: OutputSettings

  public init(
    name: String, seed: UInt64, clock: ClockSettings, entities: [EntityDefinition], sessions: SessionModel,
    events: [EventDefinition],
    output: OutputSettings
  ) {
    self.name = name
    self.seed = seed
    self.clock = clock
    self.entities = entities
    self.sessions = sessions
    self.events = events
    self.output = output
  }
}

public struct ClockSettings: Sendable {
  public enum Mode: String, Sendable, CaseIterable {
    /// Event time is the wall clock.
    case realtime
    /// Event time is computed, as fast as possible.
    case simulated
  }

  /// Milliseconds since the epoch, nil for `now`.
  public var startMilliseconds: Int64?
  public var mode: Mode

  public init(startMilliseconds: Int64?, mode: Mode) {
    self.startMilliseconds = startMilliseconds
    self.mode = mode
  }
}

/// Things that events speak of: `count` rows, each a function of the seed and its row number.
public struct EntityDefinition: Sendable {
  public var name: String
  public var count: Int
  /// The index in `fields` of the field that names a row.
  public var keyField: Int
  public var fields: [FieldDefinition]

  public init(name: String, count: Int, keyField: Int, fields: [FieldDefinition]) {
    self.name = name
    self.count = count
    self.keyField = keyField
    self.fields = fields
  }
}

public struct FieldDefinition: Sendable {
  public var name: String
  public var generator: FieldGenerator

  public init(name: String, generator: FieldGenerator) {
    self.name = name
    self.generator = generator
  }
}

/// How a field gets its value.
public indirect enum FieldGenerator: Sendable {
  case const(Scalar)
  /// Weights are positive and as many as the values.
  case choice([Scalar], weights: [Double])
  case uuid(UUIDVersion)
  /// Inclusive bounds.
  case integer(ClosedRange<Int64>)
  case number(NumberSettings)
  /// Counts from 1 within an entity (the row number plus one) or over the events of a stream.
  case sequence(prefix: String, minimumDigits: Int, suffix: String)
  case time(TimeSource, TimeFormat)
  case object([FieldDefinition])
  /// A field of a bound row.
  case from(BoundField)
  /// The value of that field in a row drawn for this one (only inside an entity): same row, same value.
  case reference(entity: Int, field: Int, pick: RowPick)
}

public enum UUIDVersion: String, Sendable, CaseIterable {
  case v4
  /// RFC 9562: 48 bits of Unix milliseconds first.
  case v7
}

/// Where the row or the value of a `from` comes from.
public enum BoundField: Sendable {
  /// The session's actor, an index into its entity's fields.
  case actor(field: Int)
  /// The session's own identifier.
  case sessionIdentifier
  /// A row bound by a state, by index in `SessionModel.bindings`; `field` is an index into that entity's fields.
  case binding(Int, field: Int)
}

public enum TimeSource: String, Sendable, CaseIterable {
  /// When the event happened.
  case event
  /// When it was handed to the sink; equal to `event` where time is simulated.
  case sent
}

public enum TimeFormat: String, Sendable, CaseIterable {
  case rfc3339Milliseconds = "rfc3339_ms"
  case epochMilliseconds = "epoch_ms"
  case epochSeconds = "epoch_s"
}

/// A number drawn from a distribution, clamped, then written with a fixed number of decimals.
public struct NumberSettings: Sendable {
  public var distribution: Distribution
  public var clamp: ClosedRange<Double>?
  /// 0 writes an integer.
  public var decimals: Int

  public init(distribution: Distribution, clamp: ClosedRange<Double>?, decimals: Int) {
    self.distribution = distribution
    self.clamp = clamp
    self.decimals = decimals
  }
}

/// A continuous distribution. Durations are in milliseconds.
public enum Distribution: Sendable, Equatable {
  case constant(Double)
  /// `exp(ln(median) + sigma * z)`.
  case lognormal(median: Double, sigma: Double)
  case exponential(mean: Double)
  case uniform(Double, Double)
}

/// How a row of an entity is drawn.
public enum RowPick: Sendable, Equatable {
  case uniform
  /// Row `k` (from 1) with weight `1 / k^exponent`, exponent > 0.
  case zipf(exponent: Double)
}

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

    public init(
      name: String, event: Int, think: Distribution, binds: [(binding: Int, pick: RowPick)], next: [(state: Int?, weight: Double)]
    ) {
      self.name = name
      self.event = event
      self.think = think
      self.binds = binds
      self.next = next
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

  /// Index into `EventSchema.entities`.
  public var actor: Int
  public var actorPick: RowPick
  /// New sessions per second where the profile is 1.
  public var arrivalsPerSecond: Double
  public var profile: Profile?
  public var identifierField: String
  public var identifierVersion: UUIDVersion
  /// A pause longer than this ends the session, in ms.
  public var timeoutMilliseconds: Int64?
  public var bindings: [Binding]
  public var states: [State]
  /// Where sessions begin: indices into `states` with positive weights.
  public var initial: [(state: Int, weight: Double)]

  public init(
    actor: Int, actorPick: RowPick, arrivalsPerSecond: Double, profile: Profile?, identifierField: String,
    identifierVersion: UUIDVersion, timeoutMilliseconds: Int64?, bindings: [Binding], states: [State],
    initial: [(state: Int, weight: Double)]
  ) {
    self.actor = actor
    self.actorPick = actorPick
    self.arrivalsPerSecond = arrivalsPerSecond
    self.profile = profile
    self.identifierField = identifierField
    self.identifierVersion = identifierVersion
    self.timeoutMilliseconds = timeoutMilliseconds
    self.bindings = bindings
    self.states = states
    self.initial = initial
  }
}

/// A factor on the arrivals that repeats every `periodMilliseconds`, linear between its points.
public struct Profile: Sendable {
  public var periodMilliseconds: Int64
  /// Rising times within the period, from its start in UTC; factors are not negative and not all zero.
  public var points: [(atMilliseconds: Int64, factor: Double)]

  public init(periodMilliseconds: Int64, points: [(atMilliseconds: Int64, factor: Double)]) {
    self.periodMilliseconds = periodMilliseconds
    self.points = points
  }
}

public struct OutputSettings: Sendable {
  public var topic: String?
  /// The top-level or nested field whose text is the record's key; every event has it.
  public var keyPath: [String]?
  /// Whether Kafka's record timestamp is the event's time rather than the time of sending.
  public var usesEventTimestamp: Bool
  /// How many partitions the topic should have where Freshet creates it.
  public var partitionCount: Int?

  public init(topic: String?, keyPath: [String]?, usesEventTimestamp: Bool, partitionCount: Int?) {
    self.topic = topic
    self.keyPath = keyPath
    self.usesEventTimestamp = usesEventTimestamp
    self.partitionCount = partitionCount
  }
}

public struct EventDefinition: Sendable {
  public var name: String
  /// In the order of the file, the base's first; a field that overrides one of the base keeps the base's place.
  public var fields: [FieldDefinition]

  public init(name: String, fields: [FieldDefinition]) {
    self.name = name
    self.fields = fields
  }
}
