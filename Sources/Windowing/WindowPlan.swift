// From views to groups of panes. Views of one key share a key space; within it, all `change` aggregates with equal panes share one group of
// panes, and so do all `close` views with one window. Equal accumulators of a group are kept once.
//
//   key space (key column) -> group (panes) -> accumulators side by side in a node
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
  /// The views that show it, a bit per view of the key space.
  var views: UInt64
}

/// How long a pane stays in the values of some windows: pane `p` with end `e` is in a value at stream time `t` while `e + reach > t`.
/// A sliding window of size `s` reaches `s`, a tumbling one 0.
struct PaneReach: Sendable {
  /// Who shows what with this reach.
  struct Part: Sendable {
    /// A bit per view of the key space.
    var views: UInt64
    /// A bit per accumulator of the group.
    var accumulators: UInt64
  }

  var reach: Int64
  var parts: [Part] = []
  /// The views whose values change when a pane leaves.
  var views: UInt64 { parts.reduce(0) { $0 | $1.views } }

  /// The views that show what these accumulators hold.
  func views(showing accumulators: UInt64) -> UInt64 {
    parts.reduce(0) { $1.accumulators & accumulators != 0 ? $0 | $1.views : $0 }
  }
}

/// Which records belong to some views, where it is the views that say so, and not each of their aggregates.
struct RecordGate: BitwiseCopyable, Sendable {
  /// -1 where every record does.
  var predicate: Int32
  /// What a node that holds such a record is marked with.
  var mark: UInt32
  /// A bit per view of the key space.
  var views: UInt64
}

/// The accumulators that one predicate decides about; those that fold every record stand in one with predicate -1.
struct HitTest: BitwiseCopyable, Sendable {
  var predicate: Int32
  /// A bit per accumulator of the group.
  var accumulators: UInt64
  /// The views that show them.
  var views: UInt64
}

/// How a group cuts the time of a key.
enum PaneCut: Hashable, Sendable {
  /// One pane, number 0, holds everything.
  case everything
  /// Pane `p` is `[p * length + offset, (p + 1) * length + offset)`.
  case panes(length: Int64, offset: Int64)
  case sessions(gap: Int64)
}

struct PaneGroupPlan: Sendable {
  /// How many `close` views one group serves: a node's marks are the bits of half a word.
  static let gatesMax = 32

  var cut: PaneCut
  /// The window of the `close` views that the group serves; nil for `change` views.
  var closing: WindowSpecification?
  /// `close` views and sessions: which records belong.
  var gates: [RecordGate] = []
  /// `change` views: rising.
  var reaches: [PaneReach] = []
  var accumulators: [AccumulatorPlan] = []
  var hitTests: [HitTest] = []
  var nodeByteCount: Int

  init(cut: PaneCut, closing: WindowSpecification? = nil) {
    self.cut = cut
    self.closing = closing
    nodeByteCount = PaneGroup.headerByteCount(of: cut)
  }

  var isUnbounded: Bool { cut == .everything }
}

/// Where a view's value comes from.
struct ViewAggregate: BitwiseCopyable, Sendable {
  var group: Int
  /// The place of the state among the group's accumulators.
  var accumulator: Int
  /// Where it begins in a node, in bytes.
  var offset: Int
  /// How that state is read.
  var reading: Accumulator
  /// See `PaneReach`; `Int64.max` for `.unbounded`, sessions and `close` views.
  var reach: Int64
  let isClosing: Bool
  /// The oldest pane that shows at stream time `leastPaneTime`: most rows of a batch are of one time.
  var leastPane: Int64 = 0
  var leastPaneTime: Int64 = .min

  init(_ plan: PaneGroupPlan, _ group: Int, _ accumulator: Int, reading: Accumulator, reach: Int64) {
    self.group = group
    self.accumulator = accumulator
    offset = Int(plan.accumulators[accumulator].offset)
    self.reading = reading
    self.reach = reach
    isClosing = plan.closing != nil
  }
}

/// A view as the loop over its rows reads it, without reference counts. The aggregates belong to the key space.
struct RowLayout: BitwiseCopyable {
  var identifier: Int32
  /// The view's place in the engine's specification.
  var position: Int
  var aggregates: UnsafeMutablePointer<ViewAggregate>
  var aggregateCount: Int
}

struct KeySpaceView: Sendable {
  var identifier: Int32
  /// The view's place in the engine's specification, for its counts.
  var position: Int
  var trigger: Trigger
  var aggregates: [ViewAggregate] = []
  /// Which of the key space's drains it belongs to; of no meaning for `close`.
  var drain = 0
}

/// `change` views whose rows go out together.
struct DrainPlan: Sendable {
  var rhythm: Int64?
  /// A bit each.
  var views: UInt64
}

struct KeySpacePlan: Sendable {
  var keyColumn: Int?
  var groups: [PaneGroupPlan] = []
  var views: [KeySpaceView] = []
  var drains: [DrainPlan] = []
  /// The longest `timeToLive` of its views; nil where one of them keeps keys for ever.
  var timeToLive: Int64?
}

/// The compiled form of all views over one source.
public struct WindowPlan: Sendable {
  /// How many accumulators a group may hold: a record's hits are the bits of a word.
  public static let accumulatorsPerGroup = 64
  /// How many views a key space may hold: a key's dirty marks are the bits of a word.
  public static let viewsPerKeySpace = 64

  let keySpaces: [KeySpacePlan]
  let viewCount: Int
  let lateness: Int64
  /// What a snapshot says it is the state of: a view each, and what all of them depend on.
  public let descriptions: [ViewDescription]
  let sourceProperties: [ViewDescription.Property]

  /// Compiles `views`. Those of one key share state, up to `viewsPerKeySpace` of them.
  ///
  /// - Parameters:
  ///   - descriptions: One per view, with different names; nil describes them by their numbers.
  ///   - sourceProperties: How event times are read; `lateness` may be among them, for messages.
  public init(
    views: [ViewSpecification], lateness: Int64, descriptions: [ViewDescription]? = nil,
    sourceProperties: [ViewDescription.Property] = []
  ) {
    precondition(descriptions.map { $0.count == views.count } ?? true, "every view has a description")
    var spaces: [KeySpacePlan] = []
    for (position, view) in views.enumerated() {
      let found = spaces.firstIndex { $0.keyColumn == view.keyColumn && $0.views.count < Self.viewsPerKeySpace }
      let space = found ?? spaces.count
      if found == nil { spaces.append(KeySpacePlan(keyColumn: view.keyColumn, timeToLive: 0)) }
      spaces[space].add(view, position: position)
    }
    for space in spaces.indices {
      for group in spaces[space].groups.indices { spaces[space].groups[group].compileHitTests() }
    }
    keySpaces = spaces
    viewCount = views.count
    self.lateness = lateness
    self.descriptions = descriptions ?? views.enumerated().map { ViewDescription($1, position: $0) }
    self.sourceProperties = sourceProperties
  }
}

extension KeySpacePlan {
  fileprivate mutating func add(_ view: ViewSpecification, position: Int) {
    var planned = KeySpaceView(identifier: view.identifier, position: position, trigger: view.trigger)
    if let current = timeToLive { timeToLive = view.timeToLive.map { max($0, current) } }
    if view.trigger == .close {
      let group = closingGroup(for: view)
      let bit: UInt64 = 1 << UInt64(views.count)
      planned.aggregates = view.aggregates.map {
        let accumulator = groups[group].accumulator(for: $0, views: bit)
        return ViewAggregate(groups[group], group, accumulator, reading: $0.accumulator, reach: .max)
      }
    } else {
      planned.aggregates = view.aggregates.map { changing($0, of: view) }
      let found = view.rhythm.flatMap { rhythm in drains.firstIndex { $0.rhythm == rhythm } }
      if found == nil { drains.append(DrainPlan(rhythm: view.rhythm, views: 0)) }
      planned.drain = found ?? drains.count - 1
      drains[planned.drain].views |= 1 << UInt64(views.count)
    }
    views.append(planned)
  }

  /// The group of a `close` view, with a gate for the view.
  private mutating func closingGroup(for view: ViewSpecification) -> Int {
    let window = view.aggregates[0].window
    precondition(view.aggregates.allSatisfy { $0.window == window }, "the aggregates of a close view share one window")
    precondition(window != .unbounded, "a close view needs a window that ends")
    let cut: PaneCut =
      if case .session(let gap) = window { .sessions(gap: gap) } else { .panes(length: window.paneLength!, offset: window.offset) }
    let found = groups.firstIndex { group in
      // A session is made of the records of its view, so only views that take the same records have the same sessions.
      group.closing == window && group.gates.count < PaneGroupPlan.gatesMax
        && group.accumulators.count + view.aggregates.count <= WindowPlan.accumulatorsPerGroup
        && (window.paneLength != nil || group.gates[0].predicate == Int32(view.predicate ?? -1))
    }
    if found == nil { groups.append(PaneGroupPlan(cut: cut, closing: window)) }
    let group = found ?? groups.count - 1
    groups[group].addGate(predicate: view.predicate, views: 1 << UInt64(views.count))
    return group
  }

  /// Where an aggregate of a `change` view has its value from.
  private mutating func changing(_ aggregate: AggregateSpecification, of view: ViewSpecification) -> ViewAggregate {
    let bit: UInt64 = 1 << UInt64(views.count)
    let cut: PaneCut
    var reach = Int64.max
    switch aggregate.window {
    case .tumbling(let size, let offset):
      (cut, reach) = (.panes(length: size, offset: offset), 0)
    case .sliding(let size, let hop, let offset):
      (cut, reach) = (.panes(length: hop, offset: offset), size)
    case .cumulating(let max, _, let offset):
      // The value so far: exact at the head, so the step does not show in it.
      (cut, reach) = (.panes(length: max, offset: offset), 0)
    case .session(let gap): cut = .sessions(gap: gap)
    case .unbounded: cut = .everything
    }
    let predicate = Int32(view.predicate ?? -1)
    let found = groups.firstIndex {
      $0.closing == nil && $0.cut == cut && $0.accumulators.count < WindowPlan.accumulatorsPerGroup
        && ($0.gates.isEmpty || $0.gates[0].predicate == predicate)
    }
    if found == nil { groups.append(PaneGroupPlan(cut: cut)) }
    let group = found ?? groups.count - 1
    let accumulator = groups[group].accumulator(for: aggregate, views: bit)
    if case .sessions = cut {
      groups[group].addGate(predicate: view.predicate, views: bit)
    } else {
      groups[group].addReach(reach, PaneReach.Part(views: bit, accumulators: 1 << UInt64(accumulator)))
    }
    return ViewAggregate(groups[group], group, accumulator, reading: aggregate.accumulator, reach: reach)
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

  fileprivate mutating func addReach(_ reach: Int64, _ part: PaneReach.Part) {
    if !reaches.contains(where: { $0.reach == reach }) {
      reaches.append(PaneReach(reach: reach))
      reaches.sort { $0.reach < $1.reach }
    }
    let index = reaches.firstIndex { $0.reach == reach }!
    if let found = reaches[index].parts.firstIndex(where: { $0.views == part.views }) {
      reaches[index].parts[found].accumulators |= part.accumulators
    } else {
      reaches[index].parts.append(part)
    }
  }

  /// Views that take the same records share a gate.
  fileprivate mutating func addGate(predicate: Int?, views: UInt64) {
    let predicate = Int32(predicate ?? -1)
    if let found = gates.firstIndex(where: { $0.predicate == predicate }) {
      gates[found].views |= views
    } else {
      gates.append(RecordGate(predicate: predicate, mark: 1 << UInt32(gates.count), views: views))
    }
  }

  fileprivate mutating func compileHitTests() {
    for (index, accumulator) in accumulators.enumerated() {
      let found = hitTests.firstIndex { $0.predicate == accumulator.predicate }
      if found == nil { hitTests.append(HitTest(predicate: accumulator.predicate, accumulators: 0, views: 0)) }
      hitTests[found ?? hitTests.count - 1].accumulators |= 1 << UInt64(index)
      hitTests[found ?? hitTests.count - 1].views |= accumulator.views
    }
  }
}
