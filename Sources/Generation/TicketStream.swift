// What is to be written, in the order in which it is to be sent: the simulation, and whatever holds its tickets back. Whoever renders takes
// its tickets from here, be it one thread or several.

import Base
import Schema

/// Belongs to one thread.
final class TicketStream {
  private var simulation: Simulation
  /// Records that may still be taken.
  private var rest: Int64
  let rowCount: Int

  /// The start must lie within `GenerationSettings.representableMilliseconds`.
  init(_ plan: GenerationPlan, _ settings: GenerationSettings) {
    precondition(
      GenerationSettings.representableMilliseconds.contains(settings.startMilliseconds), "the start lies outside representable time"
    )
    simulation = Simulation(plan, settings)
    rest = settings.maximumCount ?? .max
    rowCount = plan.layout.count
  }

  deinit { simulation.deallocate() }

  var liveSessionCount: Int { simulation.liveSessionCount }

  /// When the next record is due, in ns since the epoch; `Int64.max` when there is none.
  var nextTime: Int64 { rest > 0 ? simulation.nextTime : .max }

  func moveStart(_ nanoseconds: Int64) -> Bool { simulation.moveStart(nanoseconds) }

  /// Empties the buffer and fills it with up to `maximumCount` of the tickets due before `limit`, in ns since the epoch.
  func fill(_ tickets: TicketBuffer, maximumCount: Int, before limit: Int64) {
    simulation.fill(tickets, maximumCount: Int(min(Int64(maximumCount), rest)), before: limit)
    rest -= Int64(tickets.count)
  }
}
