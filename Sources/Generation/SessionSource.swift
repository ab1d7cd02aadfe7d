// Walks the sessions: they arrive, go from state to state, and each step is a ticket. The order is that of event time: a heap holds one entry
// per live session and one for the coming arrival; while no session is alive, arrivals bypass it.
//
//     arrival ---> [ slot: rows, identifier, random ] --ticket--> transition --think--> heap
//                                                        \--> exit or timeout: slot released
//
// The draws of a session come from a stream of its own in a fixed order (what it is, actor, device, identifier, state; then per record: bindings,
// the state of the fields' stream, transition, pause), so a session does the same whatever happens around it.

import Base
import Schema

struct SessionSource {
  let plan: SessionPlan
  private let changes: ProgramChanges
  let shard: Shard
  /// Of event time.
  let startNanoseconds: Int64
  /// Of the simulation: what the heap's keys count from. Earlier than the start of event time under a load.
  private let originNanoseconds: Int64
  let sessionSeed: UInt64
  /// Present where times are those of a load.
  private var load: LoadClock?
  private var arrivals: ArrivalProcess
  /// Present where arrivals follow a load that is not constant.
  var following: FollowingArrivals?
  var swarms: [Swarm]
  /// Under a load: when the next swarm begins of those that have not; `Int64.max` for none.
  private var nextSwarm = Int64.max
  let outages: [(window: TimeWindow, filter: RowFilter)]
  let hotRows: [(window: TimeWindow, binding: Int, row: UInt64, share: Double)]
  private var heap = RadixHeap()
  private var pool: SessionPool
  let normals = NormalTable.shared
  /// Records so far, from the start of event time.
  private var sequence: UInt64 = 0
  private let rowByteCount: Int
  /// What comes next: due at `head.key` nanoseconds after the origin, `arrivalSlot` for a new session.
  private var head: HeapItem
  /// Records per second at the start of event time; 0 without a load.
  private let startRate: Double

  private static let arrivalSlot = UInt32.max
  /// Slots from here up are the arrivals of swarms.
  private static let firstSwarmSlot = UInt32.max - 1024

  /// - Parameter load: of event time; nil leaves the times to the arrivals and the pauses.
  init(_ plan: GenerationPlan, _ sessions: SessionPlan, startNanoseconds: Int64, load shape: LoadShape?, shard: Shard) {
    self.plan = sessions
    self.shard = shard
    self.startNanoseconds = startNanoseconds
    let windows = plan.incidents.map { TimeWindow($0, startNanoseconds) }
    changes = ProgramChanges(plan, windows)
    var boosts: [ArrivalCurve.Boost] = []
    for (incident, window) in zip(plan.incidents, windows) {
      if case .flashCrowd(let factor) = incident.kind { boosts.append(.init(start: window.start, end: window.end, factor: factor)) }
    }
    let clock = shape.map { shape in
      let relative = boosts.map {
        LoadCurve.Boost(
          start: Double($0.start) - Double(startNanoseconds),
          end: $0.end == .max ? .infinity : Double($0.end) - Double(startNanoseconds), factor: $0.factor)
      }
      return LoadClock(LoadCurve(shape, boosts: relative), seed: GenerationSeeds.arrivals(plan.seed))
    }
    let rate = clock.map { max($0.rate, 1e-9) }
    startRate = rate ?? 0
    originNanoseconds = startNanoseconds - (rate.map { Self.warmUpNanoseconds(sessions, $0) } ?? 0)
    sessionSeed = GenerationSeeds.sessions(plan.seed)
    // A load replaces the profile: the sessions that it takes arrive evenly, or as it goes up and down.
    arrivals = ArrivalProcess(
      seed: GenerationSeeds.arrivals(plan.seed),
      perSecond: rate.map { $0 / sessions.expectedEvents } ?? sessions.model.arrivalsPerSecond,
      curve: shape == nil ? ArrivalCurve(sessions.model.profiles, boosts: boosts) : ArrivalCurve([]),
      startNanoseconds: originNanoseconds)
    swarms = sessions.swarms.enumerated().map { index, swarm in
      let window = windows[swarm.incident]
      return Swarm(
        window: window, think: swarm.think, actorCount: swarm.actorCount,
        arrivals: ArrivalProcess(
          seed: GenerationSeeds.swarm(plan.seed, index), perSecond: swarm.perSecond, curve: ArrivalCurve([]),
          startNanoseconds: max(window.start, startNanoseconds)), seed: GenerationSeeds.swarm(plan.seed, index + 1024),
        start: max(window.start, startNanoseconds))
    }
    outages = sessions.outages.map { (windows[$0.incident], $0.filter) }
    hotRows = zip(plan.incidents, windows).compactMap { incident, window in
      guard case .hotRow(let binding, let row, let share) = incident.kind else { return nil }
      return (window, binding, UInt64(row), share)
    }
    pool = SessionPool(rowCount: plan.layout.count)
    rowByteCount = plan.layout.count * 8
    head = HeapItem(key: 0, order: .max, slot: Self.arrivalSlot)
    if let clock, clock.curve.constantRate == nil {
      following = FollowingArrivals(
        seed: GenerationSeeds.arrivals(plan.seed), eventsPerSession: sessions.expectedEvents, time: originNanoseconds)
    }
    head.key = key(nextArrival(clock))
    if clock == nil { pushSwarms() } else { findNextSwarm() }
    if clock != nil { warmUp(plan) }
    load = clock
  }

  func deallocate() {
    heap.deallocate()
    pool.deallocate()
  }

  var liveCount: Int { pool.liveCount }

  /// When the next record happens, in ns since the epoch; `Int64.max` when representable time is over.
  var nextTime: Int64 { time(of: head, load) }

  var hasLoad: Bool { load != nil }

  /// From the next record on, so many per second. Only under a load.
  mutating func changeRate(_ perSecond: Double) {
    load?.changeRate(perSecond)
    // Arrivals were even: from now on they follow.
    if following == nil {
      following = FollowingArrivals(
        seed: sessionSeed, eventsPerSession: plan.expectedEvents, time: Int64(bitPattern: head.key) &+ originNanoseconds)
    }
  }

  /// Appends the tickets before `limit` (ns since the epoch) as far as there is room for `maximumCount` of them. `number` counts all records.
  mutating func fill(_ tickets: TicketBuffer, maximumCount: Int, before limit: Int64, number: inout UInt64) {
    let end = min(tickets.count + maximumCount, tickets.capacity)
    // Locals for the whole batch: the compiler keeps them in registers and need not look whether a store changed them.
    var arrivals = arrivals
    var heap = heap
    var pool = pool
    var head = head
    var load = load
    var sequence = sequence
    let plan = plan
    let isPlain = hotRows.isEmpty && changes.isEmpty
    var count = tickets.count
    while count < end {
      let time = time(of: head, load)
      guard time < limit else { break }
      if time >= nextSwarm {
        beginSwarms(at: time, head.key, &heap)
        heap.push(head)
        head = heap.pop()
        continue
      }
      let isArrival = head.slot >= Self.firstSwarmSlot
      let slot: UInt32
      if isArrival {
        slot = pool.take()
        let header = pool.header(slot)
        let isHere =
          head.slot == Self.arrivalSlot
          ? begin(header, arrivals, time) : begin(header, swarm: Int(head.slot - Self.firstSwarmSlot), time)
        guard isHere else {
          pool.release(slot)
          advance(head, time, &arrivals, load, &heap)
          head = heap.pop()
          continue
        }
      } else {
        slot = head.slot
      }
      let header = pool.header(slot)
      var random = header.pointee.random
      let rows = SessionPool.rows(header)
      let state = plan.states + Int(header.pointee.state)
      for bind in 0..<Int(state.pointee.bindCount) {
        let bind = plan.binds + (Int(state.pointee.firstBind) &+ bind)
        rows[bind.pointee.row] = bind.pointee.picker.draw(&random, time: time, elapsed: time &- startNanoseconds)
        if !isPlain { overrideRow(bind.pointee.binding, rows + bind.pointee.row, &random, time) }
      }
      header.pointee.flags.formUnion(state.pointee.flags)
      header.pointee.step &+= 1
      let fields = random.next()
      if !header.pointee.flags.contains(.foreign) {
        let ticket = tickets.ticket(count)
        ticket.initialize(
          to: Ticket(
            time: time, due: time, fields: fields, sequence: sequence, number: number, session: header.pointee.session,
            identifier: header.pointee.identifier, startedAt: header.pointee.startedAt, skew: 0, step: header.pointee.step,
            program: isPlain ? state.pointee.program : changes.program(state.pointee.program, at: time), marks: [],
            flags: header.pointee.flags))
        UnsafeMutableRawPointer(ticket.rows).copyMemory(from: rows, byteCount: rowByteCount)
        count &+= 1
      }
      sequence &+= 1
      number &+= 1
      load?.advance()

      let target = Self.next(state, &random)
      if target >= 0, let pause = self.pause(state, header, &random), pause <= plan.timeoutNanoseconds {
        header.pointee.random = random
        header.pointee.state = target
        heap.push(HeapItem(key: head.key &+ UInt64(bitPattern: pause), order: header.pointee.order, slot: slot))
      } else {
        if !header.pointee.flags.contains(.foreign) { tickets.ticket(count &- 1).pointee.flags.insert(.last) }
        pool.release(slot)
      }
      if isArrival {
        if head.slot == Self.arrivalSlot, heap.count == 0, following == nil {
          // Nobody is alive: the next arrival is the next event.
          arrivals.advance()
          head.key = key(arrivals.time)
          heap.restart(at: head.key)
          continue
        }
        advance(head, time, &arrivals, load, &heap)
      }
      head = heap.pop()
    }
    self.arrivals = arrivals
    self.heap = heap
    self.pool = pool
    self.head = head
    self.load = load
    self.sequence = sequence
    tickets.count = count
  }

  // MARK: - Arrivals

  /// Puts the next arrival of the same kind into the heap.
  @inline(__always)
  private mutating func advance(
    _ arrived: HeapItem, _ now: Int64, _ arrivals: inout ArrivalProcess, _ load: LoadClock?, _ heap: inout RadixHeap
  ) {
    let slot = arrived.slot
    if slot == Self.arrivalSlot {
      let time: Int64
      if following != nil {
        time = nextArrival(load)
      } else {
        arrivals.advance()
        time = arrivals.time
      }
      heap.push(HeapItem(key: key(time), order: .max, slot: slot))
    } else {
      let index = Int(slot - Self.firstSwarmSlot)
      let before = swarms[index].arrivals.time
      swarms[index].arrivals.advance()
      let gap = swarms[index].arrivals.time &- before
      let end = swarms[index].window.end
      // Under a load the window is one of event time, and so it is checked again when the arrival is due.
      if load == nil ? swarms[index].arrivals.time < end : now < end {
        heap.push(HeapItem(key: arrived.key &+ UInt64(bitPattern: gap), order: .max, slot: slot))
      }
    }
  }

  /// Puts the first arrivals of all swarms into the heap: without a load it is known when they are.
  private mutating func pushSwarms() {
    for (index, swarm) in swarms.enumerated() where swarm.arrivals.time < swarm.window.end {
      heap.push(HeapItem(key: key(swarm.arrivals.time), order: .max, slot: Self.firstSwarmSlot + UInt32(index)))
    }
    guard heap.count > 0 else { return }
    heap.push(head)
    head = heap.pop()
  }

  /// The same for the swarms whose time has come, under a load: the simulation's clock is not that of event time then, so they count from where
  /// it stands.
  @inline(never)
  private mutating func beginSwarms(at now: Int64, _ key: UInt64, _ heap: inout RadixHeap) {
    for index in swarms.indices where !swarms[index].hasBegun && swarms[index].start <= now {
      swarms[index].hasBegun = true
      guard now < swarms[index].window.end else { continue }
      let wait = UInt64(bitPattern: swarms[index].arrivals.time &- swarms[index].start)
      heap.push(HeapItem(key: key &+ wait, order: .max, slot: Self.firstSwarmSlot + UInt32(index)))
    }
    findNextSwarm()
  }

  private mutating func findNextSwarm() {
    nextSwarm = swarms.reduce(.max) { $1.hasBegun ? $0 : min($0, $1.start) }
  }

  private mutating func nextArrival(_ load: LoadClock?) -> Int64 {
    guard following != nil else { return arrivals.time }
    // Before the start of event time the load is what it is at the start.
    return following!.next(eventsPerSecond: load?.rate ?? startRate)
  }

  // MARK: - Under a load

  /// The most records that a warm-up walks: a fraction of a second of work.
  private static let warmUpEventLimit = 1_000_000.0

  /// With nobody alive at the start, an exact rate would hurry the first sessions through their pauses. So the simulation begins earlier,
  /// by a few lengths of a session where that is not too many records.
  private static func warmUpNanoseconds(_ plan: SessionPlan, _ eventsPerSecond: Double) -> Int64 {
    Int64(min(4e6 * plan.expectedMilliseconds, warmUpEventLimit / eventsPerSecond * 1e9, 1e17))
  }

  private mutating func warmUp(_ plan: GenerationPlan) {
    let tickets = TicketBuffer(rowCount: plan.layout.count, capacity: 1024)
    var count: UInt64 = 0
    while count < UInt64(2 * Self.warmUpEventLimit) {
      let before = count
      tickets.count = 0
      fill(tickets, maximumCount: 1024, before: startNanoseconds, number: &count)
      if count == before { break }
    }
    sequence = 0
  }

  // MARK: - Time

  /// Nanoseconds after the origin.
  @inline(__always)
  private func key(_ time: Int64) -> UInt64 { UInt64(bitPattern: time &- originNanoseconds) }

  @inline(__always)
  private func time(of item: HeapItem, _ load: LoadClock?) -> Int64 {
    let time: Int64
    let isOver: Bool
    if let load {
      (time, isOver) = startNanoseconds.addingReportingOverflow(load.elapsed)
    } else {
      (time, isOver) = originNanoseconds.addingReportingOverflow(Int64(bitPattern: min(item.key, UInt64(Int64.max))))
    }
    return isOver ? .max : time
  }
}
