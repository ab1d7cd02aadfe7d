// How state lies in a snapshot: which views share a key space, which groups it has, which accumulators stand where in a node. Saved with the
// state, so that a plan that has come to divide it otherwise can still find everything.

import Base
import Records

struct GateLayout: Equatable {
  var mark: UInt32
  /// A bit per view of the key space.
  var views: UInt64
}

struct GroupLayout: Equatable {
  var cut: PaneCut
  var closing: WindowSpecification?
  var reaches: [Int64]
  var gates: [GateLayout]
  var accumulators: [Accumulator]

  var headerByteCount: Int { PaneGroup.headerByteCount(of: cut) }
  var nodeByteCount: Int { accumulators.reduce(headerByteCount) { $0 + $1.byteCount } }
  /// Where each accumulator stands in a node.
  var offsets: [Int] {
    var offset = headerByteCount
    return accumulators.map { accumulator in
      defer { offset += accumulator.byteCount }
      return offset
    }
  }
  var isSession: Bool { if case .sessions = cut { true } else { false } }

  init(_ plan: PaneGroupPlan) {
    cut = plan.cut
    closing = plan.closing
    reaches = plan.reaches.map(\.reach)
    gates = plan.gates.map { GateLayout(mark: $0.mark, views: $0.views) }
    accumulators = plan.accumulators.map(\.accumulator)
  }

  func save(to out: SnapshotWriter) {
    switch cut {
    case .everything: for number in [0, 0, 0] as [Int64] { out.write(number) }
    case .panes(let length, let offset): for number in [1, length, offset] { out.write(number) }
    case .sessions(let gap): for number in [2, gap, 0] { out.write(number) }
    }
    for number in Self.numbers(of: closing) { out.write(number) }
    out.write(reaches.count)
    for reach in reaches { out.write(reach) }
    out.write(gates.count)
    for gate in gates {
      out.write(UInt64(gate.mark))
      out.write(gate.views)
    }
    out.write(accumulators.count)
    for accumulator in accumulators { accumulator.save(to: out) }
  }

  init(from input: inout SnapshotReader) throws(SnapshotError) {
    // No window is longer than all of time, so sums of two lengths and a time do not overflow.
    let length: ClosedRange<Int64> = 1...Watermark.endOfTime
    let (kind, first, second) = (try input.word(), try input.number(), try input.number())
    switch kind {
    case 0: cut = .everything
    case 1 where length.contains(first) && (-Watermark.endOfTime...Watermark.endOfTime).contains(second):
      cut = .panes(length: first, offset: second)
    case 2 where length.contains(first): cut = .sessions(gap: first)
    default: throw .damaged
    }
    closing = try Self.window(from: &input)
    reaches = []
    for _ in 0..<(try input.count()) { reaches.append(try input.number()) }
    gates = []
    for _ in 0..<(try input.count()) {
      guard let mark = UInt32(exactly: try input.word()) else { throw .damaged }
      gates.append(GateLayout(mark: mark, views: try input.word()))
    }
    accumulators = []
    for _ in 0..<(try input.integer(upTo: WindowPlan.accumulatorsPerGroup)) { accumulators.append(try Accumulator(from: &input)) }
    if let closing, case .panes(let paneLength, _) = cut {
      guard closing.paneLength == paneLength else { throw .damaged }
    }
  }

  private static func numbers(of window: WindowSpecification?) -> [Int64] {
    switch window {
    case nil, .unbounded: [0, 0, 0, 0]
    case .tumbling(let size, let offset): [1, size, size, offset]
    case .sliding(let size, let hop, let offset): [2, size, hop, offset]
    case .cumulating(let max, let step, let offset): [3, max, step, offset]
    case .session(let gap): [4, gap, 0, 0]
    }
  }

  private static func window(from input: inout SnapshotReader) throws(SnapshotError) -> WindowSpecification? {
    let (kind, size, step, offset) = (try input.word(), try input.number(), try input.number(), try input.number())
    if kind == 0 { return nil }
    guard size > 0, size <= Watermark.endOfTime else { throw .damaged }
    if kind == 4 { return .session(gap: size) }
    guard step > 0, size % step == 0, (0..<Watermark.endOfTime).contains(offset) else { throw .damaged }
    switch kind {
    case 1: return .tumbling(size: size, offset: offset)
    case 2: return .sliding(size: size, hop: step, offset: offset)
    case 3: return .cumulating(max: size, step: step, offset: offset)
    default: throw .damaged
    }
  }
}

struct SpaceLayout: Equatable {
  /// Where an aggregate has its state.
  struct Place: Equatable {
    var group: Int
    var accumulator: Int
  }

  struct View: Equatable {
    var name: String
    var isChanging: Bool
    /// By feature.
    var places: [String: Place]
  }

  /// A bit each.
  var views: [View]
  var groups: [GroupLayout]

  init(_ plan: KeySpacePlan, _ descriptions: [ViewDescription]) {
    views = plan.views.map { view in
      let features = descriptions[view.position].features
      return View(
        name: descriptions[view.position].name, isChanging: view.trigger == .change,
        places: Dictionary(
          zip(features, view.aggregates).map { ($0.name, Place(group: $1.group, accumulator: $1.accumulator)) },
          uniquingKeysWith: { first, _ in first }))
    }
    groups = plan.groups.map { GroupLayout($0) }
  }

  var changeViews: UInt64 { views.enumerated().reduce(0) { $1.element.isChanging ? $0 | 1 << UInt64($1.offset) : $0 } }

  func save(to out: SnapshotWriter) {
    out.write(views.count)
    for view in views {
      out.write(view.name)
      out.write(view.isChanging ? 1 : 0)
      out.write(view.places.count)
      for (feature, place) in view.places.sorted(by: { $0.key < $1.key }) {
        out.write(feature)
        out.write(place.group)
        out.write(place.accumulator)
      }
    }
    out.write(groups.count)
    for group in groups { group.save(to: out) }
  }

  init(from input: inout SnapshotReader) throws(SnapshotError) {
    views = []
    for _ in 0..<(try input.integer(upTo: WindowPlan.viewsPerKeySpace)) {
      var view = View(name: try input.text(), isChanging: try input.flag(), places: [:])
      for _ in 0..<(try input.count()) {
        let feature = try input.text()
        view.places[feature] = Place(group: try input.integer(upTo: .max), accumulator: try input.integer(upTo: .max))
      }
      views.append(view)
    }
    groups = []
    for _ in 0..<(try input.count()) { groups.append(try GroupLayout(from: &input)) }
    for place in views.flatMap(\.places.values) {
      guard place.group < groups.count, place.accumulator < groups[place.group].accumulators.count else { throw .damaged }
    }
  }
}
