// `slo:` of a pipeline: a list of `{ lane: nrt, metric: visible_delay, p99: 500ms }`. An item with several bounds is as many objectives.

import Base
import Configuration

extension PipelineReader {
  func readObjectives(_ node: ConfigurationNode) -> [ServiceObjective] {
    guard let items = values.list(node, "'slo'", min: 1) else { return [] }
    return items.flatMap { item -> [ServiceObjective] in
      guard let reader = MappingReader(item, "an item in 'slo'", values) else { return [] }
      return readObjective(reader)
    }
  }

  private func readObjective(_ reader: MappingReader) -> [ServiceObjective] {
    let lane = reader.required("lane") != nil ? reader.oneOf("lane", Lane.self) : nil
    let metric = reader.required("metric") != nil ? reader.oneOf("metric", ServiceObjective.Metric.self) : nil
    let viewName = reader.node("view").flatMap { values.string($0, reader.what("view")) }
    let bounds = ServiceObjective.Statistic.allCases.compactMap { statistic in
      reader.node(statistic.rawValue) != nil ? reader.duration(statistic.rawValue).map { (statistic, $0) } : nil
    }
    let hasBounds = ServiceObjective.Statistic.allCases.contains { reader.has($0.rawValue) }
    reader.finish(notBuilt: ["min", "window", "budget", "name"])
    if !hasBounds {
      diagnostics.error(
        "missing-field", at: reader.location,
        "an item in 'slo': expected a bound, one of \(ServiceObjective.Statistic.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))"
      )
    }
    guard let lane, let metric else { return [] }
    guard metric.lanes.contains(lane) else {
      let own = ServiceObjective.Metric.allCases.filter { $0.lanes.contains(lane) }.map { "'\($0.rawValue)'" }
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("metric"),
        "an item in 'slo': the lane '\(lane.rawValue)' has no '\(metric.rawValue)'; it has \(own.joined(separator: ", "))")
      return []
    }
    guard let view = objectiveView(viewName, lane, reader) else { return [] }
    return bounds.map {
      ServiceObjective(lane: lane, metric: metric, view: view, statistic: $0.0, boundMilliseconds: $0.1)
    }
  }

  /// The index of a view that is named; `.some(nil)` where none is, nil where there is no such view in the lane.
  private func objectiveView(_ name: String?, _ lane: Lane, _ reader: MappingReader) -> Int?? {
    guard let name else { return .some(nil) }
    let names = views.map(\.name)
    guard let view = names.firstIndex(of: name) else {
      diagnostics.error(
        "unknown-reference", at: reader.keyLocation("view"),
        "an item in 'slo': there is no view '\(name)'\(Suggestion.hint(for: name, among: names))")
      return nil
    }
    guard views[view].lanes.contains(lane) else {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("view"), "an item in 'slo': view '\(name)' has no lane '\(lane.rawValue)'")
      return nil
    }
    return .some(view)
  }
}
