// Which run of a view's batch lane counts. Rows of runs lie in two slots, of which a run fills the one that nobody reads:
//
//   {prefix}:{view}@batch:{a or b}:{entity key}    a row, with `_run`       {prefix}:{view}@batch:{a or b}   of `entity: all`
//   {prefix}:_freshet:batch:{PIPELINE}:{view}      the pointer, a hash      the braces around PIPELINE are in the key
//
// A row counts only where its `_run` is the pointer's: what older runs have left in the slot is not there. Who reads rows under the pointer that
// he knows reads the pointer with them, in one round trip; where it has moved he asks once more. So he sees one run or the other.

import Base

/// The published run of one view.
public struct BatchPointer: Equatable, Sendable {
  public enum Slot: String, Sendable, CaseIterable {
    case a
    case b

    public var other: Slot { self == .a ? .b : .a }
  }

  /// Grows from run to run: about the ms since the epoch when it began.
  public var run: Int64
  public var slot: Slot
  /// The cutoff: values are complete through this event time, in ms.
  public var asOf: Int64
  /// When readers began to see it, in ms.
  public var publishedAt: Int64
  public var rowCount: Int64
  /// Nil for the first.
  public var previousRun: Int64?

  public init(run: Int64, slot: Slot, asOf: Int64, publishedAt: Int64, rowCount: Int64, previousRun: Int64? = nil) {
    self.run = run
    self.slot = slot
    self.asOf = asOf
    self.publishedAt = publishedAt
    self.rowCount = rowCount
    self.previousRun = previousRun
  }

  /// Reads the fields of the pointer's hash; nil where there is none, or where it is no pointer.
  public init?(_ fields: [String: String]) {
    guard let run = fields["run"].flatMap({ Int64($0) }), let slot = fields["slot"].flatMap({ Slot(rawValue: $0) }),
      let asOf = fields["as_of"].flatMap({ Int64($0) })
    else { return nil }
    self.init(
      run: run, slot: slot, asOf: asOf, publishedAt: fields["published_at"].flatMap { Int64($0) } ?? 0,
      rowCount: fields["rows"].flatMap { Int64($0) } ?? 0, previousRun: fields["previous_run"].flatMap { Int64($0) })
  }

  /// The field of a row that says which run has written it.
  public static let runField = "_run"

  /// Whether a row that was read from this pointer's slot is one of its run.
  public func isCurrent(_ row: [String: String]) -> Bool { row[Self.runField] == "\(run)" }

  // MARK: Keys

  /// The key of the pointer.
  public static func key(prefix: String, pipeline: String, view: String) -> String {
    "\(prefix):_freshet:batch:{\(pipeline)}:\(view)"
  }

  /// The key of an entity's row in this pointer's slot; nil for `entity: all`.
  public func rowKey(prefix: String, view: String, entityKey: String?) -> String {
    Self.rowKeyStart(prefix: prefix, view: view, slot: slot) + (entityKey.map { ":\($0)" } ?? "")
  }

  /// `{prefix}:{view}@batch:{slot}`: what stands before a row's entity key and its colon.
  public static func rowKeyStart(prefix: String, view: String, slot: Slot) -> String {
    "\(prefix):\(storedName(of: view, slot))"
  }

  static func storedName(of view: String, _ slot: Slot) -> String { "\(view)@batch:\(slot.rawValue)" }

  /// Whoever holds it runs the pipeline's batch lane; it expires.
  static func lockKey(prefix: String, pipeline: String) -> String { "\(prefix):_freshet:batch:{\(pipeline)}#lock" }

  /// The number of the last run that was begun, published or not.
  static func counterKey(prefix: String, pipeline: String) -> String { "\(prefix):_freshet:batch:{\(pipeline)}#run" }
}
