// The `tests:` of a pipeline: records in the order of their arrival, and what readers of the features should then see. `freshet test` runs
// them through the real decoder and windows; `PipelineReader+Tests.swift` makes these from YAML.

import Base
import Configuration

public struct PipelineTest: Sendable {
  public var name: String
  public var location: SourceLocation
  /// Index into `PipelineDefinition.sources`: whose records are given.
  public var source: Int
  public var given: [TestInput]
  public var expectations: [TestExpectation]

  public init(name: String, location: SourceLocation, source: Int, given: [TestInput], expectations: [TestExpectation]) {
    self.name = name
    self.location = location
    self.source = source
    self.given = given
    self.expectations = expectations
  }
}

/// What arrives, or happens instead.
public enum TestInput: Sendable {
  case record(TestRecord)
  /// Event time moves on by so many ms without a record, as in a partition that has been silent.
  case advance(Int64)
}

public struct TestRecord: Sendable {
  /// The bytes of the value, as text.
  public var value: String
  /// `$key`.
  public var key: String?
  /// `$timestamp`: ms since the epoch; nil for a record without one.
  public var timestamp: Int64?
  public var location: SourceLocation

  public init(value: String, key: String? = nil, timestamp: Int64? = nil, location: SourceLocation) {
    self.value = value
    self.key = key
    self.timestamp = timestamp
    self.location = location
  }
}

/// How often something happened to records or rows.
public enum TestCount: String, Sendable, CaseIterable {
  /// Records of the view all of whose windows had closed.
  case late
  /// Records of the view without a key.
  case keyless
  /// Records that the source had already given.
  case duplicates
  /// Records that could not be read.
  case rejected
  /// Rows of the view that were written: windows that have closed, or keys that have a value.
  case rows
}

/// What is expected of one row, or of counts.
public struct TestExpectation: Sendable {
  public struct Value: Sendable {
    /// Index into the view's features.
    public var feature: Int
    public var expected: ExpectedValue
  }

  public var location: SourceLocation
  /// Index into `PipelineDefinition.views`.
  public var view: Int
  /// Stream time at which the reader looks, in ms; nil for the end: after the last record for current values, after the end of the input for
  /// closed windows.
  public var at: Int64?
  public var key: String?
  public var windowStart: Int64?
  public var windowEnd: Int64?
  /// No such row is expected.
  public var isAbsent: Bool
  public var values: [Value]
  public var counts: [(count: TestCount, expected: Int64)]

  public init(
    location: SourceLocation, view: Int, at: Int64?, key: String?, windowStart: Int64?, windowEnd: Int64?, isAbsent: Bool,
    values: [Value], counts: [(count: TestCount, expected: Int64)]
  ) {
    self.location = location
    self.view = view
    self.at = at
    self.key = key
    self.windowStart = windowStart
    self.windowEnd = windowEnd
    self.isAbsent = isAbsent
    self.values = values
    self.counts = counts
  }

  /// Whether a row is looked for, rather than counts alone.
  public var hasRow: Bool { isAbsent || !values.isEmpty }
}
