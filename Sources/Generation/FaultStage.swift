// Between the simulation and whoever renders: marks the tickets that a fault befalls, leaves dropped ones out, and holds those back that are
// late, until they are due. What comes out is in the order of due times; of those due at the same nanosecond the held ones come first.
//
//     Simulation --in order of event time--> [ decide ] --as it is-----------------------------> in order of due time
//                                               | late, reorder, copies --> HeldTickets --due-->
//                                               | drop --> (truth)

import Base
import Records
import Schema

/// Belongs to one thread.
final class FaultStage {
  private let plan: FaultPlan
  private let hasFaults: Bool
  private let held: HeldTickets
  /// Tickets of the simulation that have not been looked at.
  private let fresh: TicketBuffer
  private var freshIndex = 0
  private let stride: Int
  /// Writes down what happens.
  let truth: TruthLog?

  init(_ plan: GenerationPlan, truth: TruthLog?) {
    self.plan = FaultPlan(plan)
    hasFaults = !plan.schema.faults.isEmpty
    self.truth = truth
    held = HeldTickets(rowCount: plan.layout.count)
    fresh = TicketBuffer(rowCount: plan.layout.count, capacity: 256)
    stride = fresh.stride
  }

  /// How many records are held back, and the most there were at once.
  var heldCount: Int { held.count }
  var mostHeldCount: Int { held.mostCount }

  /// A time before which nothing is due; `Int64.max` when nothing comes any more.
  func nextTime(_ simulation: Simulation, end: Int64) -> Int64 {
    var time = held.nextDue
    if freshIndex < fresh.count {
      time = min(time, fresh.ticket(freshIndex).pointee.time)
    } else {
      let next = simulation.nextTime
      if next < end { time = min(time, next) }
    }
    return time
  }

  /// Empties the buffer and fills it with up to `maximumCount` of the tickets due before `limit`, in ns since the epoch.
  ///
  /// - Parameters:
  ///   - end: of event time, exclusive: what is held back then comes after it.
  ///   - sentMilliseconds: when they are sent; nil for when they are due.
  func fill(
    _ tickets: TicketBuffer, maximumCount: Int, before limit: Int64, end: Int64, sentMilliseconds: Int64?,
    from simulation: inout Simulation
  ) {
    tickets.count = 0
    let room = min(maximumCount, tickets.capacity)
    while tickets.count < room {
      if freshIndex == fresh.count {
        simulation.fill(fresh, maximumCount: fresh.capacity, before: min(limit, end))
        freshIndex = 0
      }
      let isFresh = freshIndex < fresh.count && fresh.ticket(freshIndex).pointee.time < limit
      let time = isFresh ? fresh.ticket(freshIndex).pointee.time : limit
      let nextDue = held.nextDue
      if nextDue <= time && nextDue < limit {
        let ticket = tickets.ticket(tickets.count)
        held.pop(to: ticket)
        send(ticket, sentMilliseconds)
        tickets.count += 1
      } else if isFresh {
        let ticket = fresh.ticket(freshIndex)
        freshIndex += 1
        if take(ticket) {
          let place = tickets.ticket(tickets.count)
          UnsafeMutableRawPointer(place).copyMemory(from: ticket, byteCount: stride)
          send(place, sentMilliseconds)
          tickets.count += 1
        }
      } else {
        return
      }
    }
  }

  /// Decides about a ticket; returns whether it goes out now.
  @inline(__always)
  private func take(_ ticket: UnsafeMutablePointer<Ticket>) -> Bool {
    guard hasFaults, let decision = plan.decide(ticket) else { return true }
    return apply(decision, ticket)
  }

  @inline(never)
  private func apply(_ decision: FaultPlan.Decision, _ ticket: UnsafeMutablePointer<Ticket>) -> Bool {
    ticket.pointee.marks.formUnion(decision.marks)
    if decision.marks.contains(.drop) {
      truth?.drop(ticket)
      return false
    }
    ticket.pointee.skew = decision.skew
    ticket.pointee.program = decision.program
    if decision.isRepeated { ticket.pointee.flags.insert(.repeated) }
    guard !decision.marks.isDisjoint(with: [.late, .reorder]) else { return true }
    ticket.pointee.due = ticket.pointee.time.clampedAdding(nanoseconds: decision.delay)
    held.push(ticket, due: ticket.pointee.due)
    return false
  }

  /// What becomes of a ticket that goes out: written down, and kept for its copy.
  @inline(__always)
  private func send(_ ticket: UnsafeMutablePointer<Ticket>, _ sentMilliseconds: Int64?) {
    truth?.send(ticket, sentMilliseconds)
    if ticket.pointee.flags.contains(.repeated) { keepCopy(ticket, sentMilliseconds) }
  }

  /// The copy says that it was sent when the original was.
  @inline(never)
  private func keepCopy(_ ticket: UnsafeMutablePointer<Ticket>, _ sentMilliseconds: Int64?) {
    ticket.pointee.flags.remove(.repeated)
    let due = ticket.pointee.due.clampedAdding(nanoseconds: plan.repeatDelay(ticket))
    let copy = held.push(ticket, due: due)
    copy.pointee.sent = sentMilliseconds ?? ticket.pointee.due.flooredMilliseconds
    copy.pointee.due = due
    copy.pointee.marks.insert(.duplicate)
  }

  /// Writes down what was never sent: at the end of a stream that ends before its held records are due.
  func finishTruth(_ simulation: Simulation) {
    truth?.finish(
      unsent: held, numbers: freshIndex < fresh.count ? fresh.ticket(freshIndex).pointee.number : simulation.number)
  }
}

extension Int64 {
  /// A time so much later; at most the last that is not `Int64.max`, which stands for never.
  @inline(__always)
  func clampedAdding(nanoseconds: Int64) -> Int64 {
    let (sum, isOver) = addingReportingOverflow(nanoseconds)
    return isOver ? .max - 1 : Swift.min(sum, .max - 1)
  }
}
