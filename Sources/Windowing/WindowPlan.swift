// From views to groups of panes. Views of one key share a key space; within it, all `change` aggregates with one pane length share one group
// of panes, and every `close` view has a group of its own. Equal accumulators of a group are kept once.
//
//   key space (key column) -> group (pane length) -> accumulators side by side in a node
//   view -> per aggregate: (group, accumulator, reach)

import Base
import Records

/// One accumulator of a group's nodes.
struct AccumulatorPlan: BitwiseCopyable, Sendable {
  /// How the state is kept; what reads it may differ (see `Accumulator.stateForm`).
  var accumulator: Accumulator
  /// -1 where records are counted.
  var column: Int32
  /// -1 where every record is folded.
  var predicate: Int32
  /// Bytes from the start of a node.
  var offset: Int32
  /// The `change` views that show it, a bit per view of the key space.
  var views: UInt64
}

/// How long a pane stays in the values of some windows: pane `p` of length `l` is in a value at stream time `t` while `(p + 1) * l + reach > t`.
/// A sliding window of size `s` reaches `s`, a tumbling one 0.
struct PaneReach: Sendable {
  var reach: Int64
  /// The views whose values change when a pane leaves.
  var views: UInt64
}

struct PaneGroupPlan: Sendable {
  static let headerByteCount = 16

  /// `Int64.max` where one pane, number 0, holds everything.
  var paneLength: Int64
  /// For a `close` view: the window's size, its view in the key space, and the predicate of a record that makes a row (nil: any).
  var closing: (windowSize: Int64, view: Int, predicate: Int?)?
  /// For `change` views: rising.
  var reaches: [PaneReach] = []
  var accumulators: [AccumulatorPlan] = []
  var nodeByteCount = Self.headerByteCount

  var isUnbounded: Bool { paneLength == .max }
}

/// Where a view's value comes from.
struct ViewAggregate: Sendable {
  var group: Int
  /// The place of the state among the group's accumulators.
  var accumulator: Int
  /// How that state is read.
  var reading: Accumulator
  /// See `PaneReach`; `Int64.max` for `.unbounded`, and for `close` views, which ask for panes by number.
  var reach: Int64
}

struct KeySpaceView: Sendable {
  var identifier: Int32
  /// The view's place in the engine's specification, for its counts.
  var position: Int
  var trigger: Trigger
  var aggregates: [ViewAggregate] = []
}

struct KeySpacePlan: Sendable {
  var keyColumn: Int?
  var groups: [PaneGroupPlan] = []
  var views: [KeySpaceView] = []
  /// The longest `timeToLive` of its views; nil where one of them keeps keys for ever.
  var timeToLive: Int64?
}

/// The compiled form of all views over one source.
public struct WindowPlan: Sendable {
  /// How many accumulators a group may hold: a record's hits are the bits of a word.
  static let accumulatorsPerGroup = 64
  /// How many `change` views a key space may hold: a key's dirty marks are the bits of a word.
  public static let viewsPerKeySpace = 64

  let keySpaces: [KeySpacePlan]
  let viewCount: Int
  let lateness: Int64
  /// Equal for equal views and lateness, in any process: tells whether a snapshot is of these views.
  let fingerprint: UInt64

  /// Compiles `views`. Those of one key share state, up to `viewsPerKeySpace` of them.
  public init(views: [ViewSpecification], lateness: Int64, meaning: String = "") {
    var spaces: [KeySpacePlan] = []
    for (position, view) in views.enumerated() {
      let found = spaces.firstIndex { $0.keyColumn == view.keyColumn && $0.views.count < Self.viewsPerKeySpace }
      let space = found ?? spaces.count
      if found == nil { spaces.append(KeySpacePlan(keyColumn: view.keyColumn, timeToLive: 0)) }
      spaces[space].add(view, position: position)
    }
    keySpaces = spaces
    viewCount = views.count
    self.lateness = lateness
    let text = Array("\(lateness) \(views) \(meaning)".utf8)
    fingerprint = text.withUnsafeBufferPointer { Hash.bytes($0.baseAddress!, count: $0.count) }
  }
}

extension KeySpacePlan {
  fileprivate mutating func add(_ view: ViewSpecification, position: Int) {
    var planned = KeySpaceView(identifier: view.identifier, position: position, trigger: view.trigger)
    let bit: UInt64 = 1 << UInt64(views.count)
    if let current = timeToLive { timeToLive = view.timeToLive.map { max($0, current) } }
    if view.trigger == .close {
      let window = view.aggregates[0].window
      precondition(view.aggregates.allSatisfy { $0.window == window }, "the aggregates of a close view share one window")
      precondition(window != .unbounded, "a close view needs a window that ends")
      groups.append(PaneGroupPlan(paneLength: window.paneLength!, closing: (window.size!, views.count, view.predicate)))
      let group = groups.count - 1
      planned.aggregates = view.aggregates.map {
        ViewAggregate(
          group: group, accumulator: groups[group].accumulator(for: $0, views: 0), reading: $0.accumulator, reach: .max)
      }
    } else {
      planned.aggregates = view.aggregates.map { aggregate in
        let group = changeGroup(for: aggregate)
        let reach: Int64 =
          switch aggregate.window {
          case .tumbling: 0
          case .sliding(let size, _): size
          case .unbounded: .max
          }
        groups[group].addReach(reach, views: bit)
        return ViewAggregate(
          group: group, accumulator: groups[group].accumulator(for: aggregate, views: bit), reading: aggregate.accumulator,
          reach: reach)
      }
    }
    views.append(planned)
  }

  private mutating func changeGroup(for aggregate: AggregateSpecification) -> Int {
    let paneLength = aggregate.window.paneLength ?? .max
    let found = groups.firstIndex {
      $0.closing == nil && $0.paneLength == paneLength && $0.accumulators.count < WindowPlan.accumulatorsPerGroup
    }
    if let found { return found }
    groups.append(PaneGroupPlan(paneLength: paneLength))
    return groups.count - 1
  }
}

extension PaneGroupPlan {
  /// The index of an accumulator, added where there is none like it.
  fileprivate mutating func accumulator(for aggregate: AggregateSpecification, views: UInt64) -> Int {
    let column = Int32(aggregate.column ?? -1)
    let predicate = Int32(aggregate.predicate ?? -1)
    let state = aggregate.accumulator.stateForm
    let found = accumulators.firstIndex { $0.accumulator == state && $0.column == column && $0.predicate == predicate }
    if let found {
      accumulators[found].views |= views
      return found
    }
    precondition(accumulators.count < WindowPlan.accumulatorsPerGroup, "a close view holds at most 64 different aggregates")
    accumulators.append(
      AccumulatorPlan(accumulator: state, column: column, predicate: predicate, offset: Int32(nodeByteCount), views: views))
    nodeByteCount += state.byteCount
    return accumulators.count - 1
  }

  fileprivate mutating func addReach(_ reach: Int64, views: UInt64) {
    if let found = reaches.firstIndex(where: { $0.reach == reach }) {
      reaches[found].views |= views
    } else {
      reaches.append(PaneReach(reach: reach, views: views))
      reaches.sort { $0.reach < $1.reach }
    }
  }
}
