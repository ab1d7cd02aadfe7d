// What is to be computed, in numbers: windows, aggregates, and the views they belong to. The rooms above translate a pipeline's words
// into these; this room knows columns and predicates by index only.

import Base

/// How records are cut into windows; all times in ms. Every window is `[start, end)`; all but sessions are aligned to the epoch plus `offset`,
/// which lies in `0..<` the length that windows are aligned by.
public enum WindowSpecification: Hashable, Sendable {
  case tumbling(size: Int64, offset: Int64 = 0)
  /// `size % hop == 0`; the offset is below the hop.
  case sliding(size: Int64, hop: Int64, offset: Int64 = 0)
  /// Windows of `step`, `2 * step` ... `max` from one start, which moves on by `max`; `max % step == 0`, and the offset is below `max`.
  case cumulating(max: Int64, step: Int64, offset: Int64 = 0)
  /// Records of a key that are at most `gap` apart; ends `gap` after its last record.
  case session(gap: Int64)
  /// Everything a key has seen; ends with the key.
  case unbounded

  /// The length of the panes that closing windows of this kind are built from; nil for windows without panes.
  public var paneLength: Int64? {
    switch self {
    case .tumbling(let size, _): size
    case .sliding(_, let hop, _): hop
    case .cumulating(_, let step, _): step
    case .session, .unbounded: nil
    }
  }

  /// The length of the longest window; nil where the records decide.
  public var size: Int64? {
    switch self {
    case .tumbling(let size, _), .sliding(let size, _, _), .cumulating(let size, _, _): size
    case .session, .unbounded: nil
    }
  }

  public var offset: Int64 {
    switch self {
    case .tumbling(_, let offset), .sliding(_, _, let offset), .cumulating(_, _, let offset): offset
    case .session, .unbounded: 0
    }
  }
}

/// One aggregate of one view.
public struct AggregateSpecification: Hashable, Sendable {
  public var function: AggregateFunction
  public var parameters: AggregateParameters
  /// The column whose values are folded; nil only for `count` and `elapsed`.
  public var column: Int?
  /// The predicate a record has to pass, the view's own included; nil for every record.
  public var predicate: Int?
  public var window: WindowSpecification

  /// `parameters`: nil for those that the function has where nothing is said.
  public init(
    function: AggregateFunction, parameters: AggregateParameters? = nil, column: Int?, predicate: Int?, window: WindowSpecification
  ) {
    self.function = function
    self.parameters = parameters ?? AggregateParameters(of: function)
    self.column = column
    self.predicate = predicate
    self.window = window
  }

  var accumulator: Accumulator { Accumulator(function, parameters) }
}

public enum Trigger: String, Hashable, Sendable, CaseIterable {
  /// The current value, whenever it has changed.
  case change
  /// One row per key and closed window.
  case close
}

public struct ViewSpecification: Hashable, Sendable {
  /// What the view's rows carry in `FeatureRow.view`.
  public var identifier: Int32
  /// The key of the view's rows: an index into the key columns, nil where one key stands for everything.
  public var keyColumn: Int?
  public var trigger: Trigger
  /// The predicate that every record of the view has to pass.
  public var predicate: Int?
  /// With `.close` all share one window.
  public var aggregates: [AggregateSpecification]
  /// How long values without a window are kept after their key's last record, in ms of event time; nil keeps them for ever.
  public var timeToLive: Int64?
  /// `change` views with the same rhythm are drained together, key by key, which spares most of the way to what a key holds; nil for a view that
  /// is drained by itself.
  public var rhythm: Int64?

  public init(
    identifier: Int32, keyColumn: Int?, trigger: Trigger, predicate: Int?, aggregates: [AggregateSpecification], timeToLive: Int64?,
    rhythm: Int64? = nil
  ) {
    self.identifier = identifier
    self.keyColumn = keyColumn
    self.trigger = trigger
    self.predicate = predicate
    self.aggregates = aggregates
    self.timeToLive = timeToLive
    self.rhythm = rhythm
  }
}
