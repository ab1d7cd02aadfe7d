// The records of one stream: each is due where the load says, and what it says is a function of the stream's seed and its number.

import Base
import Records
import Schema

/// A stream, ready to run.
struct StreamPlan {
  /// A row drawn for each record.
  struct RowBind: BitwiseCopyable {
    /// Index among the ticket's rows.
    var row: Int
    var picker: RowPicker
  }

  /// A record of another stream, of the last `within` ns, and the rows that it has bound itself.
  struct RecordBind {
    var row: Int
    /// Index into the schema's streams.
    var stream: Int
    /// The other stream's.
    var seed: UInt64
    var within: Int64
    var nested: [RowBind]
  }

  struct Changes {
    var rowCount: UInt64
    var hasSnapshot: Bool
    var deleteShare: Double
    var picker: RowPicker
  }

  let model: StreamModel
  let program: UInt16
  let seed: UInt64
  /// Drawn first, then the records.
  let rowBinds: UnsafePointer<RowBind>
  let rowBindCount: Int
  let recordBinds: [RecordBind]
  let changes: Changes?

  init(_ index: Int, _ schema: EventSchema, seed: UInt64, layout: RowLayout, _ memory: PlanMemory) {
    let model = schema.streams[index]
    self.model = model
    program = UInt16(model.event)
    self.seed = GenerationSeeds.stream(seed, model.name)
    var rows: [RowBind] = []
    var records: [RecordBind] = []
    for (place, binding) in model.bindings.enumerated() {
      switch binding.target {
      case .entity(let entity, let pick):
        rows.append(
          RowBind(row: layout.streamBinding(place), picker: memory.picker(pick, of: entity, schema, seed: seed)))
      case .stream(let other, let within):
        let target = schema.streams[other]
        let base = RowLayout.nestedBase(of: place, model, schema)
        var nested: [RowBind] = []
        for (offset, inner) in target.bindings.enumerated() {
          guard case .entity(let entity, let pick) = inner.target else { continue }
          nested.append(
            RowBind(row: layout.streamBinding(base + offset), picker: memory.picker(pick, of: entity, schema, seed: seed)))
        }
        records.append(
          RecordBind(
            row: layout.streamBinding(place), stream: other, seed: GenerationSeeds.stream(seed, target.name),
            within: within * 1_000_000, nested: nested))
      }
    }
    rowBinds = memory.array(rows)
    rowBindCount = rows.count
    recordBinds = records
    if case .changes(let changes) = model.content {
      self.changes = Changes(
        rowCount: UInt64(schema.entities[changes.entity].count), hasSnapshot: changes.hasSnapshot,
        deleteShare: changes.deleteShare, picker: memory.picker(changes.pick, of: changes.entity, schema, seed: seed))
    } else {
      changes = nil
    }
  }
}

struct StreamSource {
  private let plan: StreamPlan
  private let programChanges: ProgramChanges
  private let shard: Shard
  private let startNanoseconds: Int64
  private var clock: LoadClock
  /// Rows of the snapshot that are still to come, and how many there were.
  private var snapshotRest: UInt64
  private var sequence: UInt64 = 0
  /// Versions of the rows, where the stream is an entity's history; the highest bit says that the row is deleted.
  private var versions: [UInt32]
  private let isHistory: Bool
  private var references: [Reference]
  /// Present where the times of the records are random and rows come and go with time: then they do with the time that the record has on
  /// average, which is known of any record by its number.
  private let meanCurve: LoadCurve?

  private static let deleted: UInt32 = 1 << 31

  /// Which records of another stream may be referred to: those that the cursors stand between.
  private struct Reference {
    let stream: Int
    let curve: LoadCurve
    var newest: LoadClock
    var oldest: LoadClock
  }

  /// - Parameter loads: of all streams of the schema, this one's at `index`.
  init(_ plan: GenerationPlan, _ index: Int, startNanoseconds: Int64, loads: [LoadShape], shard: Shard) {
    let stream = plan.streams[index]
    self.plan = stream
    self.shard = shard
    self.startNanoseconds = startNanoseconds
    programChanges = ProgramChanges(plan, plan.incidents.map { TimeWindow($0, startNanoseconds) })
    let curve = LoadCurve(loads[index])
    clock = LoadClock(curve, seed: stream.seed)
    let rows = UnsafeBufferPointer(start: stream.rowBinds, count: stream.rowBindCount)
    meanCurve = curve.isRandom && rows.contains { $0.picker.isRare } ? curve : nil
    snapshotRest = stream.changes.map { $0.hasSnapshot ? $0.rowCount : 0 } ?? 0
    versions = stream.changes.map { [UInt32](repeating: 0, count: Int($0.rowCount)) } ?? []
    isHistory = stream.changes != nil
    references = stream.recordBinds.map { bind in
      let curve = LoadCurve(loads[bind.stream])
      let clock = LoadClock(curve, seed: bind.seed)
      return Reference(stream: bind.stream, curve: curve, newest: clock, oldest: clock)
    }
  }

  var nextTime: Int64 {
    if snapshotRest > 0 { return startNanoseconds }
    let (time, isOver) = startNanoseconds.addingReportingOverflow(clock.elapsed)
    return isOver ? .max : time
  }

  /// Records per second at the moment.
  var rate: Double { clock.rate }

  /// - Parameter rates: of the streams whose rate changes, per second, by index into the schema's.
  mutating func changeRate(_ index: Int, _ rates: [Int: Double]) {
    if let rate = rates[index] { clock.changeRate(rate) }
    for place in references.indices {
      guard let rate = rates[references[place].stream] else { continue }
      references[place].newest.changeRate(rate)
      references[place].oldest.changeRate(rate)
    }
  }

  /// Appends the tickets before `limit` as far as there is room for `maximumCount` of them. `number` counts all records.
  mutating func fill(_ tickets: TicketBuffer, maximumCount: Int, before limit: Int64, number: inout UInt64) {
    let end = min(tickets.count + maximumCount, tickets.capacity)
    while tickets.count < end {
      let time = nextTime
      guard time < limit else { return }
      let ticket = tickets.ticket(tickets.count)
      let session = Hash.mix(plan.seed, sequence)
      ticket.initialize(
        to: Ticket(
          time: time, due: time, fields: session, sequence: sequence, number: number, session: session,
          identifier: UUIDBits(high: 0, low: 0), startedAt: time, skew: 0, step: 1,
          program: programChanges.isEmpty ? plan.program : programChanges.program(plan.program, at: time), marks: [],
          flags: .identified))
      ticket.rows[0] = sequence
      var random = Random(seed: plan.seed, sequence, 1)
      let elapsed = meanCurve.map { LoadClock.nanoseconds($0.time(of: Double(sequence))) } ?? (time &- startNanoseconds)
      for index in 0..<plan.rowBindCount {
        let bind = plan.rowBinds + index
        ticket.rows[bind.pointee.row] = bind.pointee.picker.draw(&random, time: startNanoseconds &+ elapsed, elapsed: elapsed)
      }
      if !references.isEmpty { bindRecords(ticket, &random) }
      if isHistory { change(ticket, &random) }
      if shard.count == 1 || shard.owns(ticket.rows[0]) { tickets.count += 1 }
      sequence &+= 1
      number &+= 1
      if snapshotRest > 0 { snapshotRest -= 1 } else { clock.advance() }
    }
  }

  /// Draws the records that the record refers to, and again what these have drawn.
  private mutating func bindRecords(_ ticket: UnsafeMutablePointer<Ticket>, _ random: inout Random) {
    let elapsed = ticket.pointee.time &- startNanoseconds
    for (index, bind) in plan.recordBinds.enumerated() {
      let record = record(index, elapsed, bind.within, &random)
      ticket.rows[bind.row] = record
      var inner = Random(seed: bind.seed, record, 1)
      let then = LoadClock.nanoseconds(references[index].curve.time(of: Double(record)))
      for row in bind.nested {
        ticket.rows[row.row] = row.picker.draw(&inner, time: startNanoseconds &+ then, elapsed: then)
      }
    }
  }

  /// A record of the other stream that happened between `elapsed - within` and `elapsed`; the last before that where there is none.
  private mutating func record(_ index: Int, _ elapsed: Int64, _ within: Int64, _ random: inout Random) -> UInt64 {
    while references[index].newest.elapsed <= elapsed { references[index].newest.advance() }
    while references[index].oldest.elapsed < elapsed &- within { references[index].oldest.advance() }
    let (oldest, newest) = (references[index].oldest.index, references[index].newest.index)
    guard newest > oldest else { return newest > 0 ? newest - 1 : 0 }
    return oldest + random.below(newest - oldest)
  }

  /// Which row changes, and how.
  private mutating func change(_ ticket: UnsafeMutablePointer<Ticket>, _ random: inout Random) {
    guard let changes = plan.changes else { return }
    let row: UInt64
    var flags: SessionFlags = .identified
    if snapshotRest > 0 {
      row = changes.rowCount - snapshotRest
    } else {
      row = changes.picker.draw(&random, time: ticket.pointee.time, elapsed: ticket.pointee.time &- startNanoseconds)
      let version = versions[Int(row)]
      if version & Self.deleted != 0 {
        // It comes back.
        versions[Int(row)] = (version &+ 1) & ~Self.deleted
      } else if random.unit() < changes.deleteShare {
        versions[Int(row)] = version | Self.deleted
        flags.insert(.delete)
        ticket.pointee.marks.insert(.tombstone)
      } else {
        versions[Int(row)] = (version &+ 1) & ~Self.deleted
        flags.insert(.update)
      }
    }
    let version = versions[Int(row)] & ~Self.deleted
    ticket.pointee.flags = flags
    ticket.pointee.step = version
    ticket.rows[0] = row
    ticket.rows[1] = version == 0 ? row : Hash.mix(Hash.mix(plan.seed, row), UInt64(version))
  }
}
