// Services: which features are asked for together. `view` alone means all of its features; `@lane` chooses another lane than the first.

import Base
import Configuration
import Records
import Windowing

extension PipelineReader {
  func readServices(_ reader: MappingReader) -> [ServiceDefinition] {
    reader.pairs.compactMap { pair in
      values.checkName(pair.name, "the name of a service", at: pair.key.location)
      guard let service = MappingReader(pair.value, "service '\(pair.name)'", values, main: "features") else { return nil }
      return readService(pair.name, service)
    }
  }

  private func readService(_ name: String, _ reader: MappingReader) -> ServiceDefinition {
    var service = ServiceDefinition(name: name, selections: [])
    if let node = reader.required("features"), let items = values.list(node, reader.what("features"), min: 1) {
      for item in items {
        guard let text = values.string(item, "an item in \(reader.what("features"))") else { continue }
        select(text, at: item.location, reader.what("features"), in: &service)
      }
    }
    if let ages = reader.mapping("max_age") {
      for lane in Lane.allCases {
        guard let age = ages.duration(lane.rawValue) else { continue }
        service.maxAgeMilliseconds[lane] = age
        checkReach(of: age, lane, at: ages.node(lane.rawValue)?.location ?? reader.location, in: service)
      }
      ages.finish()
    }
    service.timeoutMilliseconds = reader.duration("timeout")
    reader.finish(notBuilt: ["description", "owner", "tags", "entities", "log", "fallback"])
    return service
  }

  /// Points out an age that values have by their making.
  private func checkReach(of age: Int64, _ lane: Lane, at location: SourceLocation, in service: ServiceDefinition) {
    for case .view(let index, lane) in service.selections.map(\.subject) {
      let view = views[index]
      let reason: String
      switch lane {
      case .rt: continue
      case .nrt:
        let lateness = sources[view.source].latenessMilliseconds
        guard lateness >= age else { continue }
        reason =
          "is never younger than the \(Units.durationText(milliseconds: lateness)) of 'lateness' of source '\(sources[view.source].name)', so every value would be STALE"
      case .batch:
        guard let schedule = view.schedule else { continue }
        let oldest = schedule.everyMilliseconds + schedule.offsetMilliseconds
        guard oldest >= age else { continue }
        reason =
          "is \(Units.durationText(milliseconds: oldest)) old before the next run of its 'schedule', so its values would be STALE in between"
      }
      diagnostics.warning(
        "wrong-value", at: location,
        "'\(lane.rawValue)' of 'max_age' of service '\(service.name)': \(Units.durationText(milliseconds: age)), but view '\(view.name)' \(reason)"
      )
    }
  }

  /// Adds what `view`, `view.feature`, `view@lane` or `view@lane.feature` names.
  private func select(_ text: String, at location: SourceLocation, _ what: String, in service: inout ServiceDefinition) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let subject: ServiceDefinition.Selection.Subject
    let names: [String]
    switch laneReference(parts[0]) {
    case .none(let reason):
      if !reason.isEmpty { diagnostics.error("unknown-reference", at: location, "\(what): \(reason)") }
      return
    case .view(let index, let lane):
      guard views[index].trigger == .change else {
        diagnostics.error(
          "wrong-value", at: location, "\(what): view '\(views[index].name)' has windows that close, and no current value to serve")
        return
      }
      subject = .view(index, lane)
      names = views[index].features.map(\.name)
    case .request(let name):
      guard let index = requestViews.firstIndex(where: { $0.name == name }) else { return }
      subject = .request(index)
      names = requestViews[index].features.map(\.name)
    }
    var features = Array(names.indices)
    if parts.count == 2 {
      guard let feature = names.firstIndex(of: parts[1]) else {
        diagnostics.error(
          "unknown-reference", at: location,
          "\(what): view '\(parts[0])' has no feature '\(parts[1])'\(Suggestion.hint(for: parts[1], among: names))")
        return
      }
      features = [feature]
    }
    if let place = service.selections.firstIndex(where: { $0.subject == subject }) {
      guard service.selections[place].features.allSatisfy({ !features.contains($0) }) else {
        diagnostics.error("wrong-value", at: location, "\(what): '\(text)' is there already")
        return
      }
      service.selections[place].features += features
    } else {
      service.selections.append(ServiceDefinition.Selection(subject: subject, features: features))
    }
  }
}
