// What a view is, in words: what a snapshot says it is the state of. Two descriptions are equal exactly where the state of one can go on as that of the
// other, and where they differ the words say how to a person.

import Base

public struct ViewDescription: Hashable, Sendable {
  /// Something that the state depends on.
  public struct Property: Hashable, Sendable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  public struct Feature: Hashable, Sendable {
    public var name: String
    public var properties: [Property]

    public init(name: String, properties: [Property]) {
      self.name = name
      self.properties = properties
    }
  }

  public var name: String
  public var properties: [Property]
  /// One per aggregate of the specification, in its order.
  public var features: [Feature]

  public init(name: String, properties: [Property], features: [Feature]) {
    self.name = name
    self.properties = properties
    self.features = features
  }

  /// Of a view that nobody has described: its numbers.
  init(_ view: ViewSpecification, position: Int) {
    func text(_ number: Int?) -> String { number.map { "\($0)" } ?? "none" }
    name = "view \(position)"
    properties = [
      Property("key", text(view.keyColumn)), Property("trigger", view.trigger.rawValue), Property("where", text(view.predicate)),
      Property("ttl", view.timeToLive.map { "\($0)" } ?? "none"),
    ]
    features = view.aggregates.enumerated().map { index, aggregate in
      Feature(
        name: "aggregate \(index)",
        properties: [
          Property("function", aggregate.function.rawValue), Property("parameters", "\(aggregate.parameters.numbers)"),
          Property("field", text(aggregate.column)), Property("where", text(aggregate.predicate)),
          Property("window", "\(aggregate.window)"),
        ])
    }
  }

  /// Features may change places.
  func isSame(as other: ViewDescription) -> Bool {
    name == other.name && properties == other.properties && features.count == other.features.count
      && Set(features) == Set(other.features)
  }

  /// What is different from an older description of the same view.
  func changes(since old: ViewDescription) -> [ViewChange] {
    var changes = Self.changes(old.properties, properties).map {
      ViewChange(view: name, feature: nil, property: $0, old: $1, new: $2)
    }
    for feature in features {
      if let before = old.features.first(where: { $0.name == feature.name }) {
        changes += Self.changes(before.properties, feature.properties).map {
          ViewChange(view: name, feature: feature.name, property: $0, old: $1, new: $2)
        }
      } else {
        changes.append(ViewChange(view: name, feature: feature.name, property: nil, old: nil, new: feature.name))
      }
    }
    for feature in old.features where !features.contains(where: { $0.name == feature.name }) {
      changes.append(ViewChange(view: name, feature: feature.name, property: nil, old: feature.name, new: nil))
    }
    return changes
  }

  private static func changes(_ old: [Property], _ new: [Property]) -> [(String, String?, String?)] {
    var changes: [(String, String?, String?)] = []
    for property in new {
      let before = old.first { $0.name == property.name }?.value
      if before != property.value { changes.append((property.name, before, property.value)) }
    }
    for property in old where !new.contains(where: { $0.name == property.name }) {
      changes.append((property.name, property.value, nil))
    }
    return changes
  }
}

/// One thing that makes a view another than the one whose state was saved.
public struct ViewChange: Equatable, Sendable, CustomStringConvertible {
  public var view: String
  /// Nil for what concerns the whole view.
  public var feature: String?
  /// Nil where a feature came or went.
  public var property: String?
  public var old: String?
  public var new: String?

  public init(view: String, feature: String?, property: String?, old: String?, new: String?) {
    self.view = view
    self.feature = feature
    self.property = property
    self.old = old
    self.new = new
  }

  public var description: String {
    let place = "view '\(view)'" + (feature.map { ", feature '\($0)'" } ?? "")
    guard let property else { return place + (old == nil ? " is new" : " is gone") }
    return "\(place): \(property) \(old ?? "nothing") -> \(new ?? "nothing")"
  }
}

/// What became of the views of a snapshot that was loaded, by name.
public struct SnapshotReport: Equatable, Sendable {
  /// Begin empty where the snapshot ends.
  public var newViews: [String] = []
  /// Were there, and are not wanted any more.
  public var removedViews: [String] = []
  /// Begin empty because that was asked for.
  public var resetViews: [String] = []
  /// Anything else that is not as it was, a sentence each.
  public var notes: [String] = []

  public init() {}

  public var isEmpty: Bool { self == SnapshotReport() }
}
