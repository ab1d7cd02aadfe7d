// Compares the rows of a pipeline with what its definition gives over the clean stream of a truth file. A value is right where it is that of the
// clean stream; explained where labelled faults can have made it what it is; else it is wrong. It shares no code with the processor's windows.

import Base
import Features
import Generation
import Records
import Schema
import Windowing

/// What was found of one view.
public struct ViewReport: Sendable {
  public var name: String
  public var rowCount = 0
  public var expectedCount = 0
  public var rightCount = 0
  /// Rows that differ from the clean stream's, or are not there, as faults can have it.
  public var explained = StreamReport.Finding(exampleLimit: PipelineCheck.exampleCount)
  public var wrong = StreamReport.Finding(exampleLimit: PipelineCheck.exampleCount)
  public var missing = StreamReport.Finding(exampleLimit: PipelineCheck.exampleCount)
  public var unexpected = StreamReport.Finding(exampleLimit: PipelineCheck.exampleCount)
  public var repeated = StreamReport.Finding(exampleLimit: PipelineCheck.exampleCount)
  public var keylessCount = 0
  /// Features that are not compared, with their aggregate.
  public var notCompared: [String] = []
  /// Why nothing of it is compared; nil where something is. Its rows are counted all the same.
  public var obstacle: String?

  public var agrees: Bool { [wrong, missing, unexpected, repeated].allSatisfy { $0.count == 0 } }
}

public final class PipelineCheck {
  static let exampleCount = 20

  /// Where rows come from.
  public enum Origin: Sendable {
    /// The input was read to its end, so every window has closed.
    case print
    /// The processor may have ended, or still run, with windows open.
    case store
  }

  private struct Place: Hashable {
    var key: String
    var window: Range<Int64>
  }

  private let origin: Origin
  private var histories: [ViewHistory] = []
  private var reports: [String: ViewReport] = [:]
  private var seen: [String: Set<Place>] = [:]
  /// Current rows: the last of each key.
  private var current: [String: [String: FoundRow]] = [:]

  /// - Parameters:
  ///   - viewName: Only this view; nil for all.
  ///   - truthSource: Index of the pipeline's source that the truth is about.
  ///   - isDeduplicated: Whether copies do not count.
  public init(
    _ pipeline: PipelineDefinition, source: Int, viewName: String?, isDeduplicated: Bool, truth: TruthFile, plan: GenerationPlan,
    origin: Origin
  ) throws(Failure) {
    self.origin = origin
    let views = pipeline.views.indices.filter {
      pipeline.views[$0].source == source && (viewName == nil || pipeline.views[$0].name == viewName)
    }
    histories = try HistoryReader.histories(
      pipeline, views: views, source: pipeline.sources[source], isDeduplicated: isDeduplicated, truth: truth, plan: plan)
    for history in histories {
      var report = ViewReport(name: history.name)
      report.keylessCount = history.keylessCount
      report.notCompared = history.notCompared
      report.obstacle = history.obstacle
      reports[history.name] = report
    }
  }

  /// Takes a row; those of other views are passed over.
  public func take(_ row: FoundRow) {
    guard let history = histories.first(where: { $0.name == row.view }) else { return }
    if let window = row.window {
      guard history.isCompared else { return reports[row.view]!.rowCount += 1 }
      take(row, window, history)
    } else {
      if current[row.view]?[row.key] == nil { reports[row.view]!.rowCount += 1 }
      current[row.view, default: [:]][row.key] = row
    }
  }

  /// What was found, once every row has been taken.
  public func finish() -> [ViewReport] {
    for history in histories where history.isCompared {
      if history.trigger == .close { lookForMissing(history) } else { compareCurrent(history) }
    }
    return histories.map { reports[$0.name]! }
  }

  // MARK: - Closed windows

  private func take(_ row: FoundRow, _ window: Range<Int64>, _ history: ViewHistory) {
    reports[row.view]!.rowCount += 1
    let place = Self.name(row.key, window)
    guard seen[row.view, default: []].insert(Place(key: row.key, window: window)).inserted else {
      return reports[row.view]!.repeated.add("\(place) came again")
    }
    guard let shape = history.features.first?.shape else { return }
    guard shape.isWindow(window) else { return reports[row.view]!.unexpected.add("\(place): the view has no such window") }
    let entries = history.entries(row.key, from: window.lowerBound, before: window.upperBound)
    let surelyTakes = surelyTakes(history)
    let records = FeatureBounds(records: entries, surelyTakes: surelyTakes)
    guard records.countMost > 0 else {
      let text = "\(place): \(records.count > 0 ? "none of its records was sent" : "no record of this key in this window")"
      if history.hasForeignKeys { reports[row.view]!.explained.add(text) } else { reports[row.view]!.unexpected.add(text) }
      return
    }
    compare(row, place, [history.features.indices.map { FeatureBounds(entries, feature: $0, surelyTakes: surelyTakes) }], history)
  }

  /// A record that comes no later than the bound has found its window open.
  private func surelyTakes(_ history: ViewHistory) -> (Int64) -> Bool {
    let lateness = history.latenessMilliseconds
    return { $0 == 0 || $0 < lateness }
  }

  private func lookForMissing(_ history: ViewHistory) {
    guard let shape = history.features.first?.shape else { return }
    let surelyTakes = surelyTakes(history)
    // A partition may be behind the others; one that is a minute behind is taken for one that lost something.
    let streamTime = history.keys.values.reduce(Int64.min / 2) { max($0, $1.last { $0.least > 0 && $0.delay == 0 }?.time ?? $0) }
    let slack = history.latenessMilliseconds + max(history.latenessMilliseconds, 60_000)
    for key in history.keys.keys.sorted() {
      let entries = history.keys[key]!
      var windows: [Int64: Set<Int64>] = [:]
      for entry in entries where entry.isClean {
        for window in shape.windows(of: entry.time) { windows[window.lowerBound, default: []].insert(window.upperBound) }
      }
      // Time has surely come this far where the key is.
      let ownTime = entries.last { $0.least > 0 && $0.delay == 0 }?.time ?? .min / 2
      let reached = max(ownTime - history.latenessMilliseconds, streamTime - slack)
      for start in windows.keys.sorted() {
        for end in windows[start]!.sorted() {
          reports[history.name]!.expectedCount += 1
          guard !seen[history.name, default: []].contains(Place(key: key, window: start..<end)) else { continue }
          let records = FeatureBounds(records: history.entries(key, from: start, before: end), surelyTakes: surelyTakes)
          let place = Self.name(key, start..<end)
          if records.countLeast <= 0 {
            reports[history.name]!.explained.add("\(place): no row")
          } else if origin == .store, reached < end - 1 {
            reports[history.name]!.explained.add("\(place): no row; the window may still be open")
          } else {
            reports[history.name]!.missing.add("\(place): no row of \(records.count) records")
          }
        }
      }
    }
  }

  // MARK: - Current values

  private func compareCurrent(_ history: ViewHistory) {
    let rows = current[history.name] ?? [:]
    for key in rows.keys.sorted() {
      let row = rows[key]!
      let all = history.entries(key, from: .min, before: .max)
      let records = FeatureBounds(records: all) { _ in true }
      guard records.countMost > 0 else {
        let text = "'\(key)': \(records.count > 0 ? "none of its records was sent" : "no record has this key")"
        if history.hasForeignKeys {
          reports[history.name]!.explained.add(text)
        } else {
          reports[history.name]!.unexpected.add(text)
        }
        continue
      }
      guard let asOf = row.asOf else {
        reports[history.name]!.wrong.add("'\(key)': the row does not say as of when it is")
        continue
      }
      // A row is as of the watermark, the last one of an input that has ended as of its last record.
      let times = [asOf + history.latenessMilliseconds, asOf]
      let candidates = times.map { now in
        history.features.indices.map { feature in
          let shape = history.features[feature].shape
          return FeatureBounds(
            history.entries(key, from: shape.start(at: now), before: now + 1), feature: feature, surelyTakes: shape.surelyTakes)
        }
      }
      compare(row, "'\(key)' as of \(TimeText.rfc3339(asOf))", candidates, history)
    }
    for key in history.keys.keys.sorted() {
      let isExpected = history.keys[key]!.contains { entry in
        entry.isClean && entry.hits.contains { $0.isClean }
      }
      if isExpected { reports[history.name]!.expectedCount += 1 }
      guard rows[key] == nil, isExpected else { continue }
      let isCertain = history.keys[key]!.contains { entry in
        entry.least > 0 && entry.delay == 0 && entry.hits.contains { $0.isCertain }
      }
      if isCertain {
        reports[history.name]!.missing.add("'\(key)': no row")
      } else {
        reports[history.name]!.explained.add("'\(key)': no row")
      }
    }
  }

  // MARK: - Values

  private enum Verdict: Int {
    case right
    case explained
    case wrong
  }

  /// Compares a row with the best of several sets of bounds.
  private func compare(_ row: FoundRow, _ place: String, _ candidates: [[FeatureBounds]], _ history: ViewHistory) {
    var best: (verdict: Verdict, texts: [String])?
    for bounds in candidates {
      var (worst, texts) = (Verdict.right, [String]())
      for (feature, bound) in zip(history.features, bounds) {
        let found = row.values[feature.name] ?? .null
        let verdict = Self.verdict(found, feature, bound)
        guard verdict != .right else { continue }
        if verdict.rawValue > worst.rawValue { (worst, texts) = (verdict, []) }
        if verdict == worst { texts.append("\(feature.name) is \(found.text), expected \(Self.text(feature, bound))") }
      }
      if worst.rawValue < best?.verdict.rawValue ?? .max { best = (worst, texts) }
    }
    guard let best else { return }
    let text = "\(place): \(best.texts.joined(separator: "; "))"
    switch best.verdict {
    case .right: reports[row.view]!.rightCount += 1
    case .explained: reports[row.view]!.explained.add(text)
    case .wrong: reports[row.view]!.wrong.add(text)
    }
  }

  private static func verdict(_ found: FoundValue, _ feature: ComparedFeature, _ bounds: FeatureBounds) -> Verdict {
    if feature.function == .count {
      guard case .integer(let count) = found else { return .wrong }
      guard (bounds.countLeast...bounds.countMost).contains(count) else { return .wrong }
      return count == bounds.count ? .right : .explained
    }
    if bounds.count == 0, isEmpty(found, feature) { return bounds.countLeast == 0 ? .right : .wrong }
    if bounds.countLeast == 0, isEmpty(found, feature) { return .explained }
    guard let value = found.number else { return .wrong }
    let tolerance = 1e-9 * bounds.magnitude + 1e-9
    if let expected = expected(feature, bounds), abs(value - expected) <= tolerance { return .right }
    // What faults can do to a sum is bounded; to the others, anything.
    guard feature.function == .sum else { return bounds.isExact ? .wrong : .explained }
    return value >= bounds.sumLeast - tolerance && value <= bounds.sumMost + tolerance && bounds.countMost > 0 ? .explained : .wrong
  }

  /// Whether this is what stands for an empty window.
  private static func isEmpty(_ found: FoundValue, _ feature: ComparedFeature) -> Bool {
    switch feature.defaultValue {
    case nil, .null: found == .null
    case .integer(let value): found.number == Double(value) || found == .null
    case .double(let value): found.number == value || found == .null
    default: found != .null
    }
  }

  private static func expected(_ feature: ComparedFeature, _ bounds: FeatureBounds) -> Double? {
    guard bounds.count > 0 else { return nil }
    switch feature.function {
    case .sum: return bounds.sum.value
    case .mean: return bounds.sum.value / Double(bounds.count)
    case .min: return bounds.least
    case .max: return bounds.most
    default: return Double(bounds.count)
    }
  }

  private static func text(_ feature: ComparedFeature, _ bounds: FeatureBounds) -> String {
    switch feature.function {
    case .count: return "\(bounds.count)"
    case .sum where bounds.count > 0: return bounds.sum.text
    default: return expected(feature, bounds).map { "\($0)" } ?? "nothing"
    }
  }

  private static func name(_ key: String, _ window: Range<Int64>) -> String {
    "'\(key)' from \(TimeText.rfc3339(window.lowerBound)) to \(TimeText.rfc3339(window.upperBound))"
  }
}
