// How long records take on their way, as one worker measures it and others read it:
//
//   event --> log --> read --> applied --> visible
//   its time  Kafka's polled   in the      the store has confirmed
//             time             windows     the rows that show it
//
// Every record counts. Records that follow each other with equal times are noted as one, so that a fast stream costs little; a lock is taken once per
// batch and once per flush.

import Base
import Measuring
import Synchronization

public final class StageMeasures: Sendable {
  /// Of every record that came by a log with times of its own.
  public let eventToLog = DurationHistogram()
  public let logToRead = DurationHistogram()
  public let readToApplied = DurationHistogram()
  /// Views that are written in one rhythm become visible together, and share what is measured.
  public let rhythms: [Rhythm]
  /// Views whose windows close: from the window's end to the confirmed row.
  public let closings: [Closing]
  private let oldestPending = Atomic<Int64>(.max)

  public struct Rhythm: Sendable {
    public var emitEveryMilliseconds: Int64
    public var viewNames: [String]
    public let appliedToVisible = DurationHistogram()
    public let eventToVisible = DurationHistogram()
  }

  public struct Closing: Sendable {
    public var viewName: String
    public let endToVisible = DurationHistogram()
  }

  /// Per view of the plan.
  let rhythmOfView: [Int?]
  /// By the index of the view in the pipeline.
  let closingOfView: [Int: Int]

  public init(_ plan: ProcessingPlan) {
    let views = zip(plan.views, plan.emitEvery).map { (index: $0, name: plan.pipelineViews[$0].name, emitEvery: $1) }
    var rhythms: [Rhythm] = []
    var closings: [Closing] = []
    var rhythmOfView: [Int?] = []
    var closingOfView: [Int: Int] = [:]
    for view in views {
      if let every = view.emitEvery {
        let place = rhythms.firstIndex { $0.emitEveryMilliseconds == every } ?? rhythms.count
        if place == rhythms.count { rhythms.append(Rhythm(emitEveryMilliseconds: every, viewNames: [])) }
        rhythms[place].viewNames.append(view.name)
        rhythmOfView.append(place)
      } else {
        rhythmOfView.append(nil)
        closingOfView[view.index] = closings.count
        closings.append(Closing(viewName: view.name))
      }
    }
    (self.rhythms, self.closings) = (rhythms, closings)
    (self.rhythmOfView, self.closingOfView) = (rhythmOfView, closingOfView)
  }

  /// When the record happened that has waited longest to become visible, ms since the epoch; nil where none waits.
  public var oldestPendingEventAt: Int64? {
    let time = oldestPending.load(ordering: .relaxed)
    return time == .max ? nil : time
  }

  func note(oldestPendingEventAt time: Int64?) { oldestPending.store(time ?? .max, ordering: .relaxed) }
}

/// Records of one partition that are in state and not visible yet, in runs of equal event times, oldest first. Each rhythm of writing has a place
/// in them, up to which its rows have been written.
struct PendingRecords {
  struct Run: BitwiseCopyable {
    var eventTime: Int64
    /// By the monotonic clock, in ns.
    var appliedAt: UInt64
    var count: Int
  }

  /// While the store is away runs are merged in pairs beyond that many, each pair at its older time.
  static let runCountMax = 1 << 16

  private var runs: ContiguousArray<Run> = []
  /// Per rhythm: runs before it are visible; and those before the mark have been drained.
  private var visible: [Int]
  private var drained: [Int]

  init(rhythmCount: Int) {
    visible = Array(repeating: 0, count: rhythmCount)
    drained = visible
  }

  var oldestEventTime: Int64? {
    guard let place = visible.min(), place < runs.count else { return nil }
    return runs[place].eventTime
  }

  mutating func append(_ times: ContiguousArray<Int64>, appliedAt: UInt64) {
    guard !visible.isEmpty else { return }
    for time in times {
      if let last = runs.indices.last, runs[last].eventTime == time, runs[last].appliedAt == appliedAt {
        runs[last].count += 1
      } else {
        runs.append(Run(eventTime: time, appliedAt: appliedAt, count: 1))
      }
    }
    if runs.count > Self.runCountMax { thinOut() }
  }

  /// Merges neighbours; places move to the beginning of the pair that they stood in, so nothing counts as visible too early.
  private mutating func thinOut() {
    var thinned: ContiguousArray<Run> = []
    thinned.reserveCapacity(runs.count)
    var index = 0
    while index < runs.count {
      var run = runs[index]
      if index + 1 < runs.count {
        run.eventTime = min(run.eventTime, runs[index + 1].eventTime)
        run.count += runs[index + 1].count
      }
      thinned.append(run)
      index += 2
    }
    runs = thinned
    for rhythm in visible.indices {
      visible[rhythm] /= 2
      drained[rhythm] /= 2
    }
  }

  mutating func noteDrained(rhythm: Int) { drained[rhythm] = runs.count }

  /// What of a rhythm has been drained is visible now: tells of it, once.
  mutating func takeVisible(rhythm: Int, _ body: (Run) -> Void) {
    for index in visible[rhythm]..<max(visible[rhythm], drained[rhythm]) { body(runs[index]) }
    visible[rhythm] = max(visible[rhythm], drained[rhythm])
  }

  func hasDrained(rhythm: Int) -> Bool { drained[rhythm] > visible[rhythm] }

  /// Forgets what is visible in every rhythm.
  mutating func compact() {
    guard let done = visible.min(), done > 0 else { return }
    runs.removeFirst(done)
    for rhythm in visible.indices {
      visible[rhythm] -= done
      drained[rhythm] -= done
    }
  }

  mutating func removeAll() {
    runs.removeAll(keepingCapacity: true)
    for rhythm in visible.indices { (visible[rhythm], drained[rhythm]) = (0, 0) }
  }
}
