// What is read for which features: made once from the pipeline. A service's columns are its features, and its groups what they are read of or computed
// from, each in one lane:
//
//   stored    the rows of a view as the stream keeps them, or of the last batch run         one row per key
//   recent    the views of one entity over one source, computed of its recent events       one list per key
//   request   a view of requests, computed of inputs and of columns of other groups
//
// Features that a request lists by name make a service of their own, which is remembered for the next such request.

import Base
import Features
import Processing
import Records
import Synchronization

public final class ServingPlan: Sendable {
  public let pipeline: PipelineDefinition
  let services: [ServedService]
  private let byName: [String: ServedService]
  /// Per view of the pipeline and feature: the JSON of what an empty window gives.
  let emptyValues: [[[UInt8]]]
  /// How control keys call what rows of the views come from, each once; and per view which of them.
  let topics: [String]
  let topicOfView: [Int?]
  /// Services that requests have made by listing features.
  private let listed = Mutex<[[String]: ServedService]>([:])

  private static let listedCountMax = 256
  /// As many features as one request may list.
  static let featureCountMax = 1000

  public init(_ pipeline: PipelineDefinition) throws(Failure) {
    self.pipeline = pipeline
    emptyValues = try Self.emptyValues(pipeline)
    var topics: [String] = []
    topicOfView = pipeline.views.map { view in
      guard let topic = pipeline.topicName(of: view) else { return nil }
      if let known = topics.firstIndex(of: topic) { return known }
      topics.append(topic)
      return topics.count - 1
    }
    self.topics = topics
    let empty = emptyValues
    let topicOfView = topicOfView
    services = pipeline.services.map { ServedService($0, pipeline, emptyValues: empty, topicOfView: topicOfView) }
    byName = Dictionary(services.map { ($0.name, $0) }) { first, _ in first }
  }

  func service(named name: String) throws(RequestFault) -> ServedService {
    guard let service = byName[name] else {
      let known = services.map(\.name).sorted()
      throw RequestFault(
        404,
        "there is no service '\(name.prefix(100))'; "
          + (known.isEmpty ? "the pipeline has none" : "there is \(known.joined(separator: ", "))"))
    }
    return service
  }

  /// The service of features that a request lists, as `view:feature`, `view@lane:feature` or with a dot.
  func service(ofFeatures names: [String]) throws(RequestFault) -> ServedService {
    guard !names.isEmpty else { throw RequestFault(422, "'features' is empty") }
    guard names.count <= Self.featureCountMax else {
      throw RequestFault(422, "'features' has \(names.count) items; there may be \(Self.featureCountMax)")
    }
    if let known = listed.withLock({ $0[names] }) { return known }
    var definition = ServiceDefinition(name: "", selections: [])
    for name in names {
      let (subject, feature) = try self.feature(name)
      if let place = definition.selections.firstIndex(where: { $0.subject == subject }) {
        guard !definition.selections[place].features.contains(feature) else {
          throw RequestFault(422, "feature '\(name)' is listed twice")
        }
        definition.selections[place].features.append(feature)
      } else {
        definition.selections.append(ServiceDefinition.Selection(subject: subject, features: [feature]))
      }
    }
    let service = ServedService(definition, pipeline, emptyValues: emptyValues, topicOfView: topicOfView)
    listed.withLock {
      if $0.count >= Self.listedCountMax { $0.removeAll() }
      $0[names] = service
    }
    return service
  }

  private func feature(_ name: String) throws(RequestFault) -> (ServiceDefinition.Selection.Subject, Int) {
    let shown = String(name.prefix(100))
    guard let mark = name.firstIndex(where: { $0 == ":" || $0 == "." }) else {
      throw RequestFault(422, "expected view:feature, found '\(shown)'")
    }
    let view = String(name[..<mark])
    let feature = String(name[name.index(after: mark)...])
    let subject: ServiceDefinition.Selection.Subject
    let names: [String]
    if let place = pipeline.lane(named: view) {
      guard pipeline.views[place.view].trigger == .change else {
        throw RequestFault(422, "view '\(view)' has windows that close, and no current value to serve")
      }
      subject = .view(place.view, place.lane)
      names = pipeline.views[place.view].features.map(\.name)
    } else if let index = pipeline.requestViews.firstIndex(where: { $0.name == view || "\($0.name)@rt" == view }) {
      subject = .request(index)
      names = pipeline.requestViews[index].features.map(\.name)
    } else {
      throw RequestFault(404, "there is no view '\(view.prefix(100))'")
    }
    guard let index = names.firstIndex(of: feature) else {
      throw RequestFault(404, "view '\(view)' has no feature '\(feature.prefix(100))'")
    }
    return (subject, index)
  }

  /// What `default`, and the features that are made of others, give where nothing is held.
  private static func emptyValues(_ pipeline: PipelineDefinition) throws(Failure) -> [[[UInt8]]] {
    var values = pipeline.views.map { view in Array(repeating: Array("null".utf8), count: view.features.count) }
    let rows = FeatureRowBatch()
    let out = ByteBuffer()
    for source in pipeline.sources.indices {
      let names = Set(pipeline.views.filter { $0.source == source && $0.trigger == .change }.map(\.name))
      guard !names.isEmpty else { continue }
      let replay = try ViewReplay(pipeline, source: source, viewNames: names, sourceName: "no records")
      for (position, view) in replay.views.enumerated() {
        rows.removeAll()
        let key: [UInt8]? = pipeline.views[view].entity == nil ? nil : []
        replay.appendRows(ofView: position, keys: [key], asOf: 0, to: rows)
        let first = Int(rows.rows[0].firstValue)
        for feature in pipeline.views[view].features.indices {
          out.removeAll()
          ServedFormat.append(rows.values[first + feature], in: rows, to: out)
          values[view][feature] = Array(out.bytes)
        }
      }
    }
    return values
  }
}

extension PipelineDefinition {
  /// What control keys call the topic that a view's rows are made of; nil where the pipeline names none.
  func topicName(of view: FeatureView) -> String? {
    guard let kafka = sources[view.source].kafka else { return nil }
    let index = views.firstIndex { $0.name == view.name }
    let repartitioning = expectedRepartitionings(ofSource: view.source).first { index.map($0.views.contains) ?? false }
    let topic = repartitioning?.internalTopic(of: kafka.topic, in: self) ?? kafka.topic
    return "\(sources[view.source].name).\(topic)"
  }
}
