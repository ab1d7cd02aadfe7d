// What goes wrong between an event and the one who reads it, and what happens to the world while it is watched.

/// Faults, each with the share of records it befalls; independent of each other.
public struct FaultModel: Sendable, Equatable {
  public struct Delayed: Sendable, Equatable {
    public var rate: Double
    /// In ms.
    public var delay: Distribution
    public var maximumMilliseconds: Double

    public init(rate: Double, delay: Distribution, maximumMilliseconds: Double) {
      self.rate = rate
      self.delay = delay
      self.maximumMilliseconds = maximumMilliseconds
    }
  }

  public struct Skew: Sendable, Equatable {
    /// Of sessions, or of the records of a stream.
    public var rate: Double
    /// In ms, of either sign.
    public var offset: Distribution

    public init(rate: Double, offset: Distribution) {
      self.rate = rate
      self.offset = offset
    }
  }

  /// A fault of one field.
  public struct FieldFault: Sendable, Equatable {
    public var rate: Double
    /// Paths of the fields it may befall, one chosen evenly among those that an event has; empty for all of its fields but the key.
    public var paths: [[String]]

    public init(rate: Double, paths: [[String]]) {
      self.rate = rate
      self.paths = paths
    }
  }

  /// Sent later; the event's time stays.
  public var late: Delayed?
  /// The same bytes again, later.
  public var duplicate: Delayed?
  /// Sent later by up to `maximumMilliseconds`, evenly, so that others overtake it.
  public var reorder: Delayed?
  public var dropRate: Double
  public var corruptRate: Double
  public var skew: Skew?
  public var missing: FieldFault?
  public var wrongType: FieldFault?

  public init(
    late: Delayed? = nil, duplicate: Delayed? = nil, reorder: Delayed? = nil, dropRate: Double = 0, corruptRate: Double = 0,
    skew: Skew? = nil, missing: FieldFault? = nil, wrongType: FieldFault? = nil
  ) {
    self.late = late
    self.duplicate = duplicate
    self.reorder = reorder
    self.dropRate = dropRate
    self.corruptRate = corruptRate
    self.skew = skew
    self.missing = missing
    self.wrongType = wrongType
  }

  public var isEmpty: Bool { self == FaultModel() }
}

/// Something that happens to everybody for a while.
public struct Incident: Sendable {
  public enum Kind: Sendable {
    /// Times as many arrivals.
    case flashCrowd(factor: Double)
    /// Sessions of a few actors (rows `0 ..< actorCount`) that hurry, beside the others.
    case botSwarm(arrivalsPerSecond: Double, think: Distribution, actorCount: Int)
    /// The binding gets this row with the probability `share`.
    case hotRow(binding: Int, row: Int, share: Double)
    /// Sessions of actors whose field has this value do not arrive. `field` is an index into the actor's fields, made by `choice` or `const`.
    case outage(field: Int, value: Scalar)
    /// These events look different.
    case schemaChange([SchemaChange])
  }

  /// How an event looks from some time on.
  public struct SchemaChange: Sendable {
    /// Index into `EventSchema.events`.
    public var event: Int
    /// Removals, renamings and additions applied.
    public var fields: [FieldDefinition]

    public init(event: Int, fields: [FieldDefinition]) {
      self.event = event
      self.fields = fields
    }
  }

  public enum Start: Sendable, Equatable {
    /// From the start of the stream.
    case after(milliseconds: Int64)
    /// Milliseconds since the epoch.
    case at(milliseconds: Int64)
  }

  public var start: Start
  /// Nil for an incident that lasts.
  public var lengthMilliseconds: Int64?
  public var kind: Kind

  public init(start: Start, lengthMilliseconds: Int64?, kind: Kind) {
    self.start = start
    self.lengthMilliseconds = lengthMilliseconds
    self.kind = kind
  }
}
