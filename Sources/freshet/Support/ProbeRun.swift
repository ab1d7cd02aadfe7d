// Markers on their way through a running pipeline: one thread sends them, one looks for them in the store, and, where there is a feature server, one asks it.
// `Prober` decides and counts; what fails is told in the report and tried again.

import Base
import Features
import Foundation
import KafkaTransport
import Measuring
import Monitoring
import Processing
import RedisStore
import Synchronization

/// What a reader has found of the markers that are under way.
enum MarkerFinding {
  /// A row shows everything of the partition up to an event time.
  case lastEvent(Int64, partition: Int)
  /// One marker, and with it every earlier one of the partition.
  case number(Int64, partition: Int)
}

/// Looks for markers; driven by one thread.
protocol MarkerReader: AnyObject {
  /// Looks once; `underWay` has a list per partition, oldest first.
  func look(for underWay: [[Prober.Marker]]) throws -> [MarkerFinding]
}

/// Asks a feature server for the row of a marker that is in the store.
protocol MarkerServerReader: AnyObject {
  /// Whether the server answers with what the store shows.
  func isServed(_ marker: Prober.Marker) throws -> Bool
}

/// Where markers go and where they are looked for.
struct ProbeTarget {
  var view: String
  var emitEveryMilliseconds: Int64 = 0
  var topic: KafkaAddress
  var properties: KafkaProperties
  /// Makes the record of a marker; told how many partitions the topic has.
  var record: @Sendable (Prober.Marker, _ partitionCount: Int) -> ProbeEvent.Record
  /// Told how many partitions the topic has.
  var reader: @Sendable (_ partitionCount: Int) throws -> any MarkerReader
  var server: (@Sendable (_ partitionCount: Int) throws -> any MarkerServerReader)?
}

final class ProbeRun: Sendable {
  /// The view whose rows are read back.
  let view: String
  private let target: ProbeTargetBox
  private let everyMilliseconds: Int64
  private let clock: any Base.Clock
  private let prober = Mutex<Prober?>(nil)
  private let earlyTrouble = Mutex<String?>(nil)
  private let isStopped = Atomic<Bool>(false)
  private let threads = Mutex<[JoinableThread]>([])

  private static let pollNanoseconds: UInt64 = 2_000_000
  /// For markers that have been under way for more than a second.
  private static let slowPollNanoseconds: UInt64 = 10_000_000
  private static let serverPollNanoseconds: UInt64 = 20_000_000
  private static let retryNanoseconds: UInt64 = 300_000_000

  private final class ProbeTargetBox: @unchecked Sendable {
    let target: ProbeTarget
    init(_ target: ProbeTarget) { self.target = target }
  }

  init(_ target: ProbeTarget, every milliseconds: Int64, clock: any Base.Clock = SystemClock()) {
    precondition(milliseconds > 0, "time passes between markers")
    view = target.view
    self.target = ProbeTargetBox(target)
    everyMilliseconds = milliseconds
    self.clock = clock
  }

  /// Markers for a view of a pipeline, through its own topic and store unless others are given. Throws where no view can be probed.
  ///
  /// - Parameters:
  ///   - kafka: A topic in the place of the source's.
  ///   - server: A feature server that serves the pipeline, such as `http://127.0.0.1:6566`.
  convenience init(
    pipeline: PipelineDefinition, view: String? = nil, kafka: KafkaAddress? = nil, redis: RedisAddress? = nil,
    server: String? = nil,
    properties: KafkaProperties = KafkaProperties(), every milliseconds: Int64, clock: any Base.Clock = SystemClock()
  ) throws {
    let event = try ProbeEvent.choose(for: pipeline, view: view, now: clock.nowMilliseconds)
    try self.init(
      ProbeTarget(pipeline, event, kafka: kafka, redis: redis, server: server, properties: properties), every: milliseconds,
      clock: clock)
  }

  func start() {
    threads.withLock { threads in
      guard threads.isEmpty else { return }
      threads.append(JoinableThread { [self] in send() })
      threads.append(JoinableThread { [self] in read() })
      if target.target.server != nil { threads.append(JoinableThread { [self] in ask() }) }
    }
  }

  func stop() {
    isStopped.store(true, ordering: .relaxed)
    let ending = threads.withLock { threads in
      defer { threads = [] }
      return threads
    }
    for thread in ending { try? thread.join() }
  }

  /// What is known at this moment; nil before the topic has been found, where nothing is wrong.
  var report: ProbeReport? {
    let now = clock.monotonicNanoseconds
    if let report = prober.withLock({ $0?.report(now: now) }) { return report }
    return earlyTrouble.withLock { $0 }.map { trouble in
      var report = ProbeReport(view: view)
      report.trouble = trouble
      return report
    }
  }

  // MARK: - Threads

  private var stopRequested: Bool { isStopped.load(ordering: .relaxed) }

  private func note(_ trouble: String?, of part: String) {
    let isKnown = prober.withLock { prober in
      prober?.note(trouble: trouble, of: part)
      return prober != nil
    }
    if !isKnown { earlyTrouble.withLock { $0 = trouble } }
  }

  private func sleep(_ nanoseconds: UInt64) { usleep(UInt32(clamping: nanoseconds / 1000)) }

  /// Whatever a person has to read of an error.
  private static func text(_ error: any Error) -> String { (error as? Failure)?.message ?? "\(error)" }

  private func send() {
    let target = target.target
    while !stopRequested {
      do {
        let output = try KafkaMarkerOutput(
          target.topic, properties: target.properties, connectTimeoutMilliseconds: 2000,
          isStopRequested: { [self] in stopRequested })
        defer { output.close() }
        begin(partitionCount: output.partitionCount)
        while !stopRequested { try sendDue(output) }
      } catch {
        if error is StopRequested { return }
        note(Self.text(error), of: "kafka")
        sleep(Self.retryNanoseconds)
      }
    }
  }

  private func begin(partitionCount: Int) {
    let target = target.target
    prober.withLock { prober in
      // A topic that has been made anew with other partitions is probed anew.
      if let prober, prober.settings.partitionCount == partitionCount { return }
      let settings = Prober.Settings(
        view: target.view, partitionCount: partitionCount, periodMilliseconds: everyMilliseconds,
        emitEveryMilliseconds: target.emitEveryMilliseconds, asksServer: target.server != nil)
      prober = Prober(
        settings, now: clock.monotonicNanoseconds, random: Random(state: UInt64(bitPattern: clock.nowNanoseconds)))
    }
  }

  private func sendDue(_ output: KafkaMarkerOutput) throws {
    let markers = prober.withLock { prober in
      // The two clocks are read together, as close as can be.
      let now = clock.monotonicNanoseconds
      return prober?.due(now: now, wall: clock.nowNanoseconds) ?? []
    }
    for marker in markers {
      let record = target.target.record(marker, output.partitionCount)
      try output.send(partition: record.partition, key: record.key, value: record.value, timestamp: record.timestamp)
    }
    note(try output.poll(), of: "kafka")
    let now = clock.monotonicNanoseconds
    let due = prober.withLock { $0?.nextDueAt } ?? now
    sleep(min(due > now ? due - now : 0, 20_000_000))
  }

  private func read() {
    var reader: (any MarkerReader)?
    var partitionCount = 0
    while !stopRequested {
      guard let (count, underWay) = prober.withLock({ prober in prober.map { ($0.settings.partitionCount, $0.underWay) } }) else {
        sleep(Self.pollNanoseconds)
        continue
      }
      if count != partitionCount { reader = nil }
      partitionCount = count
      guard !underWay.isEmpty else {
        sleep(Self.pollNanoseconds)
        continue
      }
      do {
        if reader == nil { reader = try target.target.reader(count) }
        let began = clock.monotonicNanoseconds
        let findings = try reader!.look(for: underWay)
        let now = clock.monotonicNanoseconds
        prober.withLock { prober in
          for finding in findings {
            switch finding {
            case .lastEvent(let time, let partition): prober?.saw(lastEvent: time, partition: partition, now: now)
            case .number(let number, let partition): prober?.saw(number: number, partition: partition, now: now)
            }
          }
          prober?.note(trouble: nil, of: "redis")
        }
        let youngest = underWay.compactMap(\.last?.startedAt).max() ?? now
        let interval = now > youngest + 1_000_000_000 ? Self.slowPollNanoseconds : Self.pollNanoseconds
        sleep(interval - min(interval, now - began))
      } catch {
        note(Self.text(error), of: "redis")
        // The next one makes new connections.
        reader = nil
        sleep(Self.retryNanoseconds)
      }
    }
  }

  private func ask() {
    var server: (any MarkerServerReader)?
    while !stopRequested {
      let state = prober.withLock { prober in prober.map { ($0.settings.partitionCount, $0.awaited) } }
      guard let (count, awaited) = state, !awaited.isEmpty else {
        sleep(Self.pollNanoseconds)
        continue
      }
      do {
        if server == nil { server = try target.target.server!(count) }
        var isMissing = false
        for marker in awaited where !stopRequested {
          let isServed = try server!.isServed(marker)
          let now = clock.monotonicNanoseconds
          if isServed {
            prober.withLock { $0?.sawThroughServer(number: marker.number, partition: marker.partition, now: now) }
          } else {
            isMissing = true
          }
        }
        note(nil, of: "server")
        if isMissing { sleep(Self.serverPollNanoseconds) }
      } catch {
        note(Self.text(error), of: "server")
        server = nil
        sleep(Self.retryNanoseconds)
      }
    }
  }
}
