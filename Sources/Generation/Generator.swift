// Runs a plan: sessions arrive, walk through their states, and each step writes one event into the batch. The order is that of event time:
// a heap holds one entry per live session and one for the coming arrival; while no session is alive, arrivals bypass it.
//
//     arrival ---> [ slot: rows, identifier, random ] --emit--> transition --think--> heap
//                                                        \--> exit or timeout: slot released
//
// The order of draws of a session is fixed (actor, identifier, state; then per event: bindings, fields, transition, pause), so a session
// does the same whatever happens around it.

import Base
import Records
import Schema

/// When a stream begins and how fast it goes.
public struct GenerationSettings: Sendable {
  /// Event time of the start, in ms since the epoch.
  public var startMilliseconds: Int64
  /// Events per second of event time; nil leaves the times to the simulation.
  public var eventsPerSecond: Double?

  public init(startMilliseconds: Int64, eventsPerSecond: Double? = nil) {
    self.startMilliseconds = startMilliseconds
    self.eventsPerSecond = eventsPerSecond
  }

  /// Times that nanoseconds since the epoch can hold with room for simulation: years 1684 to 2255.
  public static let representableMilliseconds: ClosedRange<Int64> = -9_000_000_000_000...9_000_000_000_000
}

/// An endless stream of events, taken in batches. Belongs to one thread.
public final class Generator {
  private let plan: GenerationPlan
  /// Of event time.
  private var startNanoseconds: Int64
  /// Of the simulation: what the heap's keys count from. Earlier than the start of event time under a rate.
  private let originNanoseconds: Int64
  private var eventsPerSecond: Double?
  private let sessionSeed: UInt64
  private var arrivals: ArrivalProcess
  private var heap = RadixHeap()
  private var pool: SessionPool
  private var context: EventContext
  /// What comes next: due at `head.key` nanoseconds after the origin, `arrivalSlot` for a new session.
  private var head: HeapItem
  private let timeTexts: UnsafeMutablePointer<UInt8>
  private var escapedKeys: [(index: Int, start: Int, count: Int)] = []

  private static let arrivalSlot = UInt32.max

  /// The start must lie within `GenerationSettings.representableMilliseconds`, and a rate must be positive.
  public init(_ plan: GenerationPlan, _ settings: GenerationSettings) {
    precondition(
      GenerationSettings.representableMilliseconds.contains(settings.startMilliseconds), "the start lies outside representable time"
    )
    precondition(settings.eventsPerSecond ?? 1 > 0, "a rate must be positive")
    self.plan = plan
    startNanoseconds = settings.startMilliseconds * 1_000_000
    originNanoseconds = startNanoseconds - (settings.eventsPerSecond.map { Self.warmUpNanoseconds(plan, $0) } ?? 0)
    sessionSeed = GenerationSeeds.sessions(plan.seed)
    // A rate replaces the profile: the sessions that it takes arrive evenly.
    arrivals = ArrivalProcess(
      seed: GenerationSeeds.arrivals(plan.seed),
      perSecond: settings.eventsPerSecond.map { $0 / plan.expectedEventsPerSession } ?? plan.arrivalsPerSecond,
      profile: settings.eventsPerSecond == nil ? plan.profile : nil, startNanoseconds: originNanoseconds)
    pool = SessionPool(rowCount: plan.rowCount)
    timeTexts = .allocate(capacity: 128)
    timeTexts.initialize(repeating: 0, count: 128)
    context = EventContext(
      normals: .shared, timeText: timeTexts, sentText: timeTexts, scratchRow: plan.rowCount - 1, keyStart: timeTexts)
    head = HeapItem(key: 0, order: 0, slot: Self.arrivalSlot)
    head.key = key(arrivals.time)
    if let rate = settings.eventsPerSecond {
      warmUp()
      eventsPerSecond = rate
    }
  }

  deinit {
    heap.deallocate()
    pool.deallocate()
    timeTexts.deallocate()
  }

  /// How many events have been written.
  public var eventCount: Int64 { Int64(context.sequence) }

  /// Sessions that wait for their next event.
  public var liveSessionCount: Int { pool.liveCount }

  /// When the next event happens, in ns since the epoch; `Int64.max` when representable time is over.
  public var nextTimeNanoseconds: Int64 { time(of: head, context.sequence) }

  /// Empties `batch` and fills it with the next events.
  ///
  /// - Parameters:
  ///   - maximumCount: events at most; the batch's slots bound it too.
  ///   - limitNanoseconds: only events before this time, in ns since the epoch.
  ///   - sentMilliseconds: the time that `time: sent` writes; nil for that of the event.
  ///   - times: where to put the time of each event in ns since the epoch, with room for `maximumCount`.
  public func fill(
    _ batch: RecordBatch, maximumCount: Int, before limitNanoseconds: Int64, sentMilliseconds: Int64? = nil,
    times: UnsafeMutablePointer<Int64>? = nil
  ) {
    batch.removeAll()
    escapedKeys.removeAll(keepingCapacity: true)
    setSentTime(sentMilliseconds)
    let recordLimit = min(maximumCount, batch.slotCapacity)
    let recordRoom = plan.maximumRecordByteCount
    let slots = batch.slots
    // Locals for the whole batch: the compiler keeps them in registers and need not look whether a store changed them.
    var context = context
    var arrivals = arrivals
    var heap = heap
    var pool = pool
    var head = head
    let plan = plan
    let isTimeSent = sentMilliseconds == nil
    var count = 0
    batch.bytes.reserve(recordRoom)
    var base = batch.bytes.base
    var cursor = base
    var roomEnd = base + batch.bytes.capacity - recordRoom
    while count < recordLimit {
      let time = time(of: head, context.sequence)
      guard time < limitNanoseconds else { break }
      if cursor > roomEnd {
        batch.bytes.count = cursor - base
        batch.bytes.reserve(max(recordRoom, batch.bytes.capacity))
        cursor = batch.bytes.base + (cursor - base)
        base = batch.bytes.base
        roomEnd = base + batch.bytes.capacity - recordRoom
      }
      context.setTime(Self.milliseconds(time))
      if isTimeSent { context.sentMilliseconds = context.milliseconds }
      context.sequence &+= 1
      let isArrival = head.slot == Self.arrivalSlot
      let slot = isArrival ? pool.take() : head.slot
      let header = pool.header(slot)
      if isArrival { begin(header, arrivals, context.milliseconds, context.normals) }
      var random = header.pointee.random
      let rows = SessionPool.rows(header)
      let state = plan.states + Int(header.pointee.state)
      for bind in 0..<Int(state.pointee.bindCount) {
        let bind = plan.binds + (Int(state.pointee.firstBind) &+ bind)
        rows[bind.pointee.row] = bind.pointee.picker.draw(&random)
      }
      let start = cursor
      cursor = EventWriter.write(
        state.pointee.ops, to: cursor, random: &random, identifier: header.pointee.identifier, rows: rows, context: &context)
      slots[count] = RecordSlot(
        valueStart: UInt32(truncatingIfNeeded: start - base), valueCount: UInt32(truncatingIfNeeded: cursor - start - 1),
        keyStart: UInt32(truncatingIfNeeded: context.keyStart - base), keyCount: plan.hasKey ? context.keyCount : -1,
        timestamp: context.milliseconds)
      if plan.hasKey && context.keyMayHaveEscapes { noteEscapes(count, context.keyStart - base, Int(context.keyCount)) }
      if let times { times[count] = time }
      count &+= 1

      let next = Self.step(state, &random, context.normals, timeout: plan.timeoutNanoseconds)
      if next.state >= 0 {
        header.pointee.random = random
        header.pointee.state = next.state
        heap.push(HeapItem(key: head.key &+ UInt64(bitPattern: next.pause), order: header.pointee.order, slot: slot))
      } else {
        pool.release(slot)
      }
      if isArrival {
        arrivals.advance()
        let key = key(arrivals.time)
        if heap.count == 0 {
          // Nobody is alive: the next arrival is the next event.
          head.key = key
          heap.restart(at: key)
          continue
        }
        heap.push(HeapItem(key: key, order: .max, slot: Self.arrivalSlot))
      }
      head = heap.pop()
    }
    self.context = context
    self.arrivals = arrivals
    self.heap = heap
    self.pool = pool
    self.head = head
    batch.count = count
    batch.bytes.count = cursor - base
    batch.lineByteCount = cursor - base
    if !escapedKeys.isEmpty { appendEscapedKeys(to: batch) }
  }

  // MARK: - Under a rate

  /// The most events that a warm-up draws: a fraction of a second of work.
  private static let warmUpEventLimit = 1_000_000.0

  /// With nobody alive at the start, an exact rate would hurry the first sessions through their pauses. So the simulation begins earlier,
  /// by a few lengths of a session where that is not too many events.
  private static func warmUpNanoseconds(_ plan: GenerationPlan, _ eventsPerSecond: Double) -> Int64 {
    Int64(min(4e6 * plan.expectedSessionMilliseconds, warmUpEventLimit / eventsPerSecond * 1e9, 1e17))
  }

  private func warmUp() {
    let batch = RecordBatch(slotCapacity: 1024)
    var count = 0
    repeat {
      fill(batch, maximumCount: 1024, before: startNanoseconds)
      count += batch.count
    } while batch.count > 0 && count < Int(2 * Self.warmUpEventLimit)
    context.sequence = 0
  }

  /// Lets event time start at another moment than the one given, before the first event is taken. Only a stream under a rate can: its times
  /// are those of the rate, whatever the simulation's are. Returns whether it did.
  public func moveStart(toMilliseconds milliseconds: Int64) -> Bool {
    guard eventsPerSecond != nil, context.sequence == 0, GenerationSettings.representableMilliseconds.contains(milliseconds)
    else { return false }
    startNanoseconds = milliseconds * 1_000_000
    return true
  }

  // MARK: - Sessions

  /// Fills the slot of a session that arrives now.
  @inline(__always)
  private func begin(
    _ header: UnsafeMutablePointer<SessionHeader>, _ arrivals: ArrivalProcess, _ milliseconds: Int64, _ normals: NormalTable
  ) {
    let block = UInt64(bitPattern: arrivals.block)
    var random = Random(seed: sessionSeed, block, arrivals.index)
    header.pointee.order = UInt32(truncatingIfNeeded: random.state)
    SessionPool.rows(header)[0] = plan.actor.draw(&random)
    header.pointee.identifier = plan.identifierIsV7 ? .v7(milliseconds: milliseconds, &random) : .v4(&random)
    let start = plan.initialCount == 1 ? 0 : AliasTable.sample(plan.initialStates, count: plan.initialCount, &random)
    header.pointee.state = plan.initialTargets[start]
    header.pointee.random = random
  }

  /// The state after this one, -1 when the session ends here, and the pause before it.
  @inline(__always)
  private static func step(
    _ state: UnsafePointer<StatePlan>, _ random: inout Random, _ normals: NormalTable, timeout: Int64
  ) -> (state: Int32, pause: Int64) {
    let count = state.pointee.targetCount
    let edge = count == 1 ? 0 : AliasTable.sample(state.pointee.transitions, count: count, &random)
    let target = state.pointee.targets[edge]
    guard target >= 0 else { return (-1, 0) }
    let pause = state.pointee.think.draw(&random, normals)
    return pause > timeout ? (-1, 0) : (target, pause)
  }

  // MARK: - Time

  /// Nanoseconds after the origin.
  @inline(__always)
  private func key(_ time: Int64) -> UInt64 { UInt64(bitPattern: time &- originNanoseconds) }

  /// The time that event number `index` (from 0) bears.
  @inline(__always)
  private func time(of item: HeapItem, _ index: UInt64) -> Int64 {
    let time: Int64
    let isOver: Bool
    if let eventsPerSecond {
      // One rounding of a double, which is below a nanosecond for the first hundred days.
      let elapsed = Int64(min(Double(index) * 1e9 / eventsPerSecond + 0.5, 9e18))
      (time, isOver) = startNanoseconds.addingReportingOverflow(elapsed)
    } else {
      (time, isOver) = originNanoseconds.addingReportingOverflow(Int64(bitPattern: min(item.key, UInt64(Int64.max))))
    }
    return isOver ? .max : time
  }

  @inline(__always)
  private static func milliseconds(_ nanoseconds: Int64) -> Int64 {
    let quotient = nanoseconds / 1_000_000
    return nanoseconds &- quotient &* 1_000_000 < 0 ? quotient &- 1 : quotient
  }

  private func setSentTime(_ milliseconds: Int64?) {
    guard let milliseconds else {
      context.sentText = context.timeText
      return
    }
    context.sentMilliseconds = milliseconds
    context.sentText = timeTexts + 64
    TimeText.writeRFC3339Milliseconds(milliseconds, to: context.sentText)
  }

  // MARK: - Keys with escapes

  @inline(never)
  private func noteEscapes(_ index: Int, _ start: Int, _ count: Int) { escapedKeys.append((index, start, count)) }

  /// Puts the keys whose text in the value is not their own behind the lines.
  private func appendEscapedKeys(to batch: RecordBatch) {
    for (index, start, count) in escapedKeys {
      let keyStart = batch.bytes.count
      batch.bytes.reserve(count)
      let source = batch.bytes.base + start
      batch.bytes.count += EscapedText.undo(source, count: count, to: batch.bytes.base + keyStart)
      batch.slots[index].keyStart = UInt32(keyStart)
      batch.slots[index].keyCount = Int32(batch.bytes.count - keyStart)
    }
  }
}
