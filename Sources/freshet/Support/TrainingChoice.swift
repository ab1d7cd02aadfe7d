// Which features stand beside the labels: those of a service, those that are named, or all.

import Base
import Configuration
import Features

enum TrainingChoice {
  static func features(
    _ names: [String], service: String?, in pipeline: PipelineDefinition
  ) throws(Failure) -> [FeatureReference] {
    if let service {
      guard names.isEmpty else { throw Failure(.usage, "--features and --service exclude each other") }
      return try features(ofService: service, in: pipeline)
    }
    let chosen = names.flatMap { $0.split(separator: ",").map(String.init) }
    guard !chosen.isEmpty else {
      let views = pipeline.views.indices.filter { pipeline.views[$0].trigger == .change }
      guard !views.isEmpty else { throw Failure(.usage, "pipeline '\(pipeline.name)' has no view with 'trigger: change'") }
      return views.flatMap { references(to: $0, pipeline.views[$0].lanes[0], nil, pipeline) }
    }
    var found: [FeatureReference] = []
    for name in chosen {
      for reference in try features(named: name, in: pipeline) where !found.contains(reference) { found.append(reference) }
    }
    return found
  }

  private static func references(
    to view: Int, _ lane: Lane, _ feature: Int?, _ pipeline: PipelineDefinition
  ) -> [FeatureReference] {
    let features = feature.map { [$0] } ?? Array(pipeline.views[view].features.indices)
    return features.map { FeatureReference(view: view, lane: lane, feature: $0) }
  }

  /// `view`, `view.feature`, `view@lane`, `view@lane.feature` or `view.feature@lane`.
  private static func features(named text: String, in pipeline: PipelineDefinition) throws(Failure) -> [FeatureReference] {
    var viewName = text
    var lane: String?
    if let at = viewName.firstIndex(of: "@") {
      let rest = viewName[viewName.index(after: at)...]
      lane = String(rest.prefix { $0 != "." })
      viewName = String(viewName[..<at]) + rest.dropFirst(lane!.count)
    }
    let parts = viewName.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    if pipeline.requestViews.contains(where: { $0.name == parts[0] }) { throw requestView(parts[0]) }
    guard let view = pipeline.views.firstIndex(where: { $0.name == parts[0] }) else {
      throw Failure(
        .usage,
        "--features: pipeline '\(pipeline.name)' has no view '\(parts[0])'"
          + Suggestion.hint(for: parts[0], among: pipeline.views.map(\.name)))
    }
    let definition = pipeline.views[view]
    var feature: Int?
    if parts.count == 2 {
      feature = definition.features.firstIndex { $0.name == parts[1] }
      guard feature != nil else {
        throw Failure(
          .usage,
          "--features: view '\(parts[0])' has no feature '\(parts[1])'"
            + Suggestion.hint(for: parts[1], among: definition.features.map(\.name)))
      }
    }
    guard let lane else { return references(to: view, definition.lanes[0], feature, pipeline) }
    guard let known = Lane(rawValue: lane), definition.lanes.contains(known) else {
      throw Failure(
        .usage,
        "--features: view '\(parts[0])' has no lane '\(lane)'; it has \(definition.lanes.map { "'\($0.rawValue)'" }.joined(separator: ", "))"
      )
    }
    return references(to: view, known, feature, pipeline)
  }

  private static func features(ofService name: String, in pipeline: PipelineDefinition) throws(Failure) -> [FeatureReference] {
    guard let service = pipeline.services.first(where: { $0.name == name }) else {
      throw Failure(
        .usage,
        "--service: pipeline '\(pipeline.name)' has no service '\(name)'"
          + Suggestion.hint(for: name, among: pipeline.services.map(\.name)))
    }
    var found: [FeatureReference] = []
    for selection in service.selections {
      switch selection.subject {
      case .view(let view, let lane):
        found += selection.features.map { FeatureReference(view: view, lane: lane, feature: $0) }
      case .request(let index): throw requestView(pipeline.requestViews[index].name)
      }
    }
    return found
  }

  private static func requestView(_ name: String) -> Failure {
    Failure(
      .usage,
      "view '\(name)' is computed from requests, which is not built for training sets in this version; name the features of the other "
        + "views with --features, and compute its expressions from them")
  }

  /// What a feature's column is called: `view.feature`, or `view@lane.feature` where the lane is not the view's first.
  static func columnName(of feature: FeatureReference, in pipeline: PipelineDefinition) -> String {
    let view = pipeline.views[feature.view]
    let lane = feature.lane == view.lanes[0] ? "" : "@\(feature.lane.rawValue)"
    return "\(view.name)\(lane).\(view.features[feature.feature].name)"
  }
}
