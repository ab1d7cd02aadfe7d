// Batches of records, rendered by one thread or by several. The thread that asks runs the simulation; with several, tickets go round a ring of
// batches that workers render, and come back in their order, so the bytes are the same with any number of them.
//
//     caller: simulate -> slot 0, slot 1, ...          worker w: renders the slots w, w + workers, ...
//     caller: waits for the oldest slot, hands it out, and uses it again at the next call

import Base
import Dispatch
import Records
import Schema

/// What a producer hands out; valid until the next one is asked for.
public final class ProducedBatch: @unchecked Sendable {
  public let batch: RecordBatch
  /// When each record was due, in ns since the epoch; `batch.count` of them.
  public let times: UnsafeMutablePointer<Int64>
  fileprivate let tickets: TicketBuffer
  fileprivate var sentMilliseconds: Int64?
  fileprivate var isEnd = false
  // A slot belongs to the caller, then to its worker, then to the caller again; these hand it over.
  fileprivate let filled = DispatchSemaphore(value: 0)
  fileprivate let rendered = DispatchSemaphore(value: 0)

  fileprivate init(rowCount: Int) {
    batch = RecordBatch(slotCapacity: RecordProducer.batchCount, byteCapacity: RecordProducer.batchCount * 512)
    times = .allocate(capacity: RecordProducer.batchCount)
    tickets = TicketBuffer(rowCount: rowCount, capacity: RecordProducer.batchCount)
  }

  deinit { times.deallocate() }

  fileprivate func render(_ renderer: Renderer) {
    renderer.begin(batch)
    renderer.append(tickets, to: batch, sentMilliseconds: sentMilliseconds)
    renderer.end(batch)
    for index in 0..<tickets.count { times[index] = tickets.ticket(index).pointee.due }
  }
}

/// A stream of records. Belongs to one thread, whatever helps it.
public final class RecordProducer {
  /// Records per batch at most: enough to make what is done per batch cheap, few enough to stay in the second cache.
  public static let batchCount = 1024

  private let stream: TicketStream
  /// What happened so far, where it was asked for. Its text is to be taken after each batch.
  public let truth: TruthLog?
  private let slots: [ProducedBatch]
  private let workers: [JoinableThread]
  /// Present where the caller renders by itself.
  private let renderer: Renderer?
  /// The next slot to fill, and how many are with the workers or wait to be handed out: never all, as one is with the caller.
  private var next = 0
  private var pending = 0

  /// Records per batch where they are large: a batch of the longest ones stays within this many bytes, and so within what its slots can say.
  private static let batchByteCount = 64 << 20
  private let batchCount: Int
  /// Slots per worker: one is rendered while the other is filled or written.
  private static let slotsPerWorker = 3

  /// The start must lie within `GenerationSettings.representableMilliseconds`; 1 thread renders where it is asked.
  ///
  /// - Parameter truth: asks for a log of what happens.
  public init(_ plan: GenerationPlan, _ settings: GenerationSettings, threadCount: Int = 1, truth: TruthSettings? = nil) {
    self.truth = truth.map { TruthLog(plan, settings, $0) }
    stream = TicketStream(plan, settings, truth: self.truth)
    let rowCount = stream.rowCount
    batchCount = min(max(Self.batchByteCount / plan.maximumRecordByteCount, 1), Self.batchCount)
    let workerCount = max(threadCount - 1, 0)
    slots = (0..<max(workerCount * Self.slotsPerWorker, 1)).map { _ in ProducedBatch(rowCount: rowCount) }
    renderer = workerCount == 0 ? Renderer(plan) : nil
    let slots = self.slots
    workers = (0..<workerCount).map { worker in
      JoinableThread {
        let renderer = Renderer(plan)
        var place = worker
        while true {
          let slot = slots[place]
          slot.filled.wait()
          if slot.isEnd { return }
          slot.render(renderer)
          slot.rendered.signal()
          place = (place + workerCount) % slots.count
        }
      }
    }
  }

  deinit {
    // Every slot is the caller's before the end is said.
    while pending > 0 { _ = take() }
    for slot in slots { slot.isEnd = true }
    for slot in slots where !workers.isEmpty { slot.filled.signal() }
    for worker in workers { try? worker.join() }
  }

  public var liveSessionCount: Int { stream.liveSessionCount }

  /// When the next record is due, in ns since the epoch; `Int64.max` when there is none.
  public var nextTimeNanoseconds: Int64 { pending > 0 ? slots[oldest].firstTime : stream.nextTime }

  /// As `Generator.moveStart`.
  public func moveStart(toMilliseconds milliseconds: Int64) -> Bool {
    guard GenerationSettings.representableMilliseconds.contains(milliseconds) else { return false }
    return stream.moveStart(toMilliseconds: milliseconds)
  }

  /// Ends event time at another moment, exclusive; nothing may be on its way.
  public func moveEnd(toMilliseconds milliseconds: Int64) { stream.moveEnd(toMilliseconds: milliseconds) }

  /// Whether all records that were asked for have been handed out.
  public var isComplete: Bool { stream.isComplete && pending == 0 }

  /// Records that faults hold back, and the most there were at once.
  public var heldCount: Int { stream.heldCount }
  public var mostHeldCount: Int { stream.mostHeldCount }

  /// Completes the truth: what is held back now is never sent. Called once, when no batch is asked for any more.
  public func finishTruth() { stream.finishTruth() }

  /// Goes past `count` records as if they had been handed out; false where the stream ends before. Only before the first is asked for.
  public func skip(_ count: Int64) -> Bool { stream.skip(count) }

  /// Lets the next record happen at this time (ns since the epoch), and those after it as much later as they would have. Nothing may be on
  /// its way.
  public func resume(atNanoseconds time: Int64) { stream.resume(at: time) }

  /// From the next simulated record on, so many records per second; only for a stream under a load.
  public func changeRate(_ perSecond: Double) { stream.changeRate(perSecond) }

  /// The next records due before `limit` (ns since the epoch), nil where there are none.
  ///
  /// - Parameter sentMilliseconds: the time that `time: sent` writes; nil for when each record is due.
  public func next(before limit: Int64, sentMilliseconds: Int64? = nil) -> ProducedBatch? {
    if let renderer {
      let slot = slots[0]
      guard simulate(slot, limit, sentMilliseconds) else { return nil }
      slot.render(renderer)
      return slot
    }
    while pending < slots.count - 1, simulate(slots[next], limit, sentMilliseconds) {
      slots[next].filled.signal()
      next = (next + 1) % slots.count
      pending += 1
    }
    guard pending > 0 else { return nil }
    return take()
  }

  private var oldest: Int { (next + slots.count - pending) % slots.count }

  private func simulate(_ slot: ProducedBatch, _ limit: Int64, _ sentMilliseconds: Int64?) -> Bool {
    stream.fill(slot.tickets, maximumCount: batchCount, before: limit, sentMilliseconds: sentMilliseconds)
    slot.sentMilliseconds = sentMilliseconds
    return slot.tickets.count > 0
  }

  private func take() -> ProducedBatch {
    let slot = slots[oldest]
    slot.rendered.wait()
    pending -= 1
    return slot
  }
}

extension ProducedBatch {
  fileprivate var firstTime: Int64 { tickets.ticket(0).pointee.due }
}
