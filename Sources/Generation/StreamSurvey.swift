// Runs the simulation without writing records, and counts: who acted, how long visits were, when it was busy. What it keeps is a number per
// row of the actor's entity, one per hour of event time, and histograms; live sessions are the simulation's own.

import Base
import Foundation
import Histogram
import Schema

/// Counts the clean stream: what faults do to records comes after it. Belongs to one thread.
public final class StreamSurvey {
  private let plan: GenerationPlan
  private let settings: GenerationSettings
  private var simulation: Simulation
  private let tickets: TicketBuffer
  private var rest: Int64
  private var sources: [SourceTally]
  /// By event of the schema: its records, and the source that they belong to.
  private var eventCounts: [Int64]
  private let sourceOfEvent: [Int]
  private let people: RowTally?
  private var events = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private var lengths = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private var sessionCount: Int64 = 0
  private var botSessionCount: Int64 = 0
  private var anonymousStartCount: Int64 = 0
  private var anonymousEndCount: Int64 = 0
  private var botEventCount: Int64 = 0
  private var anonymousEventCount: Int64 = 0
  private var lastTime: Int64 = .min

  public init(_ plan: GenerationPlan, _ settings: GenerationSettings) {
    self.plan = plan
    self.settings = settings
    simulation = Simulation(plan, settings)
    tickets = TicketBuffer(rowCount: plan.layout.count, capacity: 512)
    rest = settings.maximumCount ?? .max
    let schema = plan.schema
    var owners = [Int](repeating: 0, count: schema.events.count)
    sources = []
    if let sessions = schema.sessions {
      people = RowTally(rowCount: schema.entities[sessions.actor].count)
      sources.append(SourceTally(name: schema.name, KeyOrigin(ofSessionsIn: schema), schema, settings.startMilliseconds))
    } else {
      people = nil
    }
    for stream in schema.streams {
      owners[stream.event] = sources.count
      sources.append(SourceTally(name: stream.name, KeyOrigin(of: stream, in: schema), schema, settings.startMilliseconds))
    }
    sourceOfEvent = owners
    eventCounts = [Int64](repeating: 0, count: schema.events.count)
  }

  deinit { simulation.deallocate() }

  public var recordCount: Int64 { eventCounts.reduce(0, +) }

  /// Goes on for some thousand records; false at the end.
  public func advance(before limitNanoseconds: Int64) -> Bool {
    for _ in 0..<64 {
      simulation.fill(tickets, maximumCount: Int(min(rest, Int64(tickets.capacity))), before: limitNanoseconds)
      if tickets.count == 0 { return false }
      rest -= Int64(tickets.count)
      for index in 0..<tickets.count { count(tickets.ticket(index)) }
    }
    return rest > 0
  }

  @inline(__always)
  private func count(_ ticket: UnsafeMutablePointer<Ticket>) {
    let event = Int(plan.programs[Int(ticket.pointee.program)].event)
    let time = ticket.pointee.time
    eventCounts[event] += 1
    lastTime = time
    let source = sources[sourceOfEvent[event]]
    let flags = ticket.pointee.flags
    if !source.isSessions {
      // The rows that come first, all at once, say nothing about the rate.
      let isSnapshot = source.hasSnapshot && ticket.pointee.step == 0 && flags.isDisjoint(with: [.update, .delete])
      source.count(ticket, isTimed: !isSnapshot)
      return
    }
    source.count(ticket, isTimed: true)
    let isBot = flags.contains(.bot)
    if isBot { botEventCount += 1 } else { people?.add(ticket.rows[plan.layout.actor]) }
    if !flags.contains(.identified) { anonymousEventCount += 1 }
    if ticket.pointee.step == 1 {
      sessionCount += 1
      if isBot { botSessionCount += 1 }
      if !flags.contains(.identified) { anonymousStartCount += 1 }
    }
    if flags.contains(.last) {
      _ = events.record(UInt64(ticket.pointee.step))
      _ = lengths.record(UInt64(max(time &- ticket.pointee.startedAt, 0)) / 1_000_000)
      if !flags.contains(.identified) { anonymousEndCount += 1 }
    }
  }

  /// What was seen so far.
  ///
  /// - Parameter endMilliseconds: the exclusive end of the event time that was asked for; nil where only a count was.
  public func statistics(endMilliseconds: Int64?) -> StreamStatistics {
    let last = lastTime == .min ? settings.startMilliseconds : lastTime.flooredMilliseconds + 1
    let isCutOff = rest == 0
    let end = isCutOff ? last : endMilliseconds ?? last
    let schema = plan.schema
    let interval = StreamStatistics.Interval(startMilliseconds: settings.startMilliseconds, endMilliseconds: max(end, last))
    let wanted = sources.indices.filter { settings.streamName == nil || sources[$0].name == settings.streamName }
    let found = wanted.map { index in
      sources[index].statistics(
        interval,
        events: schema.events.indices.filter { sourceOfEvent[$0] == index }.map { (schema.events[$0].name, eventCounts[$0]) })
    }
    return StreamStatistics(
      name: schema.name, seed: plan.seed, interval: interval, isCutOff: isCutOff, recordCount: recordCount, sources: found,
      sessions: found.contains { $0.isSessions } ? sessions : nil)
  }

  private var sessions: SessionStatistics? {
    guard let model = plan.schema.sessions, let people else { return nil }
    let total = max(people.total + botEventCount, 1)
    return SessionStatistics(
      count: sessionCount, unfinishedCount: simulation.liveSessionCount, eventsPerSession: QuantileSummary(events),
      lengthMilliseconds: QuantileSummary(lengths), userCount: plan.schema.entities[model.actor].count, users: people.concentration,
      bots: model.bots == nil && botSessionCount == 0
        ? nil
        : .init(
          sessionShare: Double(botSessionCount) / Double(max(sessionCount, 1)), eventShare: Double(botEventCount) / Double(total)),
      anonymous: model.anonymousShare == 0
        ? nil
        : .init(
          startShare: Double(anonymousStartCount) / Double(max(sessionCount, 1)),
          endShare: Double(anonymousEndCount) / Double(max(events.totalCount, 1)),
          eventShare: Double(anonymousEventCount) / Double(total)))
  }
}

/// Counts of the records of one source, over time and by key.
private final class SourceTally {
  let name: String
  let isSessions: Bool
  let hasSnapshot: Bool
  private let keyOrigin: KeyOrigin
  private let keys: RowTally?
  private var snapshotCount: Int64 = 0
  /// Records per hour of event time, the first hour being that of the start.
  private var hours: [Int64] = []
  private let firstHour: Int64
  private var hourCount: Int64 = 0
  private var hourEnd: Int64
  private var minuteCount: Int64 = 0
  private var minuteEnd: Int64 = .min
  private var peakMinuteCount: Int64 = 0

  private static let hour: Int64 = 3_600_000_000_000
  private static let minute: Int64 = 60_000_000_000

  init(name: String, _ origin: KeyOrigin, _ schema: EventSchema, _ startMilliseconds: Int64) {
    self.name = name
    isSessions = schema.sessions != nil && name == schema.name && !schema.streams.contains { $0.name == name }
    hasSnapshot = schema.streams.contains { stream in
      guard stream.name == name, case .changes(let changes) = stream.content else { return false }
      return changes.hasSnapshot
    }
    keyOrigin = origin
    if case .row(_, let entity) = origin { keys = RowTally(rowCount: schema.entities[entity].count) } else { keys = nil }
    let start = startMilliseconds * 1_000_000
    firstHour = start.floored(by: Self.hour)
    hourEnd = firstHour + Self.hour
  }

  @inline(__always)
  func count(_ ticket: UnsafeMutablePointer<Ticket>, isTimed: Bool) {
    if case .row(let index, _) = keyOrigin { keys?.add(ticket.rows[index]) }
    guard isTimed else {
      snapshotCount += 1
      return
    }
    let time = ticket.pointee.time
    if time >= hourEnd { endHours(before: time) }
    hourCount += 1
    if time >= minuteEnd {
      peakMinuteCount = max(peakMinuteCount, minuteCount)
      minuteCount = 0
      minuteEnd = time.floored(by: Self.minute) + Self.minute
    }
    minuteCount += 1
  }

  private func endHours(before time: Int64) {
    while time >= hourEnd {
      hours.append(hourCount)
      hourCount = 0
      hourEnd += Self.hour
    }
  }

  func statistics(_ interval: StreamStatistics.Interval, events: [(name: String, count: Int64)]) -> SourceStatistics {
    let total = events.reduce(0) { $0 + $1.count }
    // Whole hours only: the last one is whole where the interval ends with it.
    let end = interval.endMilliseconds * 1_000_000
    var whole = hours + [hourCount]
    let wholeCount = Int(max((end.floored(by: Self.hour) - firstHour) / Self.hour, 0))
    if whole.count < wholeCount { whole += [Int64](repeating: 0, count: wholeCount - whole.count) }
    whole = Array(whole.prefix(wholeCount))
    let startsLate = interval.startMilliseconds * 1_000_000 > firstHour
    let first = (firstHour / Self.hour) + (startsLate ? 1 : 0)
    return SourceStatistics(
      name: name, isSessions: isSessions, recordCount: total, snapshotCount: snapshotCount, events: events,
      recordsPerSecond: Double(total - snapshotCount) / max(interval.seconds, 1e-3),
      peakMinutePerSecond: interval.seconds < 60 ? nil : Double(max(peakMinuteCount, minuteCount)) / 60,
      hours: .init(firstHour: first, counts: startsLate ? Array(whole.dropFirst()) : whole), keys: keys?.concentration)
  }
}

/// How often each row of an entity came: 4 bytes per row.
private final class RowTally {
  private let counts: UnsafeMutablePointer<UInt32>
  private let rowCount: Int
  private(set) var total: Int64 = 0

  init(rowCount: Int) {
    self.rowCount = max(rowCount, 1)
    // Pages that no row touches stay untouched.
    guard let memory = calloc(self.rowCount, MemoryLayout<UInt32>.stride) else { fatalError("out of memory") }
    counts = memory.bindMemory(to: UInt32.self, capacity: self.rowCount)
  }

  deinit { free(counts) }

  @inline(__always)
  func add(_ row: UInt64) {
    total &+= 1
    let place = Int(min(row, UInt64(rowCount - 1)))
    if counts[place] < .max { counts[place] &+= 1 }
  }

  var concentration: Concentration {
    var seen: [UInt32] = []
    for row in 0..<rowCount where counts[row] > 0 { seen.append(counts[row]) }
    seen.sort(by: >)
    return Concentration(descending: seen)
  }
}

extension Int64 {
  /// The greatest multiple of `step` that is not above.
  fileprivate func floored(by step: Int64) -> Int64 {
    let rest = self % step
    return self - (rest < 0 ? rest + step : rest)
  }
}
