// What is to be written, in the order in which it is to be sent: the simulation, and whatever holds its tickets back. Whoever renders takes
// its tickets from here, be it one thread or several.

import Base
import Schema

/// Belongs to one thread.
final class TicketStream {
  private let plan: GenerationPlan
  private var settings: GenerationSettings
  private var simulation: Simulation
  /// Only where something goes wrong, or is written down.
  private let faults: FaultStage?
  /// Of event time, in ns since the epoch, exclusive.
  private var end: Int64
  /// Records that may still be taken.
  private var rest: Int64
  /// What is added to the simulation's times, in ns.
  private var offset: Int64 = 0
  let rowCount: Int

  /// The start must lie within `GenerationSettings.representableMilliseconds`.
  init(_ plan: GenerationPlan, _ settings: GenerationSettings, truth: TruthLog? = nil) {
    precondition(
      GenerationSettings.representableMilliseconds.contains(settings.startMilliseconds), "the start lies outside representable time"
    )
    self.plan = plan
    self.settings = settings
    simulation = Simulation(plan, settings)
    rest = settings.maximumCount ?? .max
    end = settings.endMilliseconds.map { min($0, GenerationSettings.representableMilliseconds.upperBound) * 1_000_000 } ?? .max
    faults = plan.schema.faults.isEmpty && truth == nil ? nil : FaultStage(plan, truth: truth)
    rowCount = plan.layout.count
  }

  deinit { simulation.deallocate() }

  var liveSessionCount: Int { simulation.liveSessionCount }

  /// When the next record is due, in ns since the epoch; `Int64.max` when there is none.
  var nextTime: Int64 {
    guard rest > 0 else { return .max }
    let time = faults.map { $0.nextTime(simulation, end: simulatedEnd) } ?? simulation.nextTime
    guard time < .max, faults != nil || time < simulatedEnd else { return .max }
    let shifted = time.addingReportingOverflow(offset)
    return shifted.overflow ? .max : shifted.partialValue
  }

  /// Whether all records that were asked for have been taken.
  var isComplete: Bool { rest <= 0 }

  /// Records that are held back, and the most there were at once.
  var heldCount: Int { faults?.heldCount ?? 0 }
  var mostHeldCount: Int { faults?.mostHeldCount ?? 0 }

  /// The end as the simulation counts.
  private var simulatedEnd: Int64 {
    guard end < .max, offset != 0 else { return end }
    let (time, isOver) = end.subtractingReportingOverflow(offset)
    return isOver ? .min : time
  }

  /// Begins anew at another moment, so that the records are those of a stream that was given this start; the end moves along. Only before the
  /// first record, and under a load: without one it is the arrivals that say when records are.
  func moveStart(toMilliseconds milliseconds: Int64) -> Bool {
    guard simulation.canMoveStart else { return false }
    let shift = milliseconds - settings.startMilliseconds
    settings.startMilliseconds = milliseconds
    simulation.deallocate()
    simulation = Simulation(plan, settings)
    if end < .max { end = end.clampedAdding(nanoseconds: shift * 1_000_000) }
    if let truth = faults?.truth {
      truth.stream.startMilliseconds += shift
      truth.stream.endMilliseconds = truth.stream.endMilliseconds.map { $0 + shift }
    }
    return true
  }

  /// Ends event time at another moment, exclusive.
  func moveEnd(toMilliseconds milliseconds: Int64) {
    end = min(milliseconds, GenerationSettings.representableMilliseconds.upperBound) * 1_000_000
  }

  /// Lets the next record happen at `time`, and those after it as much later as they would have: the world stood still in between. The end
  /// stays where it is.
  func resume(at time: Int64) {
    let next = nextTime
    if next < .max { offset += time - next }
  }

  /// Goes past `count` records as if they had been written; false where the stream ends before.
  func skip(_ count: Int64) -> Bool {
    let tickets = TicketBuffer(rowCount: rowCount, capacity: 1024)
    var left = count
    while left > 0 {
      fill(tickets, maximumCount: Int(min(left, 1024)), before: .max)
      if tickets.count == 0 { return false }
      left -= Int64(tickets.count)
    }
    return true
  }

  /// From the next record on, so many records per second; only for a stream under a load.
  func changeRate(_ perSecond: Double) { simulation.changeRate(perSecond) }

  /// Empties the buffer and fills it with up to `maximumCount` of the tickets due before `limit`, in ns since the epoch.
  ///
  /// - Parameter sentMilliseconds: when they are sent; nil for when they are due.
  func fill(_ tickets: TicketBuffer, maximumCount: Int, before limit: Int64, sentMilliseconds: Int64? = nil) {
    let count = Int(min(Int64(maximumCount), rest))
    let shifted = limit.subtractingReportingOverflow(offset)
    let limit = shifted.overflow ? (limit > 0 ? .max : .min) : shifted.partialValue
    if let faults {
      faults.fill(
        tickets, maximumCount: count, before: limit, end: simulatedEnd, sentMilliseconds: sentMilliseconds, from: &simulation)
    } else {
      simulation.fill(tickets, maximumCount: count, before: min(limit, simulatedEnd))
    }
    rest -= Int64(tickets.count)
    guard offset != 0 else { return }
    for index in 0..<tickets.count {
      let ticket = tickets.ticket(index)
      ticket.pointee.time &+= offset
      ticket.pointee.due &+= offset
      ticket.pointee.startedAt &+= offset
    }
  }

  /// Completes the truth, where it is written: what is held back now is never sent.
  func finishTruth() { faults?.finishTruth(simulation) }
}
