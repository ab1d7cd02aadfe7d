// What a monitor has to know of a pipeline; of nothing but addresses, next to nothing.

import Configuration
import Features

public struct MonitoredPipeline: Sendable {
  public struct View: Sendable {
    public var name: String
    public var lanes: [String]
    public var trigger: String
    /// Of the source, in ms.
    public var lateness: Int64
    public var batchEveryMilliseconds: Int64?
  }

  public struct Objective: Sendable {
    public var definition: ServiceObjective
    public var viewName: String?
    public var text: String
  }

  public var name: String
  public var views: [View] = []
  /// In the order rt, nrt, batch.
  public var lanes: [String]
  public var objectives: [Objective] = []

  /// Known by addresses alone.
  public init(name: String) {
    self.name = name
    lanes = Lane.allCases.map(\.rawValue)
  }

  public init(_ pipeline: PipelineDefinition) {
    name = pipeline.name
    views = pipeline.views.map { view in
      View(
        name: view.name, lanes: view.lanes.map(\.rawValue), trigger: view.trigger.rawValue,
        lateness: pipeline.sources[view.source].latenessMilliseconds, batchEveryMilliseconds: view.schedule?.everyMilliseconds)
    }
    let used = Set(pipeline.views.flatMap(\.lanes) + (pipeline.requestViews.isEmpty ? [] : [.rt]))
    lanes = Lane.allCases.filter(used.contains).map(\.rawValue)
    objectives = pipeline.objectives.map { objective in
      let view = objective.view.map { pipeline.views[$0].name }
      return Objective(
        definition: objective, viewName: view,
        text:
          "\(objective.lane.rawValue) \(view.map { "\($0) " } ?? "")\(objective.metric.rawValue) \(objective.statistic.rawValue) <= "
          + Units.durationText(milliseconds: objective.boundMilliseconds))
    }
  }
}
