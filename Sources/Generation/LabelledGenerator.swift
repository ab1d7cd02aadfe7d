// A stream made again, with the labels of a truth file in place of the draws that decided about its faults: what it gives follows from the
// clean stream and the labels alone.
//
//     Simulation --clean tickets--> labels --> Renderer --> RecordBatch       in the order of event time

import Base
import Records
import Schema

/// What a truth file says of one record.
public struct RecordLabels: Sendable {
  public var marks: RecordMarks = []
  /// It was held back until the stream ended.
  public var isUnsent = false
  /// How many times it went out again.
  public var copyCount = 0
  /// The dotted path of its faulty field.
  public var field: String?
  public var skewMilliseconds: Int64 = 0
  /// When it went out first, in ms since the epoch; nil where that was at its time.
  public var sentMilliseconds: Int64?
  /// By how much it was held back.
  public var delayMilliseconds: Int64 = 0

  public init() {}

  /// Whether it went out at all.
  public var isSent: Bool { !isUnsent && !marks.contains(.drop) }
}

/// Belongs to one thread.
public final class LabelledGenerator {
  private let plan: GenerationPlan
  private var simulation: Simulation
  private let renderer: Renderer
  private let tickets: TicketBuffer
  private let end: Int64
  private let numbers: UInt64
  private let labels: (Int64) -> RecordLabels?

  /// - Parameters:
  ///   - numbers: how many records of the clean stream there were.
  ///   - labels: what befell the record with a number; nil gives the clean stream.
  public init(
    _ plan: GenerationPlan, _ settings: GenerationSettings, numbers: UInt64,
    labels: @escaping (Int64) -> RecordLabels? = { _ in nil }
  ) {
    self.plan = plan
    simulation = Simulation(plan, settings)
    renderer = Renderer(plan)
    tickets = TicketBuffer(rowCount: plan.layout.count, capacity: 256)
    end = settings.endMilliseconds.map { min($0, GenerationSettings.representableMilliseconds.upperBound) * 1_000_000 } ?? .max
    self.numbers = numbers
    self.labels = labels
  }

  deinit { simulation.deallocate() }

  /// Empties `batch` and fills it with the next records as they went out (with their faults, without copies), and with those that did not as they
  /// would have been; a slot's `offset` is its record's number, its `timestamp` the time at which it happened. Returns false at the end.
  public func fill(_ batch: RecordBatch) -> Bool {
    renderer.begin(batch)
    simulation.fill(tickets, maximumCount: min(tickets.capacity, batch.slotCapacity), before: end)
    while tickets.count > 0, tickets.ticket(tickets.count - 1).pointee.number >= numbers { tickets.count -= 1 }
    for index in 0..<tickets.count {
      let ticket = tickets.ticket(index)
      if let labels = labels(Int64(bitPattern: ticket.pointee.number)) { apply(labels, to: ticket) }
    }
    renderer.append(tickets, to: batch)
    renderer.end(batch)
    return batch.count > 0
  }

  private func apply(_ labels: RecordLabels, to ticket: UnsafeMutablePointer<Ticket>) {
    ticket.pointee.marks.formUnion(labels.marks)
    ticket.pointee.skew = labels.skewMilliseconds
    if let field = labels.field {
      let choices = labels.marks.contains(.missing) ? plan.missingPrograms : plan.wrongTypePrograms
      let program = Int(ticket.pointee.program)
      let found = program < choices.count ? choices[program].first { plan.faultyFields[$0] == field } : nil
      if let found { ticket.pointee.program = found }
    }
    if let sent = labels.sentMilliseconds {
      // Not at its time, so that the renderer asks when.
      ticket.pointee.sent = sent
      ticket.pointee.due = ticket.pointee.time.clampedAdding(nanoseconds: 1)
    }
  }
}
