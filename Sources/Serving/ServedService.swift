// One service, ready to be served: its columns, where each is read or computed, and what requests must bring.

import Base
import Features
import Records

/// A feature as it is served. Looked at once per value, and so shared and never copied.
final class ServedColumn: Sendable {
  let view: String
  let feature: String
  let lane: Lane
  /// `view.feature`, with the lane where that is not the view's first.
  let reference: String
  /// As Feast's clients call it: `view__feature`.
  let fullName: String
  /// Index into the service's groups.
  let group: Int
  /// The place of its cell among the cells of the group's row.
  let place: Int
  let format: ServedFormat
  /// What its values are, for documents.
  let type: String
  /// The JSON of the value of a key that nothing is held of.
  let emptyValue: [UInt8]

  init(
    view: String, feature: String, lane: Lane, reference: String, group: Int, place: Int, format: ServedFormat, type: String,
    emptyValue: [UInt8]
  ) {
    self.view = view
    self.feature = feature
    self.lane = lane
    self.reference = reference
    fullName = "\(view)__\(feature)"
    self.group = group
    self.place = place
    self.format = format
    self.type = type
    self.emptyValue = emptyValue
  }
}

/// What columns are read of, or computed from.
struct ServedGroup: Sendable {
  enum Origin: Sendable {
    /// Rows of a view.
    case stored(OnlineSelection)
    /// The views of one entity over one source; the cells of a row are all features of `view`, as JSON.
    case recent(list: Int, view: Int)
    /// Index into `PipelineDefinition.requestViews`, and the places of its references: group and column-like cell.
    case request(view: Int)
  }

  var origin: Origin
  var lane: Lane
  /// Cells of a row.
  var width: Int
  /// Index into the service's entities; nil where the rows of all keys are one.
  var entity: Int?
  /// In ms; nil for any age.
  var maxAge: Int64?
  /// Index into the plan's topics.
  var topic: Int?
  /// Of `stored` and `recent`: index into `PipelineDefinition.views`.
  var view: Int?
}

/// A list of recent events that is read.
struct ServedList: Sendable {
  var source: Int
  var entity: Int?
  var selection: OnlineSelection
  /// Index into the service's entities.
  var entityPlace: Int?
}

final class ServedService: Sendable {
  let name: String
  let columns: [ServedColumn]
  let groups: [ServedGroup]
  let lists: [ServedList]
  /// Indices into `PipelineDefinition.entities`, in the order in which the features need them.
  let entities: [Int]
  /// What each is called in requests: the field of its key, and its own name.
  let entityNames: [(key: String, name: String)]
  let inputs: [RequestInput]
  let maxAge: [Lane: Int64]
  let timeoutMilliseconds: Int64?
  /// A name that two features share, so that they need their full ones.
  let ambiguousName: String?
  /// The names of the columns as JSON, with commas between them: short ones, and full ones.
  let shortNamesJSON: [UInt8]
  let fullNamesJSON: [UInt8]
  /// Per column: `"view.feature":{"value":`.
  let openings: [[UInt8]]
  /// Where the value of a reference is: `groups` index and cell place.
  let references: [FeatureReference: (group: Int, place: Int, format: ServedFormat, emptyValue: [UInt8])]

  init(
    _ definition: ServiceDefinition, _ pipeline: PipelineDefinition, emptyValues: [[[UInt8]]], topicOfView: [Int?]
  ) {
    var builder = ServiceBuilder(definition, pipeline, emptyValues: emptyValues, topicOfView: topicOfView)
    builder.build()
    name = definition.name
    columns = builder.columns
    groups = builder.groups
    lists = builder.lists
    entities = builder.entities
    entityNames = builder.entities.map { (pipeline.entities[$0].keyFieldName, pipeline.entities[$0].name) }
    inputs = builder.inputs
    maxAge = definition.maxAgeMilliseconds
    timeoutMilliseconds = definition.timeoutMilliseconds
    references = builder.references
    let columns = builder.columns
    shortNamesJSON = Array(columns.map { JSONText.quoted($0.feature) }.joined(separator: ",").utf8)
    fullNamesJSON = Array(columns.map { JSONText.quoted($0.fullName) }.joined(separator: ",").utf8)
    openings = columns.map { Array("\(JSONText.quoted($0.reference)):{\"value\":".utf8) }
    var seen: Set<String> = []
    ambiguousName = builder.columns.first { !seen.insert($0.feature).inserted }?.feature
  }
}

/// Makes the parts of a service.
private struct ServiceBuilder {
  let definition: ServiceDefinition
  let pipeline: PipelineDefinition
  let emptyValues: [[[UInt8]]]
  let topicOfView: [Int?]
  var columns: [ServedColumn] = []
  var groups: [ServedGroup] = []
  var lists: [ServedList] = []
  var entities: [Int] = []
  var inputs: [RequestInput] = []
  var references: [FeatureReference: (group: Int, place: Int, format: ServedFormat, emptyValue: [UInt8])] = [:]

  init(_ definition: ServiceDefinition, _ pipeline: PipelineDefinition, emptyValues: [[[UInt8]]], topicOfView: [Int?]) {
    self.definition = definition
    self.pipeline = pipeline
    self.emptyValues = emptyValues
    self.topicOfView = topicOfView
  }

  mutating func build() {
    // What is read of each view in each lane: what is served, then what views of requests refer to.
    var wanted: [(view: Int, lane: Lane, features: [Int])] = []
    func want(_ view: Int, _ lane: Lane, _ feature: Int) {
      if let place = wanted.firstIndex(where: { $0.view == view && $0.lane == lane }) {
        if !wanted[place].features.contains(feature) { wanted[place].features.append(feature) }
      } else {
        wanted.append((view, lane, [feature]))
      }
    }
    var referenced: [FeatureReference] = []
    for selection in definition.selections {
      switch selection.subject {
      case .view(let view, let lane): for feature in selection.features { want(view, lane, feature) }
      case .request(let index): referenced += pipeline.requestViews[index].references(in: pipeline)
      }
    }
    for reference in referenced { want(reference.view, reference.lane, reference.feature) }
    for (view, lane, features) in wanted { addGroup(view, lane, features) }
    for reference in referenced { references[reference] = place(of: reference) }
    for selection in definition.selections { addColumns(selection) }
  }

  private mutating func addGroup(_ view: Int, _ lane: Lane, _ features: [Int]) {
    let definition = pipeline.views[view]
    let entity = definition.entity.map { place(ofEntity: $0) }
    var group = ServedGroup(
      origin: .recent(list: 0, view: view), lane: lane, width: definition.features.count, entity: entity,
      maxAge: self.definition.maxAgeMilliseconds[lane], topic: lane == .nrt ? topicOfView[view] : nil, view: view)
    if lane == .rt {
      group.origin = .recent(list: place(ofListOf: definition), view: view)
    } else {
      let rows = lane == .batch ? OnlineSelection.Rows.batch(view: definition.name) : .current(view: definition.name)
      let selection = OnlineSelection(
        rows, isKeyed: definition.entity != nil, fields: features.map { definition.features[$0].name })
      group.origin = .stored(selection)
      group.width = selection.width
    }
    groups.append(group)
  }

  private mutating func place(ofEntity entity: Int) -> Int {
    if let place = entities.firstIndex(of: entity) { return place }
    entities.append(entity)
    return entities.count - 1
  }

  private mutating func place(ofListOf view: FeatureView) -> Int {
    if let place = lists.firstIndex(where: { $0.source == view.source && $0.entity == view.entity }) { return place }
    let selection = OnlineSelection(
      .events(source: pipeline.sources[view.source].name, entity: view.entity.map { pipeline.entities[$0].name }),
      isKeyed: view.entity != nil, fields: [])
    lists.append(
      ServedList(
        source: view.source, entity: view.entity, selection: selection, entityPlace: view.entity.map { place(ofEntity: $0) }))
    return lists.count - 1
  }

  /// Where the value of a feature that is read lies.
  private func place(of reference: FeatureReference) -> (group: Int, place: Int, format: ServedFormat, emptyValue: [UInt8]) {
    let group = groups.firstIndex { $0.view == reference.view && $0.lane == reference.lane }!
    let feature = pipeline.views[reference.view].features[reference.feature]
    let emptyValue = emptyValues[reference.view][reference.feature]
    guard case .stored(let selection) = groups[group].origin else { return (group, reference.feature, .made, emptyValue) }
    return (group, selection.fields.firstIndex(of: feature.name)!, ServedFormat(feature.valueType), emptyValue)
  }

  private mutating func addColumns(_ selection: ServiceDefinition.Selection) {
    switch selection.subject {
    case .view(let index, let lane):
      let view = pipeline.views[index]
      for feature in selection.features {
        let place = place(of: FeatureReference(view: index, lane: lane, feature: feature))
        let name = view.features[feature].name
        columns.append(
          ServedColumn(
            view: view.name, feature: name, lane: lane,
            reference: lane == view.lanes[0] ? "\(view.name).\(name)" : "\(view.name)@\(lane.rawValue).\(name)",
            group: place.group, place: place.place, format: place.format,
            type: ServedFormat(view.features[feature].valueType).name, emptyValue: place.emptyValue))
      }
    case .request(let index):
      let view = pipeline.requestViews[index]
      for input in view.inputs where !inputs.contains(where: { $0.name == input.name }) { inputs.append(input) }
      // A view of requests may want an entity only by what it refers to.
      if let entity = view.entity { _ = place(ofEntity: entity) }
      groups.append(ServedGroup(origin: .request(view: index), lane: .rt, width: view.features.count))
      for feature in selection.features {
        let name = view.features[feature].name
        columns.append(
          ServedColumn(
            view: view.name, feature: name, lane: .rt, reference: "\(view.name).\(name)",
            group: groups.count - 1, place: feature, format: .made,
            type: ServedFormat(view.features[feature].valueType).name, emptyValue: Array("null".utf8)))
      }
    }
  }
}
