// The model of an event schema: who acts, how a session moves, what each record looks like, what goes wrong. `SchemaReader` makes it from
// YAML and promises that it is sound: every reference resolves, weights are positive, event bases are merged.
// Its parts: `FieldGenerator`, `Distribution`, `SessionModel`, `StreamModel`, `LoadShape`, `Incident`, `FaultModel`.

import Base

/// A whole schema. It has sessions, streams or both.
public struct EventSchema: Sendable {
  public var name: String
  public var seed: UInt64
  public var clock: ClockSettings
  /// In the order of the file.
  public var entities: [EntityDefinition]
  public var sessions: SessionModel?
  public var streams: [StreamModel]
  /// What records look like, bases merged in: the events that a session can emit (those whose names begin with `_` are only bases and are
  /// not here), then one for each stream.
  public var events: [EventDefinition]
  /// Where records go: index 0 is that of the sessions' events.
  public var outputs: [OutputSettings]
  /// Records of sessions per second over time, in place of their arrivals.
  public var load: LoadShape?
  public var incidents: [Incident]
  public var faults: FaultModel

  public init(
    name: String, seed: UInt64, clock: ClockSettings, entities: [EntityDefinition], sessions: SessionModel?,
    streams: [StreamModel] = [], events: [EventDefinition], outputs: [OutputSettings], load: LoadShape? = nil,
    incidents: [Incident] = [], faults: FaultModel = FaultModel()
  ) {
    self.name = name
    self.seed = seed
    self.clock = clock
    self.entities = entities
    self.sessions = sessions
    self.streams = streams
    self.events = events
    self.outputs = outputs
    self.load = load
    self.incidents = incidents
    self.faults = faults
  }

  /// The first output: that of the sessions, or of the first stream.
  public var output: OutputSettings { outputs[0] }
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
  /// Rows that belong to a row of another entity: row `r` of the owner has between `least` and `most` of them, evenly, at the row numbers
  /// `r * most ..< r * most + n`.
  public struct Ownership: Sendable, Equatable {
    /// Index into `EventSchema.entities`; the owner has no owner itself.
    public var owner: Int
    public var least: Int
    public var most: Int

    public init(owner: Int, least: Int, most: Int) {
      self.owner = owner
      self.least = least
      self.most = most
    }
  }

  /// Which rows exist when: the first `initial` at the start, one more every `1 / perDay` days, until all `count` do.
  public struct Growth: Sendable, Equatable {
    public var initial: Int
    public var perDay: Double

    public init(initial: Int, perDay: Double) {
      self.initial = initial
      self.perDay = perDay
    }
  }

  public var name: String
  /// Row numbers are below this; for owned rows the owner's count times `most`.
  public var count: Int
  /// The index in `fields` of the field that names a row.
  public var keyField: Int
  public var fields: [FieldDefinition]
  public var ownership: Ownership?
  public var growth: Growth?
  /// Mean time that a row stays, in ms; it is exponential.
  public var lifetimeMilliseconds: Double?

  public init(
    name: String, count: Int, keyField: Int, fields: [FieldDefinition], ownership: Ownership? = nil, growth: Growth? = nil,
    lifetimeMilliseconds: Double? = nil
  ) {
    self.name = name
    self.count = count
    self.keyField = keyField
    self.fields = fields
    self.ownership = ownership
    self.growth = growth
    self.lifetimeMilliseconds = lifetimeMilliseconds
  }
}

public struct EventDefinition: Sendable {
  public var name: String
  /// In the order of the file, the base's first; a field that overrides one of the base keeps the base's place.
  public var fields: [FieldDefinition]
  /// Index into `EventSchema.outputs`.
  public var output: Int

  public init(name: String, fields: [FieldDefinition], output: Int = 0) {
    self.name = name
    self.fields = fields
    self.output = output
  }
}

public struct OutputSettings: Sendable, Equatable {
  public var topic: String?
  /// The top-level or nested field whose text is the record's key; every event has it.
  public var keyPath: [String]?
  public var format: RecordFormat
  /// Whether Kafka's record timestamp is the event's time rather than the time of sending.
  public var usesEventTimestamp: Bool
  /// How many partitions the topic should have where Freshet creates it.
  public var partitionCount: Int?
  /// Constant Kafka headers, in the order of the file.
  public var headers: [(name: String, value: String)]
  /// The URL of a Confluent schema registry.
  public var schemaRegistry: String?

  public init(
    topic: String? = nil, keyPath: [String]? = nil, format: RecordFormat = .json, usesEventTimestamp: Bool = true,
    partitionCount: Int? = nil, headers: [(name: String, value: String)] = [], schemaRegistry: String? = nil
  ) {
    self.topic = topic
    self.keyPath = keyPath
    self.format = format
    self.usesEventTimestamp = usesEventTimestamp
    self.partitionCount = partitionCount
    self.headers = headers
    self.schemaRegistry = schemaRegistry
  }

  public static func == (left: OutputSettings, right: OutputSettings) -> Bool {
    left.topic == right.topic && left.keyPath == right.keyPath && left.format == right.format
      && left.usesEventTimestamp == right.usesEventTimestamp && left.partitionCount == right.partitionCount
      && left.headers.elementsEqual(right.headers, by: ==) && left.schemaRegistry == right.schemaRegistry
  }
}

/// How a record becomes bytes.
public enum RecordFormat: String, Sendable, CaseIterable {
  case json
  case csv
  case avro
  /// JSON as the data of a CloudEvent in binary mode: its attributes are Kafka headers.
  case cloudevents
}
