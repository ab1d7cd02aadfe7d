// `freshet batch`: a pipeline's views as of one event time, out of the archive, into Redis or a file.

import ArgumentParser
import Base
import Batch
import Configuration
import Features
import Foundation
import HTTPServer
import Logging
import Monitoring

struct BatchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "batch",
    abstract: "Compute a pipeline's views as of one event time, from its archive.",
    discussion: """
      Reads the archive of the pipeline ('archive:', written by 'freshet process' and 'freshet archive'), computes every view that has the lane \
      batch as of one event time, and publishes the rows: readers see the run before until all rows are there, and then this one. Records \
      after that time do not count, whenever they came.

        freshet batch pipeline.yaml
        freshet batch pipeline.yaml --as-of 2026-01-31T06:00:00Z --to stdout
        freshet batch pipeline.yaml --backfill 2026-01-01T00:00:00Z..2026-01-31T00:00:00Z --every 1d --out history
        freshet batch pipeline.yaml --watch

      Each option can also be set by the environment: FRESHET_BATCH_MEMORY=4GiB for --memory.
      """)

  @Argument(help: "The pipeline, a YAML file.")
  var pipeline: String

  @Option(
    help: """
      The cutoff, as RFC 3339 or ms since the epoch. (default: the newest cutoff of each view's schedule that is due, and now for views \
      without one)
      """)
  var asOf: String?

  @Option(name: .customLong("view"), help: "Only this view; may be given several times.")
  var views: [String] = []

  @Option(help: "Every cutoff from A to B (A..B), each into files under --out; with --to redis only the newest of them.")
  var backfill: String?

  @Option(help: "With --backfill: cutoffs are multiples of this, for example 1h, instead of the view's schedule.")
  var every: String?

  @Option(help: "With --backfill: the directory; a file is DIR/VIEW/AS_OF.ndjson.")
  var out: String?

  @Option(
    help: "Write to redis (as the pipeline says), redis://[user@]HOST:PORT[/DB], redis+unix:///PATH, stdout, file:PATH or null.")
  var to: String?

  @Option(help: "Threads; partitions are computed side by side. (default: one per processor)")
  var threads: String?

  @Option(help: "State beyond this goes through temporary files. (default: half of the memory there is)")
  var memory: String?

  @Option(help: "The summary as text on stderr, or as lines of json: on stdout, and where --to is stdout on stderr.")
  var output = InspectionOptions.Output.text

  @Flag(help: "Stay, and run whenever a schedule has a new cutoff.")
  var watch = false

  @Option(
    help:
      "With --watch: answer /livez, /readyz, /metrics and /status.json by HTTP at HOST:PORT, or at a port of this machine alone.")
  var listen: String?

  func run() throws {
    Interrupts.install()
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    let chosen = try BatchChoice.views(views, of: definition)
    // Files of a backfill are no target of their own.
    let target = given(to, "to") ?? (backfill != nil && out != nil ? "null" : nil)
    let launcher = try BatchLauncher(
      definition, to: target, threads: given(threads, "threads"), memory: given(memory, "memory"))
    let asOf = given(asOf, "as-of")
    if watch {
      for (name, value) in [("--as-of", asOf), ("--backfill", backfill), ("--out", out)] where value != nil {
        throw Failure(.usage, "\(name) and --watch exclude each other")
      }
      return try watch(launcher, chosen)
    }
    if listen != nil { throw Failure(.usage, "--listen goes with --watch") }
    if let backfill {
      if asOf != nil { throw Failure(.usage, "--as-of and --backfill exclude each other") }
      return try self.backfill(backfill, launcher, chosen)
    }
    if let name = every != nil ? "--every" : out != nil ? "--out" : nil { throw Failure(.usage, "\(name) goes with --backfill") }
    let rows = try launcher.output()
    for (cutoff, views, reason) in try BatchChoice.cutoffs(asOf, chosen, definition, now: SystemClock().nowMilliseconds) {
      if let reason { Terminal.print(toError: "as of \(TimeText.rfc3339(cutoff)), \(reason)") }
      try execute(launcher, views, cutoff, rows)
    }
  }

  private func given(_ flag: String?, _ name: String) -> String? { Arguments.option(flag, name, of: "batch") }

  private func statusServer(_ pipeline: PipelineDefinition, _ recorder: BatchRecorder) throws -> HTTPServer? {
    guard let text = given(listen, "listen") else { return nil }
    let startedAt = SystemClock().nowMilliseconds
    let status = StatusServer(
      obstacles: { Interrupts.stopRequested ? ["stopping: the end was asked for"] : [] },
      summary: { "\(recorder.section.runs) runs published" },
      metrics: {
        var metrics = MetricsText()
        BatchRecorder.add(to: &metrics, recorder.section)
        ProcessMetrics.add(to: &metrics, startedAt: startedAt)
        return metrics.text
      }, fill: { $0.batch = recorder.section }, pipelineName: pipeline.name, startedAt: startedAt)
    return try status.start(at: ListenAddress(text, option: "--listen"), label: "freshet.batch")
  }

  @discardableResult
  private func execute(_ launcher: BatchLauncher, _ views: [Int], _ cutoff: Int64, _ rows: any BatchOutput) throws -> BatchCounts {
    let run = try launcher.run(views: views, cutoff: cutoff)
    let started = SystemClock().monotonicNanoseconds
    let progress = ProgressReporter { BatchReport.progress(run.progress.current, since: started) }
    do { try run.run(into: rows) } catch {
      progress.stop()
      throw error
    }
    progress.stop()
    let nanoseconds = SystemClock().monotonicNanoseconds - started
    let counts = run.progress.current
    guard output == .json else {
      Terminal.print(toError: BatchReport.summary(counts, run, launcher.pipeline, to: rows.name, nanoseconds: nanoseconds))
      return counts
    }
    let line = BatchReport.json(counts, run, launcher.pipeline, to: rows.name, nanoseconds: nanoseconds)
    if rows.name == "stdout" { Terminal.print(toError: line) } else { try Terminal.print(toOutput: line) }
    return counts
  }

  // MARK: Several cutoffs

  private func backfill(_ text: String, _ launcher: BatchLauncher, _ chosen: [Int]) throws {
    let runs = try BatchChoice.backfill(text, every: every, chosen, launcher.pipeline)
    guard let out else {
      guard case .redis = launcher.target, to != nil, let newest = runs.last else {
        throw Failure(.usage, "--backfill: say where with --out DIR, or --to redis for the newest cutoff alone")
      }
      Terminal.print(toError: "only the newest of \(runs.count) cutoffs counts in Redis: \(TimeText.rfc3339(newest.cutoff))")
      try execute(launcher, newest.views, newest.cutoff, launcher.output())
      return
    }
    if to != nil { throw Failure(.usage, "--out and --to exclude each other") }
    for (cutoff, views) in runs {
      for view in views {
        let folder = "\(out)/\(launcher.pipeline.views[view].name)"
        do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
          throw Failure(.inputOutput, "cannot make the folder '\(folder)'")
        }
        // No colon, which some systems refuse in names.
        let name = TimeText.rfc3339(cutoff).replacingOccurrences(of: ":", with: "")
        try execute(launcher, [view], cutoff, launcher.output(file: "\(folder)/\(name).ndjson"))
      }
    }
  }

  private func watch(_ launcher: BatchLauncher, _ chosen: [Int]) throws {
    let published = try launcher.publishedCutoffs()
    let rows = try launcher.output()
    let recorder = BatchRecorder(launcher.pipeline, views: chosen, published: published)
    let scheduler = BatchScheduler(launcher.pipeline, views: chosen, publishedCutoff: { published[$0] }) { run in
      try recorder.recording(run, of: launcher.pipeline) { try execute(launcher, run.views, run.cutoff, rows) }
    }
    if scheduler.isEmpty { throw Failure(.usage, "--watch: no view of pipeline '\(launcher.pipeline.name)' has a 'schedule:'") }
    let server = try statusServer(launcher.pipeline, recorder)
    defer { server?.stop() }
    do { try scheduler.watch(clock: SystemClock()) { try BatchLauncher.pause($0) } } catch is StopRequested {
      Terminal.print(toError: "stopped after \(scheduler.finishedCount) runs, of which \(scheduler.failedCount) more failed")
    }
  }
}

/// Which views, as of when.
enum BatchChoice {
  /// The views that are named, or all that have the lane `batch`.
  static func views(_ names: [String], of pipeline: PipelineDefinition) throws(Failure) -> [Int] {
    let all = pipeline.views.indices.filter { pipeline.views[$0].lanes.contains(.batch) }
    guard !all.isEmpty else {
      throw Failure(.usage, "no view of pipeline '\(pipeline.name)' has the lane 'batch' ('lanes: [nrt, batch]')")
    }
    guard !names.isEmpty else { return all }
    return try names.map { name throws(Failure) in
      guard let view = all.first(where: { pipeline.views[$0].name == name }) else {
        let known = all.map { pipeline.views[$0].name }
        let isOther = pipeline.views.contains { $0.name == name }
        throw Failure(
          .usage,
          isOther
            ? "--view: view '\(name)' has no lane 'batch'"
            : "--view: pipeline '\(pipeline.name)' has no view '\(name)'\(Suggestion.hint(for: name, among: known))")
      }
      return view
    }
  }

  static func time(_ text: String, _ option: String) throws(Failure) -> Int64 {
    if text == "now" { return SystemClock().nowMilliseconds }
    guard let time = Units.timeMilliseconds(text) else {
      throw Failure(.usage, "\(option): expected a time like 2026-01-31T06:00:00Z or in ms since the epoch, found '\(text)'")
    }
    return time
  }

  /// One run per cutoff, with why it is that one.
  static func cutoffs(
    _ asOf: String?, _ views: [Int], _ pipeline: PipelineDefinition, now: Int64
  ) throws(Failure) -> [(cutoff: Int64, views: [Int], reason: String?)] {
    if let asOf { return [(try time(asOf, "--as-of"), views, nil)] }
    var runs: [(cutoff: Int64, views: [Int], reason: String?)] = []
    for view in views {
      let schedule = pipeline.views[view].schedule
      let cutoff = schedule?.cutoff(at: now) ?? now
      let reason = schedule.map {
        "the newest cutoff that is due of every \(Units.durationText(milliseconds: $0.everyMilliseconds))"
          + ($0.offsetMilliseconds > 0 ? ", \(Units.durationText(milliseconds: $0.offsetMilliseconds)) late" : "")
      }
      if let place = runs.firstIndex(where: { $0.cutoff == cutoff }) {
        runs[place].views.append(view)
      } else {
        runs.append((cutoff, [view], reason ?? "which is now: no view of the run has a 'schedule:'"))
      }
    }
    return runs
  }

  /// The cutoffs of `A..B`, in ascending order.
  static func backfill(
    _ text: String, every: String?, _ views: [Int], _ pipeline: PipelineDefinition
  ) throws(Failure) -> [(cutoff: Int64, views: [Int])] {
    guard let dots = text.range(of: "..") else {
      throw Failure(.usage, "--backfill: expected two times with two dots between them (A..B), found '\(text)'")
    }
    let first = try time(String(text[..<dots.lowerBound]), "--backfill")
    let last = try time(String(text[dots.upperBound...]), "--backfill")
    guard first <= last else { throw Failure(.usage, "--backfill: '\(text)' ends before it begins") }
    let given = try every.map { text throws(Failure) in try Arguments.duration(text, "--every") }
    if let given, given < 1 { throw Failure(.usage, "--every: expected at least 1ms") }
    var runs: [Int64: [Int]] = [:]
    for view in views {
      guard let every = given ?? pipeline.views[view].schedule?.everyMilliseconds else {
        throw Failure(
          .usage, "--backfill: view '\(pipeline.views[view].name)' has no 'schedule:'; say how far apart cutoffs are with --every")
      }
      let count = (last - first) / every
      guard count <= 100_000 else { throw Failure(.usage, "--backfill: these are more than 100000 cutoffs") }
      var cutoff = -floorDivide(-first, every) * every
      while cutoff <= last {
        runs[cutoff, default: []].append(view)
        cutoff += every
      }
    }
    guard !runs.isEmpty else { throw Failure(.usage, "--backfill: no cutoff lies in '\(text)'") }
    return runs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
