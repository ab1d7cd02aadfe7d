// The markers that are worth trying for a view, best first.

import Base
import Features
import Foundation
import Records
import Schema

struct MarkerCandidates {
  /// How many have been given so far.
  private(set) var count = 0
  private var rest: [MarkerCandidate] = []

  /// Tried at most; each costs a worker in memory.
  private static let countMax = 120

  init(_ pipeline: PipelineDefinition, view index: Int) {
    let view = pipeline.views[index]
    let source = pipeline.sources[view.source]
    let frame = MarkerFrame(source, entity: pipeline.entities[view.entity!])
    var templates: [MarkerNode] = []
    func add(_ template: MarkerNode) { if !templates.contains(template) { templates.append(template) } }
    if let probe = pipeline.probe, probe.view == index {
      if let node = Self.node(probe.event) {
        rest = [MarkerCandidate(template: frame.complete(node), hasRecordKey: frame.hasRecordKey)]
      }
      return
    }
    let conditions = MarkerConditions(source)
    let common = view.predicate.map { [$0] } ?? []
    // Counts change by any event; others need a value, too.
    let aggregates = view.aggregates.filter { $0.field == nil } + view.aggregates.filter { $0.field != nil }
    for aggregate in aggregates {
      for fields in conditions.solutions(common + (aggregate.predicate.map { [$0] } ?? [])) {
        for value in aggregate.markerValues {
          var template = MarkerNode.object([])
          for (path, value) in fields {
            if let value { template.set(MarkerNode(value), at: path.components) } else { template.remove(at: path.components) }
          }
          if let field = aggregate.field, let value, !field.isMetadata, !fields.contains(where: { $0.path == field }) {
            for input in conditions.inputs(of: field) where !fields.contains(where: { $0.path == input }) {
              template.set(value, at: input.components)
            }
          }
          add(frame.complete(template))
        }
      }
    }
    for test in pipeline.tests where test.source == view.source {
      for case .record(let record) in test.given {
        if let node = Self.node(record.value), case .object = node { add(frame.complete(node)) }
      }
    }
    add(frame.complete(.object([])))
    rest = templates.prefix(Self.countMax).map { MarkerCandidate(template: $0, hasRecordKey: frame.hasRecordKey) }
  }

  mutating func next() -> MarkerCandidate? {
    guard !rest.isEmpty else { return nil }
    count += 1
    return rest.removeFirst()
  }

  private static func node(_ json: String) -> MarkerNode? {
    (try? JSONDecoder().decode(ForeignJSON.self, from: Data(json.utf8)))?.node
  }
}

/// What every marker of a source must have: the key where the entity, the topic and computed keys look for it, event time, and something new where
/// copies are found.
private struct MarkerFrame {
  let keyPaths: [FieldPath]
  let time: EventTimeSettings
  let uniquePath: FieldPath?
  let hasRecordKey: Bool

  init(_ source: SourceDefinition, entity: FeatureEntity) {
    let conditions = MarkerConditions(source)
    var paths = conditions.inputs(of: entity.keyPath)
    if case .field(let path) = source.topicKey { paths += conditions.inputs(of: path) }
    keyPaths = paths.filter { !$0.isMetadata }
    time = source.eventTime
    uniquePath = source.deduplication.map(\.keyPath).flatMap { conditions.inputs(of: $0).first { !$0.isMetadata } }
    hasRecordKey = source.topicKey != .none || entity.keyPath.metadata == .key
  }

  func complete(_ template: MarkerNode) -> MarkerNode {
    var template = template
    if let uniquePath { template.set(.unique, at: uniquePath.components) }
    for path in keyPaths { template.set(.key, at: path.components) }
    if let path = time.path, !path.isMetadata { template.set(.time(time.format), at: path.components) }
    return template
  }
}

extension MarkerConditions {
  /// The fields of a record that a field is made of: itself, where it is not computed.
  func inputs(of path: FieldPath) -> [FieldPath] {
    var found: [FieldPath] = []
    func visit(_ path: FieldPath, _ depth: Int) {
      guard let expression = computed[path], depth < 32 else {
        if !found.contains(path) { found.append(path) }
        return
      }
      for input in expression.fieldPaths { visit(input, depth + 1) }
    }
    visit(path, 0)
    return found
  }
}

extension FeatureDefinition {
  /// What to try as the value of the field; nil stands for leaving it out.
  fileprivate var markerValues: [MarkerNode?] {
    guard field != nil else { return [nil] }
    let number = MarkerNode.json("1")
    switch function {
    case .count, .distinct, .approxDistinct, .topK, .collect, .first, .last:
      return [number, .json("\"probe\""), .unique, .json("true")]
    case .min, .max: return parameters.comparesTexts ? [.json("\"probe\""), .unique] : [number]
    default: return [number, .json("1.5")]
    }
  }
}
