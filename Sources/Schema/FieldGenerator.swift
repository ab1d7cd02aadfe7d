// How a field gets its value. Everything that is a text made of parts (patterns, templates, word tables, addresses) is `text`: the reader
// takes the conveniences of the language apart, so that whoever generates needs to know few cases.

import Base

/// A value that a schema states literally.
public enum Scalar: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  case double(Double)
  case string(String)
}

public struct FieldDefinition: Sendable {
  public var name: String
  public var generator: FieldGenerator
  /// The probability that the field is left out.
  public var optional: Double
  /// The probability that it is null, of the times that it is there.
  public var nullable: Double
  /// Null unless this holds.
  public var condition: SessionCondition?

  public init(
    name: String, generator: FieldGenerator, optional: Double = 0, nullable: Double = 0, condition: SessionCondition? = nil
  ) {
    self.name = name
    self.generator = generator
    self.optional = optional
    self.nullable = nullable
    self.condition = condition
  }
}

/// What a session can be.
public enum SessionCondition: String, Sendable, CaseIterable {
  case identified
  case anonymous
  case bot
  case human
}

public indirect enum FieldGenerator: Sendable {
  case const(Scalar)
  /// Weights are positive and as many as the values.
  case choice([Scalar], weights: [Double])
  case uuid(UUIDVersion)
  /// Inclusive bounds, over any width.
  case integer(ClosedRange<Int64>)
  case number(NumberSettings)
  /// True with this probability.
  case bool(Double)
  case sequence(SequenceSettings)
  case time(TimeSource, TimeFormat)
  /// Names are unique.
  case object([FieldDefinition])
  /// A list of `count` (rounded, at least 0, at most 10 000) generated items.
  case array(FieldGenerator, count: Distribution)
  /// A list of exactly these items.
  case list([FieldGenerator])
  /// An object of `count` generated names with generated values; names may repeat only where `keys` makes them.
  case map(keys: FieldGenerator, values: FieldGenerator, count: Distribution)
  case oneOf([(generator: FieldGenerator, weight: Double)])
  case text([TextPiece])
  /// A field of a bound row.
  case from(BoundField)
  /// The value of that field in a row drawn for this one (only inside an entity): same row, same value.
  case reference(entity: Int, field: Int, pick: RowPick)
}

/// A part of a text.
public indirect enum TextPiece: Sendable {
  case literal(String)
  /// Between `count.lowerBound` and `count.upperBound` characters (evenly), each one of these (evenly).
  case characters([Character], count: ClosedRange<Int>)
  /// The text of a value: without quotes, null as nothing.
  case value(FieldGenerator)
  /// One of several sequences of pieces.
  case alternatives([[TextPiece]], weights: [Double])
  /// The pieces, between `count.lowerBound` and `count.upperBound` times (evenly).
  case repeated([TextPiece], count: ClosedRange<Int>)
}

public enum UUIDVersion: String, Sendable, CaseIterable {
  case v4
  /// RFC 9562: 48 bits of Unix milliseconds first.
  case v7
}

/// A counter: over the rows of an entity (the row number plus one), or over the records of the sessions together, or of a stream.
public struct SequenceSettings: Sendable, Equatable {
  /// Nil for a number.
  public var text: Frame?
  public var start: Int64
  public var step: Int64
  /// How many values there are before it starts again; nil for no end.
  public var period: Int64?

  public struct Frame: Sendable, Equatable {
    public var prefix: String
    public var minimumDigits: Int
    public var suffix: String

    public init(prefix: String, minimumDigits: Int, suffix: String) {
      self.prefix = prefix
      self.minimumDigits = minimumDigits
      self.suffix = suffix
    }
  }

  public init(text: Frame?, start: Int64 = 1, step: Int64 = 1, period: Int64? = nil) {
    self.text = text
    self.start = start
    self.step = step
    self.period = period
  }
}

/// Where the row or the value of a `from` comes from.
public enum BoundField: Sendable {
  /// The session's actor, an index into its entity's fields.
  case actor(field: Int)
  /// The session's device, an index into its entity's fields.
  case device(field: Int)
  /// The session's own identifier.
  case sessionIdentifier
  case session(SessionFact)
  /// A row bound by a state (by index in `SessionModel.bindings`) or by a stream (by index in `StreamModel.bindings`); `field` is an
  /// index into that entity's fields.
  case binding(Int, field: Int)
  /// A field of a record of another stream, bound by this stream (by index in `StreamModel.bindings`); `field` is an index into the fields of
  /// that stream's event.
  case record(Int, field: Int)
  /// The row that a change stream writes; its entity's field.
  case changed(field: Int)
  case change(ChangeFact)
}

/// What a session knows of itself.
public enum SessionFact: String, Sendable, CaseIterable {
  case isBot = "is_bot"
  case isIdentified = "is_identified"
  /// Counts its events from 1.
  case step
  /// The time of its first event, epoch ms.
  case startedAt = "started_at"
}

/// What a change stream knows of a record.
public enum ChangeFact: String, Sendable, CaseIterable {
  /// How often the row has changed, from 0.
  case version
  /// `create`, `update` or `delete`.
  case operation
}

public enum TimeSource: Sendable, Equatable {
  /// When the event happened.
  case event
  /// When it was handed to the sink; where time is simulated, when it would have been.
  case sent
  /// Any time in a range of ms since the epoch, both ends included.
  case between(ClosedRange<Int64>)
}

public enum TimeFormat: Sendable, Equatable {
  case rfc3339Milliseconds
  case rfc3339Seconds
  case epochMilliseconds
  case epochSeconds
  case epochMicroseconds
  /// UTC, as strftime would write it.
  case pattern([TimePiece])
}

extension TimeFormat {
  /// The name that schemas use.
  public var name: String {
    switch self {
    case .rfc3339Milliseconds: "rfc3339_ms"
    case .rfc3339Seconds: "rfc3339"
    case .epochMilliseconds: "epoch_ms"
    case .epochSeconds: "epoch_s"
    case .epochMicroseconds: "epoch_us"
    case .pattern: "a pattern"
    }
  }
}

/// A part of a strftime pattern.
public enum TimePiece: Sendable, Equatable {
  case literal(String)
  case year, yearOfCentury, month, day, dayPadded, dayOfYear, hour, hour12, minute, second
  case milliseconds, microseconds
  case monthName, monthAbbreviation, weekdayName, weekdayAbbreviation
  case meridiem, epochSeconds
}

/// A number drawn from a distribution, clamped, then written.
public struct NumberSettings: Sendable, Equatable {
  public var distribution: Distribution
  public var clamp: ClosedRange<Double>?
  /// Fixed decimals, 0 to 9, 0 for an integer; nil for the shortest text that reads back as the same double.
  public var decimals: Int?

  public init(distribution: Distribution, clamp: ClosedRange<Double>? = nil, decimals: Int?) {
    self.distribution = distribution
    self.clamp = clamp
    self.decimals = decimals
  }
}
