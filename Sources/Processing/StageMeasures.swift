// How long records take on their way, as one worker measures it and others read it:
//
//   event --> log --> read --> applied --> visible
//   its time  Kafka's polled   in the      the store has confirmed
//             time             windows     the rows that show it
//
// Every record counts that could be read, also one of a backlog: its delay is real. Records that are read again after a crash, up to what their rows had
// shown, count in no stage, because they have been on their way before. Records of a batch with equal times are counted together, and a lock is taken
// once per batch and once per flush, so that a fast stream costs little.
//
// "log" is the time that the record has in Kafka: by default the one that its producer gave it when it was handed over, with LogAppendTime the
// broker's. Where a source takes that as the event's time, the first stage is 0.

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
