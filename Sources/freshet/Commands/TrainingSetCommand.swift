// `freshet training-set`: labels with the features beside them that would have been served at their times.

import ArgumentParser
import Base
import Batch
import Configuration
import Features
import Foundation
import LocalTransport

struct TrainingSetCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "training-set",
    abstract: "Put the feature values of their times beside labels, out of the archive.",
    discussion: """
      A label has the key of each entity that the features belong to (in a column called like the key's field in printed rows), a time, and whatever \
      else: it is kept. Beside it comes each feature as it would have been served at that time: no event that happened later, and none that \
      arrived later, is in it.

        freshet training-set pipeline.yaml --labels labels.csv --out training.csv
        freshet training-set pipeline.yaml --labels labels.ndjson --out - --features activity,profile@batch.purchases
        freshet training-set pipeline.yaml --labels labels.csv --out training.ndjson --service checkout

      Files are .csv or .ndjson, and - is stdin or stdout.
      """)

  @Argument(help: "The pipeline, a YAML file.")
  var pipeline: String

  @Option(help: "The labels: a .csv or .ndjson file, or -.")
  var labels: String

  @Option(help: "Where the labels go with their features: a .csv or .ndjson file, or - for the format of the labels on stdout.")
  var out: String

  @Option(
    help: "view, view.feature, view@lane or view@lane.feature, with commas between several. (default: every view in its first lane)"
  )
  var features: [String] = []

  @Option(help: "The features of this service.")
  var service: String?

  @Option(help: "The column of the labels' time, as RFC 3339 or ms since the epoch. (default: timestamp)")
  var timeColumn: String?

  @Option(help: "Threads; partitions are read side by side. (default: one per processor)")
  var threads: String?

  func run() throws {
    Interrupts.install()
    let definition = try PipelineReader.load(path: pipeline) { Terminal.print(toError: $0.description) }
    let chosen = try TrainingChoice.features(features, service: service, in: definition)
    let file = try LabelFile(path: labels)
    let format = try LabelFile.Format(out, "--out", standard: file.format)
    let launcher = try BatchLauncher(definition, to: "null", threads: Arguments.option(threads, "threads", of: "training-set"))
    let (read, keyColumns) = try Self.labels(file, chosen, definition, timeColumn: timeColumn ?? "timestamp")
    var archives: [Int: any ArchivedRecords] = [:]
    for source in Set(chosen.map { definition.views[$0.view].source }) {
      archives[source] = try BatchLauncher.archive(of: source, in: definition)
    }
    let set = try TrainingSet(definition, features: chosen, labels: read, archives: archives, settings: launcher.settings)
    let started = SystemClock().monotonicNanoseconds
    let progress = ProgressReporter { "\(Quantities.count(Double(set.recordCount))) records read" }
    let columns: [[TrainingValue]]
    do { columns = try set.compute() } catch {
      progress.stop()
      throw error
    }
    progress.stop()
    let names = chosen.map { TrainingChoice.columnName(of: $0, in: definition) }
    for name in names where file.columns.contains(name) {
      throw Failure(.badData, "\(file.name): the labels have a column '\(name)' already")
    }
    try write(file, format, names, textColumns: keyColumns, columns)
    let elapsed = SystemClock().monotonicNanoseconds - started
    Terminal.print(
      toError:
        "\(file.count) labels with \(names.count) features; read \(set.recordCount) records in \(Quantities.seconds(elapsed)), "
        + Quantities.rate(Double(set.recordCount) / max(Double(elapsed) / 1e9, 1e-3)))
  }

  /// The file has its name only when it is whole.
  private func write(
    _ file: LabelFile, _ format: LabelFile.Format, _ names: [String], textColumns: Set<String>, _ columns: [[TrainingValue]]
  ) throws {
    let part = "\(out).part"
    let writer =
      out == "-" ? FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout") : try FileDescriptorWriter(path: part)
    do {
      try file.write(
        format, further: names, textColumns: textColumns, value: { (columns[$0][$1].json, columns[$0][$1].plain) }, to: writer)
      try writer.close()
    } catch {
      if out != "-" { unlink(part) }
      throw error
    }
    guard out == "-" || rename(part, out) == 0 else {
      throw Failure(.inputOutput, "cannot give '\(part)' the name '\(out)': \(String(cString: strerror(errno)))")
    }
  }

  /// Times and keys of the labels, and the columns that the keys stand in.
  private static func labels(
    _ file: LabelFile, _ features: [FeatureReference], _ pipeline: PipelineDefinition, timeColumn: String
  ) throws -> (labels: TrainingLabels, keyColumns: Set<String>) {
    var keys: [Int: [[UInt8]?]] = [:]
    var columns: Set<String> = []
    for entity in Set(features.compactMap { pipeline.views[$0.view].entity }) {
      let name = pipeline.entities[entity].keyFieldName
      columns.insert(name)
      keys[entity] = try file.texts(name, "the key of entity '\(pipeline.entities[entity].name)'").map { $0.map { Array($0.utf8) } }
    }
    var times: [Int64] = []
    for (index, text) in try file.texts(timeColumn, "the time of a label; --time-column names another").enumerated() {
      guard let text, let time = Units.timeMilliseconds(text), abs(time) <= 8_640_000_000_000_000 else {
        throw Failure(
          .badData,
          "\(file.name): '\(timeColumn)' of label \(index + 1): expected a time like 2026-01-31T06:00:00Z or in ms since the epoch, found "
            + (text.map { "'\($0)'" } ?? "nothing"))
      }
      times.append(time)
    }
    return (TrainingLabels(times: times, keys: keys), columns)
  }
}
