// Runs a plan on one thread: the simulation decides which records there are, the renderer writes them.
//
//     TicketStream --tickets--> Renderer --bytes--> RecordBatch

import Base
import Records
import Schema

/// When a stream begins, how fast it goes, and which part of it is wanted.
public struct GenerationSettings: Sendable {
  /// Event time of the start, in ms since the epoch.
  public var startMilliseconds: Int64
  /// In place of the schema's: records of the sessions, or of all streams together, per second of event time.
  public var load: LoadShape?
  public var shard: Shard
  /// Only the records of this stream; the schema's own name stands for its sessions. Nil for all.
  public var streamName: String?
  /// The stream ends after so many records.
  public var maximumCount: Int64?
  /// Exclusive end of event time, in ms since the epoch. Records of before that which faults hold back are sent after it.
  public var endMilliseconds: Int64?

  public init(
    startMilliseconds: Int64, eventsPerSecond: Double? = nil, shard: Shard = .whole, streamName: String? = nil,
    maximumCount: Int64? = nil, endMilliseconds: Int64? = nil
  ) {
    self.startMilliseconds = startMilliseconds
    load = eventsPerSecond.map { .constant($0) }
    self.shard = shard
    self.streamName = streamName
    self.maximumCount = maximumCount
    self.endMilliseconds = endMilliseconds
  }

  /// Times that nanoseconds since the epoch can hold with room for simulation: years 1684 to 2255.
  public static let representableMilliseconds: ClosedRange<Int64> = -9_000_000_000_000...9_000_000_000_000
}

/// A stream of records, taken in batches. Belongs to one thread.
public final class Generator {
  private let stream: TicketStream
  /// What happened so far, where it was asked for. Its text is to be taken after each batch.
  public let truth: TruthLog?
  private let renderer: Renderer
  private let tickets: TicketBuffer
  /// How many records have been written.
  public private(set) var eventCount: Int64 = 0

  /// Tickets per round: enough to make what is done per round cheap, few enough to stay in the first caches.
  private static let ticketCount = 256
  /// A batch is full with so many bytes, however few records that are: its slots count bytes in 32 bits.
  private static let batchByteCount = 1 << 30

  /// The start must lie within `GenerationSettings.representableMilliseconds`.
  ///
  /// - Parameter truth: asks for a log of what happens.
  public init(_ plan: GenerationPlan, _ settings: GenerationSettings, truth: TruthSettings? = nil) {
    self.truth = truth.map { TruthLog(plan, settings, $0) }
    stream = TicketStream(plan, settings, truth: self.truth)
    renderer = Renderer(plan)
    tickets = TicketBuffer(
      rowCount: plan.layout.count, capacity: min(max(Self.batchByteCount / plan.maximumRecordByteCount, 1), Self.ticketCount))
  }

  /// Sessions that wait for their next event.
  public var liveSessionCount: Int { stream.liveSessionCount }

  /// When the next record is due, in ns since the epoch; `Int64.max` when there is none.
  public var nextTimeNanoseconds: Int64 { stream.nextTime }

  /// Lets event time start at another moment than the one given, before the first record is taken. Only a stream under a load can: its times
  /// are those of the load, whatever the simulation's are. Returns whether it did.
  public func moveStart(toMilliseconds milliseconds: Int64) -> Bool {
    guard GenerationSettings.representableMilliseconds.contains(milliseconds) else { return false }
    return stream.moveStart(toMilliseconds: milliseconds)
  }

  /// Records that faults hold back, and the most there were at once.
  public var heldCount: Int { stream.heldCount }
  public var mostHeldCount: Int { stream.mostHeldCount }

  /// Completes the truth: what is held back now is never sent. Called once, when no batch is asked for any more.
  public func finishTruth() { stream.finishTruth() }

  /// Empties `batch` and fills it with the next records.
  ///
  /// - Parameters:
  ///   - maximumCount: records at most; the batch's slots bound it too, and 1 GiB.
  ///   - limitNanoseconds: only records due before this time, in ns since the epoch.
  ///   - sentMilliseconds: the time that `time: sent` writes; nil for when the record is due.
  ///   - times: where to put when each record was due, in ns since the epoch, with room for `maximumCount`.
  public func fill(
    _ batch: RecordBatch, maximumCount: Int, before limitNanoseconds: Int64, sentMilliseconds: Int64? = nil,
    times: UnsafeMutablePointer<Int64>? = nil
  ) {
    let limit = min(maximumCount, batch.slotCapacity)
    renderer.begin(batch)
    while batch.count < limit, batch.bytes.count < Self.batchByteCount {
      stream.fill(tickets, maximumCount: limit - batch.count, before: limitNanoseconds, sentMilliseconds: sentMilliseconds)
      if tickets.count == 0 { break }
      if let times {
        for index in 0..<tickets.count { times[batch.count + index] = tickets.ticket(index).pointee.due }
      }
      renderer.append(tickets, to: batch, sentMilliseconds: sentMilliseconds)
    }
    renderer.end(batch)
    eventCount += Int64(batch.count)
  }
}
