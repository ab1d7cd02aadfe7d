// What a pipeline will cost at a rate over a number of keys, by arithmetic: keys are drawn evenly and records come at random (a Poisson stream), so
// a key is met in a stretch of `t` seconds with probability 1 - exp(-rate t / keys). Every record is taken to pass every `where`, so real
// pipelines cost less, and skewed keys less again.

import Base
import Features
import Foundation
import Windowing

public struct PipelineForecast: Sendable {
  /// Panes of one length (or sessions) and what they hold.
  public struct Group: Sendable {
    public var shape: PaneGroupShape
    /// Nodes that a key holds on average.
    public var nodesPerKey: Double
  }

  /// The state of the views of one key.
  public struct KeySpace: Sendable {
    /// Indices into `PipelineDefinition.views`.
    public var views: [Int]
    public var keyCount: Double
    public var keyByteCount: Int
    public var groups: [Group]
    /// Of all keys: what is in use, without the room that arrays keep for growing.
    public var byteCount: Double
  }

  /// The writes of one view.
  public struct View: Sendable {
    /// Index into `PipelineDefinition.views`.
    public var index: Int
    public var rowsPerSecond: Double
  }

  public let source: Int
  public let ratePerSecond: Double
  public let keySpaces: [KeySpace]
  public let views: [View]
  /// Bytes that a key longer than what stands in its entry takes in the pool.
  public static let longKeyByteCount = 48
  /// Bytes of a key, where nothing is known about it: a UUID as text.
  public static let typicalKeyByteCount = 36

  /// - Parameters:
  ///   - ratePerSecond: Records of the source per second.
  ///   - keyCount: Keys of each entity.
  public init(_ plan: ProcessingPlan, of pipeline: PipelineDefinition, source: Int, ratePerSecond: Double, keyCount: Double) {
    self.source = source
    self.ratePerSecond = ratePerSecond
    var spaces: [KeySpace] = []
    var rows: [Int: Double] = [:]
    for shape in plan.windows.shapes {
      let views = shape.views.map { plan.views[$0] }
      let isSingle = pipeline.views[views[0]].entity == nil
      let keys = isSingle ? 1 : keyCount
      let chance = Chance(perKeyAndSecond: ratePerSecond / keys)
      let lateness = Double(plan.source.latenessMilliseconds) / 1000
      let groups = shape.groups.map { Group(shape: $0, nodesPerKey: chance.nodes($0, lateness: lateness)) }
      let present = groups.map { chance.presence($0.shape, lateness: lateness) }.max() ?? 0
      let perKey = Double(shape.keyByteCount + (isSingle ? 0 : Self.longKeyByteCount))
      let nodes = groups.reduce(0) {
        $0 + $1.nodesPerKey * Double($1.shape.nodeByteCount + KeySpaceShape.listedNodeByteCount)
      }
      spaces.append(
        KeySpace(
          views: views, keyCount: keys, keyByteCount: Int(perKey), groups: groups, byteCount: keys * (present * perKey + nodes)))
      for (place, view) in zip(shape.views, views) {
        let used = groups.filter { $0.shape.uses.contains { $0.view == place } }
        rows[view] = keys * chance.rows(pipeline.views[view], used.map(\.shape))
      }
    }
    keySpaces = spaces
    self.views = plan.views.map { View(index: $0, rowsPerSecond: rows[$0] ?? 0) }
  }
}

/// How often one key is met.
private struct Chance {
  let rate: Double

  init(perKeyAndSecond rate: Double) { self.rate = rate }

  /// In a stretch of so many seconds.
  func met(in seconds: Double) -> Double { 1 - exp(-rate * seconds) }

  func nodes(_ shape: PaneGroupShape, lateness: Double) -> Double {
    switch shape.cut {
    case .everything: return 1
    case .panes(let length):
      let seconds = Double(length) / 1000
      // The newest pane is half over on average.
      let newest = 1 - met(in: seconds) / (rate * seconds)
      return Double(shape.keptMilliseconds) / Double(length) * met(in: seconds) + newest
    case .sessions(let gap): return met(in: Double(gap) / 1000 + lateness)
    }
  }

  /// That a key has any node of the group.
  func presence(_ shape: PaneGroupShape, lateness: Double) -> Double {
    switch shape.cut {
    case .everything: 1
    case .panes(let length): met(in: Double(shape.paneCountMax) * Double(length) / 1000)
    case .sessions(let gap): met(in: Double(gap) / 1000 + lateness)
    }
  }

  /// Rows per key and second.
  func rows(_ view: FeatureView, _ shapes: [PaneGroupShape]) -> Double {
    guard view.trigger == .change else { return view.aggregates.first.map { closedRows($0.window) } ?? 0 }
    let every = Double(view.emitEveryMilliseconds) / 1000
    var rows = met(in: every) / every
    for shape in shapes {
      switch shape.cut {
      case .everything: break
      // A pane that leaves changes the row of each key that it holds.
      case .panes(let length): rows += Double(shape.leaveCount) * met(in: Double(length) / 1000) / (Double(length) / 1000)
      case .sessions(let gap): rows += sessions(gap)
      }
    }
    return min(rows, 1 / every)
  }

  private func sessions(_ gap: Int64) -> Double { rate * exp(-rate * Double(gap) / 1000) }

  private func closedRows(_ window: WindowSpecification) -> Double {
    switch window {
    case .tumbling(let size, _): return met(in: Double(size) / 1000) / (Double(size) / 1000)
    case .sliding(let size, let hop, _): return met(in: Double(size) / 1000) / (Double(hop) / 1000)
    case .cumulating(let size, _, _):
      // At each step those keys that the window has met so far.
      let seconds = Double(size) / 1000
      let metOnAverage = 1 - met(in: seconds) / (rate * seconds)
      return metOnAverage / (Double(window.paneLength!) / 1000)
    case .session(let gap): return sessions(gap)
    case .unbounded: return 0
    }
  }
}
