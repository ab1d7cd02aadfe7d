// Records and values that a view did not count: counted by view and reason, and kept by row for whoever passes them on or shows an example.
// All of this is off the fold's common path.

import Base
import Records

/// A record that a view did not count, or a value of it that an aggregate of the view could not take.
public struct Refusal: BitwiseCopyable, Sendable, Equatable {
  public enum Reason: UInt8, BitwiseCopyable, Sendable {
    /// All windows of the record had closed, or no feature can show it any more.
    case late
    /// No key: missing, null, or neither text nor integer.
    case keyless
    /// A value of a type that its aggregate does not take; the record itself counted.
    case typeMismatch
    /// A sum left the range of 64-bit integers or of doubles with this record, which counted.
    case overflow
    /// A set of distinct values outgrew its limit with this record, which counted.
    case limit
    /// The record's key is not there, and there is no room for another.
    case full
  }

  /// The row of the record in the batch that was being applied.
  public var row: Int32
  /// The view's place in the engine's specification.
  public var view: Int32
  public var reason: Reason
  /// `.late`: how far behind the greatest event time of the partition the record came, in ms; else 0.
  public var lateBy: Int64
  /// `.late`: the least `lateness` in ms with which the view would have counted it (for sessions: with which it would have begun one); -1 where
  /// none would have, because the view shows current values, which go by the stream time (unless of sessions). Else 0.
  public var latenessNeeded: Int64

  public init(row: Int32, view: Int32, reason: Reason, lateBy: Int64 = 0, latenessNeeded: Int64 = 0) {
    self.row = row
    self.view = view
    self.reason = reason
    self.lateBy = lateBy
    self.latenessNeeded = latenessNeeded
  }
}

extension WindowEngine {
  /// Forgets the refusals, once they have been looked at.
  public func clearRefusals() { refusals.removeAll(keepingCapacity: true) }

  /// Counts a record for each of `views` (a bit each) that wanted it and did not get it; `full` are those that had no room for its key.
  @inline(never)
  func countRefused(_ views: UInt64, _ full: UInt64, row: Int, time: Int64, isKeyless: Bool, in space: KeySpace) {
    var rest = views
    while rest != 0 {
      let view = space.plan.views[rest.trailingZeroBitCount]
      let isFull = full & rest & (0 &- rest) != 0
      rest &= rest &- 1
      if isFull {
        recordCounts.full[view.position] += 1
        if recordCounts.full[view.position] == 1 { note(.full, row, view) }
      } else if isKeyless {
        recordCounts.keyless[view.position] += 1
        if recordCounts.keyless[view.position] == 1 { note(.keyless, row, view) }
      } else {
        recordCounts.late[view.position] += 1
        guard keepsLateRecords || recordCounts.late[view.position] == 1 else { continue }
        note(
          .late, row, view, lateBy: eventTime.watermark.streamTime - time,
          latenessNeeded: latenessNeeded(toCount: time, view, in: space))
      }
    }
  }

  /// Counts what merging the sessions or steps of `group` could not do; `row` is the record that merged them, nil where time did.
  @inline(never)
  func countMergeFailures(of group: PaneGroup, row: Int?, in space: KeySpace) {
    for failure in group.mergeFailures {
      countFoldFailures(failure.counts, row: row, group.accumulators[failure.accumulator], in: space)
    }
    group.mergeFailures.removeAll()
  }

  /// Counts what folding a value could not do, for each view that shows the accumulator.
  @inline(never)
  func countFoldFailures(_ failures: FoldCounts, row: Int?, _ accumulator: AccumulatorPlan, in space: KeySpace) {
    foldCounts.add(failures)
    var rest = accumulator.views
    while rest != 0 {
      let view = space.plan.views[rest.trailingZeroBitCount]
      rest &= rest &- 1
      if failures.typeMismatches != 0 {
        recordCounts.typeMismatchesOfView[view.position] += failures.typeMismatches
        if recordCounts.typeMismatchesOfView[view.position] == 1 { note(.typeMismatch, row, view) }
      }
      if failures.overflows != 0 {
        recordCounts.overflowsOfView[view.position] += failures.overflows
        if recordCounts.overflowsOfView[view.position] == 1 { note(.overflow, row, view) }
      }
      if failures.limits != 0 {
        recordCounts.limitsOfView[view.position] += failures.limits
        if recordCounts.limitsOfView[view.position] == 1 { note(.limit, row, view) }
      }
    }
  }

  private func note(_ reason: Refusal.Reason, _ row: Int?, _ view: KeySpaceView, lateBy: Int64 = 0, latenessNeeded: Int64 = 0) {
    guard let row else { return }
    refusals.append(
      Refusal(row: Int32(row), view: Int32(view.position), reason: reason, lateBy: lateBy, latenessNeeded: latenessNeeded))
  }

  /// The least lateness with which a view of windows that close would still have had a window open for a record of `time`; of sessions, with which the record
  /// would have begun one: a little less may do where there was one to join.
  private func latenessNeeded(toCount time: Int64, _ view: KeySpaceView, in space: KeySpace) -> Int64 {
    let groups = view.aggregates.lazy.map { space.groups[$0.group] }
    guard let group = groups.first(where: { $0.isClosing || $0.isSession }) else { return -1 }
    // The window is open while the watermark is below its end - 1.
    return eventTime.watermark.completeTime - group.lastEnd(of: time) + 2
  }
}
