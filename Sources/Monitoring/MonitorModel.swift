// What a monitor knows, and what follows from it: takes observations (status documents and failures to get them, probes, comparisons, what the store says
// of batch runs), and gives snapshots. Pure: time is passed in, and nothing is asked for. Owned by one thread.
//
//   observations --> histories per target --> differences over the window --> `MonitorSnapshot`
//
// Silence is never covered up: a target that has not answered for longer than `silenceNanoseconds`, or refuses connections, says nothing, and whatever
// it alone could say is nil from then on.

import Base
import Features
import Measuring

public final class MonitorModel {
  struct Target {
    var address: String
    var history = StatusHistory()
    var clock = ClockOffset()
    /// By the monotonic clock in ns.
    var answeredAt: UInt64?
    /// Why it did not answer when it was last asked.
    var failure: String?
    var isRefused = false
    var wasSilent = false
    var askedOnce = false
  }

  /// The last answer may be that old: asked twice a second with 0.7 s of patience, who lives has answered by then.
  static let silenceNanoseconds: UInt64 = 1_250_000_000
  /// A store is looked at once a second, and a look is a few round trips.
  private static let storeSilenceNanoseconds: UInt64 = 2_500_000_000
  /// Markers, and records that have been read, that are not visible for longer are stuck.
  static let stuckMilliseconds: Double = 2000

  let pipeline: MonitoredPipeline
  let clock: any Clock
  private(set) var targets: [Target]
  /// Over which time percentiles are taken, in s; 0 since the start.
  public var windowSeconds: Int
  let startedAt: UInt64
  /// The time of the observation that is being looked at.
  var now: UInt64 { clock.monotonicNanoseconds }

  var probeReport: ProbeReport?
  private var probeHistory: [(at: UInt64, delay: DurationDistribution, server: DurationDistribution?)] = []
  var comparisons = LaneComparisons()
  /// As the store says it, by view; without a store to look at, as those say it who run batches.
  var published: [String: (asOf: Int64, publishedAt: Int64)] = [:]
  /// What is known of the store: nil where it is not looked at.
  private(set) var store: (address: String, trouble: String?)?
  /// When the store last answered.
  private(set) var storeAnsweredAt: UInt64?
  /// As the events say it.
  private var notedTrouble: String?
  /// Values that were not compared, because events that the exact one needs are gone.
  public private(set) var truncatedCount = 0

  private(set) var events: [MonitorSnapshot.Event] = []
  private(set) var history: [MonitorSnapshot.HistoryPoint] = []
  private var historyAt: UInt64 = 0
  private var lastHealth: [String: MonitorSnapshot.Health] = [:]

  private static let eventCountMax = 100
  private static let historyCountMax = 600

  public init(_ pipeline: MonitoredPipeline, targets: [String], windowSeconds: Int = 60, clock: any Clock) {
    self.pipeline = pipeline
    self.clock = clock
    self.targets = targets.map { Target(address: $0) }
    self.windowSeconds = windowSeconds
    startedAt = clock.monotonicNanoseconds
  }

  // MARK: Observations

  /// A target has answered.
  ///
  /// - Parameters:
  ///   - requestedAt: Ms since the epoch by our clock, with fractions; the answer had come at `answeredAt`.
  public func note(_ document: StatusDocument, from target: Int, requestedAt: Double, answeredAt: Double) {
    if let refusal = document.refusal {
      return note(failure: "its status cannot be true: \(refusal)", isRefused: true, of: target)
    }
    if isForeign(document) {
      return note(failure: "it is of another pipeline, '\(document.pipeline)'", isRefused: true, of: target)
    }
    let isAnother = targets[target].history.append(document, at: now)
    if isAnother {
      targets[target].clock.reset()
      note(.note, "\(name(of: target)) has been started again")
    }
    targets[target].clock.note(requested: requestedAt, answered: answeredAt, theirs: Double(document.now))
    targets[target].answeredAt = now
    targets[target].failure = nil
    targets[target].isRefused = false
    targets[target].askedOnce = true
    // Where the store is looked at, it says itself what readers see.
    for view in store == nil ? document.batch?.views ?? [] : [] {
      guard let asOf = view.asOf, let publishedAt = view.publishedAt else { continue }
      note(publishedView: view.name, asOf: asOf, publishedAt: publishedAt)
    }
    lookAtSilence()
  }

  /// A target has not answered.
  ///
  /// - Parameter isRefused: Nobody listens there, which is known at once; else the answer has not come in time, or was no status.
  public func note(failure: String, isRefused: Bool, of target: Int) {
    targets[target].failure = failure
    targets[target].isRefused = isRefused
    targets[target].askedOnce = true
    lookAtSilence()
  }

  public func note(_ report: ProbeReport?) {
    probeReport = report
    guard let report else { return }
    if probeHistory.last.map({ now - $0.at >= 950_000_000 }) ?? true {
      probeHistory.append((now, report.delay, report.serverDelay))
      if probeHistory.count > Self.historyCountMax + 1 { probeHistory.removeFirst() }
    }
  }

  public func note(_ samples: [LaneSample], truncated: Int = 0) {
    comparisons.append(samples, at: now, wallTime: clock.nowMilliseconds)
    truncatedCount += truncated
  }

  /// Which runs readers see, of all views that have any: those that are not among them have none any more.
  public func note(published views: [(name: String, asOf: Int64, publishedAt: Int64)]) {
    for view in published.keys.sorted() where !views.contains(where: { $0.name == view }) {
      published[view] = nil
      note(.bad, "no batch run of \(view) is published any more")
    }
    for view in views { note(publishedView: view.name, asOf: view.asOf, publishedAt: view.publishedAt) }
  }

  /// Which run of a view readers see.
  public func note(publishedView view: String, asOf: Int64, publishedAt: Int64) {
    // From the store anything may come.
    guard abs(Double(asOf)) <= Double(StatusDocument.magnitudeMax) else { return }
    if let before = published[view], before.asOf == asOf { return }
    if published[view] != nil || !history.isEmpty {
      note(.good, "batch run of \(view) published, \(Self.seconds(Double(clock.nowMilliseconds - asOf))) behind its cutoff")
    }
    published[view] = (asOf, publishedAt)
  }

  /// Whether the store answers.
  public func note(store address: String, trouble: String?) {
    if trouble == nil { storeAnsweredAt = now }
    store = (address, trouble)
    lookAtStore()
  }

  /// Why the store says nothing; nil while it does, and where there is none.
  var storeTrouble: String? {
    guard let store else { return nil }
    if let trouble = store.trouble { return trouble }
    guard let storeAnsweredAt, now - storeAnsweredAt > Self.storeSilenceNanoseconds else { return nil }
    return "no answer in time"
  }

  private func lookAtStore() {
    let trouble = storeTrouble
    if let trouble, notedTrouble == nil { note(.bad, "the store does not answer: \(trouble)") }
    if let before = notedTrouble, trouble == nil { note(.good, "the store answers again (was: \(before))") }
    notedTrouble = trouble
  }

  /// Something that happened outside of what is measured, such as an incident of a demo.
  public func note(_ level: MonitorSnapshot.Event.Level, _ text: String) {
    events.append(MonitorSnapshot.Event(at: clock.nowMilliseconds, level: level, text: text))
    if events.count > Self.eventCountMax { events.removeFirst(events.count - Self.eventCountMax) }
  }

  // MARK: Silence

  func isSilent(_ target: Target) -> Bool {
    guard let answeredAt = target.answeredAt else { return true }
    return target.isRefused || now - answeredAt > Self.silenceNanoseconds
  }

  func lookAtSilence() {
    lookAtStore()
    for index in targets.indices {
      let silent = targets[index].askedOnce && isSilent(targets[index])
      guard silent != targets[index].wasSilent else { continue }
      targets[index].wasSilent = silent
      if silent {
        note(.bad, "\(name(of: index)) is silent: \(targets[index].failure ?? "no answer in time")")
      } else {
        note(.good, "\(name(of: index)) answers")
      }
    }
  }

  func roles(of target: Target) -> [String] {
    guard let document = target.history.newest?.document else { return [] }
    return [
      document.process.map { _ in "process" }, document.serve.map { _ in "serve" }, document.archive.map { _ in "archive" },
      document.batch.map { _ in "batch" }, document.generate.map { _ in "generate" },
    ].compactMap { $0 }
  }

  func name(of target: Int) -> String {
    let roles = roles(of: targets[target])
    return roles.isEmpty ? targets[target].address : "\(roles.joined(separator: "+")) (\(targets[target].address))"
  }

  /// Of another pipeline than the one that is looked at: its numbers are none of ours. A generator has no pipeline.
  func isForeign(_ document: StatusDocument) -> Bool {
    guard !pipeline.views.isEmpty, document.pipeline != pipeline.name else { return false }
    return document.process != nil || document.serve != nil || document.archive != nil || document.batch != nil
  }

  // MARK: Differences

  /// The newest documents of those that answer.
  var documents: [StatusDocument] {
    targets.filter { !isSilent($0) }.compactMap { $0.history.newest?.document }
  }

  var windowNanoseconds: UInt64 { windowSeconds == 0 ? now - startedAt : UInt64(windowSeconds) * 1_000_000_000 }

  /// When the window began, by the monotonic clock.
  var windowStart: UInt64 { max(startedAt, now - min(now, windowNanoseconds)) }

  /// Distributions over the last `nanoseconds`, of all targets that answer together.
  func distribution(over nanoseconds: UInt64, _ get: (StatusDocument) -> DurationDistribution?) -> DurationDistribution {
    targets.reduce(into: DurationDistribution()) { sum, target in
      guard !isSilent(target), let newest = target.history.newest, let value = get(newest.document),
        let earlier = target.history.earlier(by: nanoseconds)
      else { return }
      sum.add(value.since(get(earlier.document) ?? DurationDistribution()))
    }
  }

  /// Counts per second over the last `nanoseconds`; nil where nobody says.
  func rate(over nanoseconds: UInt64, _ get: (StatusDocument) -> Int64?) -> Double? {
    var sum: Double?
    for target in targets where !isSilent(target) {
      guard let newest = target.history.newest, let value = get(newest.document),
        let earlier = target.history.earlier(by: nanoseconds), let before = get(earlier.document), newest.at > earlier.at
      else { continue }
      sum = (sum ?? 0) + Double(max(0, value - before)) / (Double(newest.at - earlier.at) / 1e9)
    }
    return sum
  }

  /// Of markers, those under way with their age.
  func probeDelay(over nanoseconds: UInt64, server: Bool = false) -> DurationDistribution {
    guard let report = probeReport else { return DurationDistribution() }
    let wanted = now - min(now, nanoseconds)
    let earlier = probeHistory.last { $0.at <= wanted + 500_000_000 } ?? probeHistory.first
    var delay: DurationDistribution
    if server {
      guard let current = report.serverDelay else { return DurationDistribution() }
      delay = current.since(earlier?.server ?? DurationDistribution())
    } else {
      // The first report may stand for all before it.
      delay = report.delay.since(earlier.map { $0.at < now ? $0.delay : DurationDistribution() } ?? DurationDistribution())
      for age in report.agesInFlight { delay.insert(nanoseconds: age) }
    }
    return delay
  }

  // MARK: History

  /// Adds a point a second; `point` is what a snapshot says of this moment.
  func keep(_ point: MonitorSnapshot.HistoryPoint) {
    guard historyAt == 0 || now - historyAt >= 950_000_000 else { return }
    historyAt = now
    history.append(point)
    if history.count > Self.historyCountMax { history.removeFirst() }
  }

  /// Notes that an objective is violated, or met again.
  func noteChange(of objective: String, to health: MonitorSnapshot.Health, measured: String) {
    let before = lastHealth[objective]
    guard health == .ok || health == .violated, before != health else { return }
    lastHealth[objective] = health
    if health == .violated {
      note(.bad, "objective violated: \(objective), measured \(measured)")
    } else if before == .violated {
      note(.good, "objective met again: \(objective)")
    }
  }

  static func seconds(_ milliseconds: Double) -> String {
    let tenths = (milliseconds / 100).rounded() / 10
    return "\(tenths) s"
  }
}
