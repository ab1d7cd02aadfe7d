// A load test: a generator, probes all the time, and a search that says which load comes next. Between steps what has piled up drains, so that a step is judged
// by its own load.

import Base
import Foundation
import Monitoring
import Synchronization

struct LoadRun {
  struct Settings {
    var search: LoadSearch.Settings
    var objective: LoadObjective
    /// Before a step counts.
    var settleSeconds: Double
    var firstMarkerSeconds = 30.0
    var drainSeconds = 60.0
  }

  let settings: Settings
  let generator: LoadGenerator
  let probes: ProbeRun
  let lagReader: (any LagReader)?
  /// Called with each step.
  let onStep: (LoadStep) throws -> Void
  private let clock = SystemClock()
  private let progress = ProgressLine()

  private static let sampleNanoseconds: UInt64 = 250_000_000

  init(
    _ settings: Settings, _ generator: LoadGenerator, _ probes: ProbeRun, _ lagReader: (any LagReader)?,
    onStep: @escaping (LoadStep) throws -> Void
  ) {
    self.settings = settings
    self.generator = generator
    self.probes = probes
    self.lagReader = lagReader
    self.onStep = onStep
  }

  /// What the progress line shows.
  private final class ProgressLine: Sendable {
    let text = Mutex("waiting for the first marker")
  }

  /// Fills `report`, which holds what is known also where this throws.
  func run(_ report: inout LoadReport) throws {
    let reporter = ProgressReporter { [progress] in progress.text.withLock { $0 } }
    defer { reporter.stop() }
    try waitForFirstMarker()
    var search = LoadSearch(settings.search)
    var action = search.first
    let usualLag = lagSample(&report) ?? 0
    while case .run(let rate, let seconds, let purpose) = action {
      guard let step = try self.step(rate, seconds, purpose, &report) else { break }
      report.steps.append(step)
      reporter.interrupt { try? onStep(step) }
      if step.isSustained, purpose != .confirm { report.highestSustained = max(report.highestSustained ?? 0, rate) }
      try drain(usualLag, &report)
      action = search.next(isSustained: step.isSustained, isFinal: step.isGeneratorLimit)
    }
    if case .found(let rate) = action {
      report.highestSustained = rate
      report.isConfirmed = rate != nil
      report.isAtLimit = rate == settings.search.highestRate
    } else {
      report.isInterrupted = true
    }
    if report.steps.contains(where: \.isGeneratorLimit) {
      report.notes.append("the generator was a limit: --threads, or another machine for it, may show more of the pipeline")
    }
    if let warning = lagReader?.warning { report.notes.append(warning) }
  }

  private func waitForFirstMarker() throws {
    let deadline = clock.monotonicNanoseconds + UInt64(settings.firstMarkerSeconds * 1e9)
    while (probes.report?.visible ?? 0) == 0 {
      if Interrupts.stopRequested { throw StopRequested() }
      guard clock.monotonicNanoseconds < deadline else {
        let reason =
          probes.report?.trouble ?? "markers go out, and nothing comes back; does the pipeline run, with this topic and this store?"
        throw Failure(.unavailable, "no marker came back within \(Int(settings.firstMarkerSeconds)) s: \(reason)")
      }
      usleep(20_000)
    }
  }

  /// One step; nil where the end was asked for before it was half over.
  private func step(
    _ rate: Double, _ seconds: Double, _ purpose: LoadSearch.Purpose, _ report: inout LoadReport
  ) throws -> LoadStep? {
    generator.setRate(rate)
    guard try wait(settings.settleSeconds, rate, "warming up") else { return nil }
    let before = probes.report
    generator.forgetLag()
    let began = try generator.look()
    let start = clock.monotonicNanoseconds
    var lags: [(seconds: Double, records: Int64)] = []
    var isHopeless = false
    while true {
      let elapsed = Double(clock.monotonicNanoseconds - start) / 1e9
      if let lag = lagSample(&report) { lags.append((elapsed, lag)) }
      show(rate, "\(purpose.rawValue), \(Int(elapsed)) of \(Int(seconds)) s", before, lags.last?.records)
      // What has been piling up for seconds does not go away.
      isHopeless =
        elapsed > 3
        && (Double(lags.last?.records ?? 0) > 5 * rate || oldestUnderWay > 10 * max(settings.objective.milliseconds, 500))
      if elapsed >= seconds || isHopeless { break }
      if Interrupts.stopRequested {
        if elapsed < seconds / 2 { return nil }
        break
      }
      usleep(UInt32(min(Self.sampleNanoseconds / 1000, UInt64(max(0.001, seconds - elapsed) * 1e6))))
    }
    let ended = try generator.look()
    let after = probes.report
    let elapsed = Double(max(ended.at, began.at + 1) - began.at) / 1e9
    var step = LoadStep(
      purpose: purpose, asked: rate, achieved: Double(ended.delivered - began.delivered) / elapsed, seconds: elapsed,
      behindSchedule: Double(ended.lagMax) / 1e6)
    if let after {
      step.freshness = MonitorSnapshot.Percentiles(after.delays(since: before))
      step.markersSent = after.sent - (before?.sent ?? 0)
      step.markersUnderWay = after.agesInFlight.count
      step.oldestUnderWay = after.agesInFlight.max().map { Double($0) / 1e6 }
    }
    step.judge(settings.objective, lags: lags)
    return step
  }

  private var oldestUnderWay: Double { Double(probes.report?.agesInFlight.max() ?? 0) / 1e6 }

  /// Pauses until the lag is what it was, and no marker is under way for long.
  private func drain(_ usualLag: Int64, _ report: inout LoadReport) throws {
    generator.setRate(0)
    let deadline = clock.monotonicNanoseconds + UInt64(settings.drainSeconds * 1e9)
    while !Interrupts.stopRequested {
      let lag = lagSample(&report)
      show(0, "draining", nil, lag)
      let seen = try generator.look()
      if seen.underWay == 0, (lag ?? 0) <= max(2 * usualLag, 100), oldestUnderWay <= max(2 * settings.objective.milliseconds, 1000)
      {
        return
      }
      guard clock.monotonicNanoseconds < deadline else {
        let note =
          "what had piled up was not worked off within \(Int(settings.drainSeconds)) s after a step; later steps may have suffered from it"
        if !report.notes.contains(note) { report.notes.append(note) }
        return
      }
      usleep(100_000)
    }
  }

  /// False where the end was asked for.
  private func wait(_ seconds: Double, _ rate: Double, _ what: String) throws -> Bool {
    let deadline = clock.monotonicNanoseconds + UInt64(seconds * 1e9)
    while clock.monotonicNanoseconds < deadline {
      if Interrupts.stopRequested { return false }
      _ = try generator.look()
      show(rate, what, nil, nil)
      usleep(50_000)
    }
    return true
  }

  private func lagSample(_ report: inout LoadReport) -> Int64? {
    guard let lagReader else { return nil }
    do { return try lagReader.lag() } catch {
      let note = "the lag was not always known: \((error as? Failure)?.message ?? "\(error)")"
      if !report.notes.contains(where: { $0.hasPrefix("the lag was not") }) { report.notes.append(note) }
      return nil
    }
  }

  private func show(_ rate: Double, _ what: String, _ before: ProbeReport?, _ lag: Int64?) {
    var text = "\(LoadReport.rate(rate)), \(what)"
    if let before, let delays = probes.report?.delays(since: before), let p99 = delays.nanoseconds(atPercentile: 99) {
      text += ", p99 \(Quantities.milliseconds(Int64(max(p99, 0))))"
    }
    if let lag { text += ", lag \(lag)" }
    progress.text.withLock { $0 = text }
  }
}
