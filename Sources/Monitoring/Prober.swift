// When markers go out, which are under way, and how long those took that have arrived: a state machine that neither sends nor reads. Whoever drives it
// sends what `due` gives, tells what a reader of the rows sees, and asks for a report whenever somebody looks.
//
//     slot k of partition p   |<------------- period ------------->|     a marker at a random moment of its middle part, so that markers do not
//                             |      |<--- one marker --->|        |     keep step with `emit.every`; partitions are staggered
//
//     due -> under way, with its age -> seen in the store -> asked for through the server -> seen there
//
// A marker never times out. Where too many are under way in a partition, no more are sent to it until one arrives, and the oldest stay.

import Base
import Measuring

public struct Prober: Sendable {
  public struct Settings: Sendable {
    public var view: String
    public var partitionCount: Int
    /// How often a marker goes to each partition.
    public var periodNanoseconds: UInt64
    /// Of the view: what delays are spread over anyway.
    public var emitEveryMilliseconds: Int64
    /// Whether a feature server is asked as well.
    public var asksServer: Bool
    /// Under way in one partition at most.
    public var inFlightMax = 256

    public init(
      view: String, partitionCount: Int, periodMilliseconds: Int64, emitEveryMilliseconds: Int64 = 0, asksServer: Bool = false
    ) {
      precondition(partitionCount > 0 && periodMilliseconds > 0, "a topic has partitions, and time passes")
      self.view = view
      self.partitionCount = partitionCount
      periodNanoseconds = UInt64(periodMilliseconds) * 1_000_000
      self.emitEveryMilliseconds = emitEveryMilliseconds
      self.asksServer = asksServer
    }

    /// A partition with an older marker under way counts as silent.
    public var silentAfterNanoseconds: Int64 { (1500 + 2 * emitEveryMilliseconds) * 1_000_000 }
  }

  public struct Marker: Equatable, Sendable {
    public var partition: Int
    /// From 0, of its partition.
    public var number: Int64
    /// Ms since the epoch; greater than that of every earlier marker of the partition.
    public var eventTime: Int64
    /// When that millisecond began, by the monotonic clock.
    public var startedAt: UInt64

    public init(partition: Int, number: Int64, eventTime: Int64, startedAt: UInt64) {
      self.partition = partition
      self.number = number
      self.eventTime = eventTime
      self.startedAt = startedAt
    }
  }

  private struct Lane: Sendable {
    var slot: UInt64 = 0
    var dueAt: UInt64 = 0
    var sentCount: Int64 = 0
    var lastEventTime = Int64.min
    /// Oldest first.
    var inFlight: [Marker] = []
    /// Seen in the store and not yet through the server, oldest first.
    var awaited: [Marker] = []
    var lastDelay: Int64?
  }

  public let settings: Settings
  private let startedAt: UInt64
  private var random: Random
  private var lanes: [Lane]
  private let delays = DurationHistogram()
  private let serverDelays = DurationHistogram()
  private var visible: Int64 = 0
  /// Why markers do not go out, or are not looked for, by who says so.
  private var troubles: [String: String] = [:]

  public init(_ settings: Settings, now: UInt64, random: Random) {
    self.settings = settings
    startedAt = now
    self.random = random
    lanes = Array(repeating: Lane(), count: settings.partitionCount)
    for partition in lanes.indices { lanes[partition].dueAt = dueTime(ofSlot: 0, partition) }
  }

  /// A random moment of the middle of a slot: of half of it, or of as much as values are spread over by `emit.every`.
  private mutating func dueTime(ofSlot slot: UInt64, _ partition: Int) -> UInt64 {
    let period = settings.periodNanoseconds
    let width = min(max(period / 2, UInt64(max(settings.emitEveryMilliseconds, 0)) * 1_000_000), period)
    let stagger = period * UInt64(partition) / UInt64(settings.partitionCount)
    let start = slot * period + stagger + (slot == 0 ? 0 : (period - width) / 2)
    return startedAt + start + random.below(max(width, 1))
  }

  // MARK: - Sending

  /// When the next marker is to go out, by the monotonic clock.
  public var nextDueAt: UInt64 { lanes.reduce(.max) { $1.inFlight.count < settings.inFlightMax ? min($0, $1.dueAt) : $0 } }

  /// The markers that are to be sent now; they are under way from here on. A slot that was missed stays empty: a marker happens when it is made.
  ///
  /// - Parameter wall: ns since the epoch.
  public mutating func due(now: UInt64, wall: Int64) -> [Marker] {
    var markers: [Marker] = []
    for partition in lanes.indices where lanes[partition].dueAt <= now {
      guard lanes[partition].inFlight.count < settings.inFlightMax else { continue }
      repeat {
        lanes[partition].slot += 1
        lanes[partition].dueAt = dueTime(ofSlot: lanes[partition].slot, partition)
      } while lanes[partition].dueAt <= now
      let time = max(wall / 1_000_000, lanes[partition].lastEventTime + 1)
      // A clock that was set back must not make a marker younger than it is.
      let begun = max(0, wall - time * 1_000_000)
      let marker = Marker(
        partition: partition, number: lanes[partition].sentCount, eventTime: time, startedAt: now - min(UInt64(begun), now))
      lanes[partition].lastEventTime = time
      lanes[partition].sentCount += 1
      lanes[partition].inFlight.append(marker)
      markers.append(marker)
    }
    return markers
  }

  // MARK: - Reading

  /// Markers that have not been seen in the store, the oldest first, by partition; partitions without any are left out.
  public var underWay: [[Marker]] { lanes.compactMap { $0.inFlight.isEmpty ? nil : $0.inFlight } }

  /// A row of a partition's marker was read: `_last_event` says which markers are in it. Returns those that are seen for the first time.
  @discardableResult
  public mutating func saw(lastEvent: Int64, partition: Int, now: UInt64) -> [Marker] {
    arrive(partition, now) { $0.eventTime <= lastEvent }
  }

  /// The marker with this number of a partition was found, and with it every earlier one.
  @discardableResult
  public mutating func saw(number: Int64, partition: Int, now: UInt64) -> [Marker] {
    arrive(partition, now) { $0.number <= number }
  }

  private mutating func arrive(_ partition: Int, _ now: UInt64, _ isIn: (Marker) -> Bool) -> [Marker] {
    guard lanes.indices.contains(partition) else { return [] }
    let arrived = lanes[partition].inFlight.prefix(while: isIn)
    guard !arrived.isEmpty else { return [] }
    lanes[partition].inFlight.removeFirst(arrived.count)
    for marker in arrived {
      let delay = Self.age(marker, now)
      delays.record(nanoseconds: delay)
      lanes[partition].lastDelay = delay
    }
    visible += Int64(arrived.count)
    if settings.asksServer { lanes[partition].awaited = Array((lanes[partition].awaited + arrived).prefix(settings.inFlightMax)) }
    return Array(arrived)
  }

  /// Of each partition of which the server is to be asked, the newest marker that is in the store.
  public var awaited: [Marker] { lanes.compactMap(\.awaited.last) }

  /// The server has answered with a row that holds every marker of the partition up to this number.
  public mutating func sawThroughServer(number: Int64, partition: Int, now: UInt64) {
    guard lanes.indices.contains(partition) else { return }
    let arrived = lanes[partition].awaited.prefix { $0.number <= number }
    lanes[partition].awaited.removeFirst(arrived.count)
    for marker in arrived { serverDelays.record(nanoseconds: Self.age(marker, now)) }
  }

  /// What `part` has to say, `nil` for nothing: `kafka`, `redis`, `server`.
  public mutating func note(trouble: String?, of part: String) { troubles[part] = trouble }

  private static func age(_ marker: Marker, _ now: UInt64) -> Int64 { now > marker.startedAt ? Int64(now - marker.startedAt) : 0 }

  // MARK: - Report

  public func report(now: UInt64) -> ProbeReport {
    var report = ProbeReport(view: settings.view)
    report.visible = visible
    report.delay = delays.distribution
    if settings.asksServer { report.serverDelay = serverDelays.distribution }
    for (partition, lane) in lanes.enumerated() {
      report.sent += lane.sentCount
      report.agesInFlight += lane.inFlight.map { Self.age($0, now) }
      let oldest = lane.inFlight.first.map { Self.age($0, now) }
      let health: MonitorSnapshot.Health
      if let oldest, oldest > settings.silentAfterNanoseconds {
        health = .silent
      } else {
        health = lane.lastDelay == nil ? .unknown : .ok
      }
      report.partitions.append(
        MonitorSnapshot.Probes.Partition(
          partition: partition, health: health, lastDelay: lane.lastDelay.map { Double($0) / 1e6 },
          inFlightAge: oldest.map { Double($0) / 1e6 }))
    }
    let said = troubles.keys.sorted().compactMap { troubles[$0] }
    if !said.isEmpty { report.trouble = said.joined(separator: "; ") }
    return report
  }
}
