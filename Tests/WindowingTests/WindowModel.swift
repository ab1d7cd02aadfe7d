// The rules of event time in their plainest form: every record is kept, every value is computed from all of them, and nothing is shared. What
// the engine does with panes, chains and timers has to come out the same.

import Base
import Windowing

struct WindowModel {
  let views: [ViewSpecification]
  let lateness: Int64
  private(set) var streamTime = Int64.min
  /// Rows of closed windows, in no order.
  private(set) var closed: [TestRow] = []
  /// Per view.
  private(set) var late: [Int64]
  private(set) var keyless: [Int64]

  private struct Window: Hashable {
    var view: Int
    var key: String?
    var start: Int64
    var end: Int64
  }

  private struct Session {
    var records: [TestEvent]
    var start: Int64 { records.map(\.time).min()! }
    func end(_ gap: Int64) -> Int64 { records.map(\.time).max()! + gap }
  }

  private struct SessionKey: Hashable {
    var view: Int
    var gap: Int64
    var key: String?
  }

  /// Of `close` views with panes.
  private var open: [Window: [TestEvent]] = [:]
  /// Of `close` views until they close; of `change` views for ever.
  private var sessions: [SessionKey: [Session]] = [:]
  /// Records of `change` views, late or not.
  private var seen: [(view: Int, key: String?, event: TestEvent)] = []

  init(views: [ViewSpecification], lateness: Int64) {
    self.views = views
    self.lateness = lateness
    late = views.map { _ in 0 }
    keyless = late
  }

  var watermark: Int64 { streamTime == .min ? .min : streamTime - lateness }

  mutating func take(_ event: TestEvent) {
    for (index, view) in views.enumerated() {
      guard view.predicate == nil || event.passes else { continue }
      // A `change` view wants what one of its features folds, and every record of its sessions.
      let wanting = view.aggregates.filter { $0.predicate == nil || event.passes || $0.window.isSession }
      guard view.trigger == .close || !wanting.isEmpty else { continue }
      guard view.keyColumn == nil || event.key != nil else {
        keyless[index] += 1
        continue
      }
      let key = view.keyColumn == nil ? nil : event.key
      let isAccepted = view.trigger == .close ? close(event, index, key) : change(event, index, key, wanting)
      if !isAccepted { late[index] += 1 }
    }
    advance(to: event.time)
  }

  mutating func advance(to time: Int64) {
    streamTime = max(streamTime, time)
    closeWindows(through: watermark)
  }

  mutating func finish() { closeWindows(through: .max) }

  // MARK: Windows that close

  private mutating func close(_ event: TestEvent, _ view: Int, _ key: String?) -> Bool {
    let window = views[view].aggregates[0].window
    if case .session(let gap) = window { return join(event, SessionKey(view: view, gap: gap, key: key), gap) }
    var isAccepted = false
    for (start, end) in windows(window, holding: event.time) where watermark < end - 1 {
      open[Window(view: view, key: key, start: start, end: end), default: []].append(event)
      isAccepted = true
    }
    return isAccepted
  }

  private func windows(_ window: WindowSpecification, holding time: Int64) -> [(start: Int64, end: Int64)] {
    switch window {
    case .tumbling(let size, let offset):
      let start = floorDivide(time - offset, size) * size + offset
      return [(start, start + size)]
    case .sliding(let size, let hop, let offset):
      let last = floorDivide(time - offset, hop) * hop + offset
      return stride(from: last, to: time - size, by: -Int(hop)).map { ($0, $0 + size) }
    case .cumulating(let max, let step, let offset):
      let start = floorDivide(time - offset, max) * max + offset
      return stride(from: start + step, through: start + max, by: Int(step)).filter { $0 > time }.map { (start, $0) }
    case .session, .unbounded: fatalError("no windows that are known beforehand")
    }
  }

  /// Puts a record into the sessions of a key; false where it is late.
  private mutating func join(_ event: TestEvent, _ place: SessionKey, _ gap: Int64) -> Bool {
    var all = sessions[place, default: []]
    let touched = all.indices.filter {
      all[$0].end(gap) - 1 > watermark && all[$0].start <= event.time + gap && event.time <= all[$0].end(gap)
    }
    if touched.isEmpty, event.time + gap - 1 <= watermark { return false }
    // In the order of arrival, which decides between equal times.
    let merged = (touched.flatMap { all[$0].records } + [event]).sorted { $0.number < $1.number }
    for index in touched.reversed() { all.remove(at: index) }
    sessions[place] = all + [Session(records: merged)]
    return true
  }

  private mutating func closeWindows(through watermark: Int64) {
    for (window, events) in open where window.end - 1 <= watermark {
      closed.append(row(window.view, window.key, window.start, window.end, events))
      open[window] = nil
    }
    for (place, all) in sessions where views[place.view].trigger == .close {
      for session in all where session.end(place.gap) - 1 <= watermark {
        closed.append(row(place.view, place.key, session.start, session.end(place.gap), session.records))
      }
      sessions[place] = all.filter { $0.end(place.gap) - 1 > watermark }
    }
  }

  private func row(_ view: Int, _ key: String?, _ start: Int64, _ end: Int64, _ events: [TestEvent]) -> TestRow {
    TestRow(
      view: views[view].identifier, key: key, start: start, end: end,
      values: views[view].aggregates.map { Self.value($0, events) })
  }

  // MARK: Current values

  private mutating func change(_ event: TestEvent, _ view: Int, _ key: String?, _ wanting: [AggregateSpecification]) -> Bool {
    seen.append((view, key, event))
    var isAccepted = false
    for gap in Set(wanting.compactMap(\.window.gap)) where join(event, SessionKey(view: view, gap: gap, key: key), gap) {
      isAccepted = true
    }
    for aggregate in wanting where !aggregate.window.isSession && event.time >= begin(aggregate.window) { isAccepted = true }
    return isAccepted
  }

  /// From where on records show in a value at the present stream time.
  private func begin(_ window: WindowSpecification) -> Int64 {
    guard streamTime != .min else { return .min }
    return switch window {
    case .tumbling(let size, let offset), .cumulating(let size, _, let offset):
      floorDivide(streamTime - offset, size) * size + offset
    case .sliding(let size, let hop, let offset): floorDivide(streamTime - size - offset, hop) * hop + offset
    case .session, .unbounded: .min
    }
  }

  /// The current row of a key in a `change` view.
  func current(_ view: Int, _ key: String?) -> [TestValue] {
    views[view].aggregates.map { aggregate in
      if let gap = aggregate.window.gap {
        let all = sessions[SessionKey(view: view, gap: gap, key: key), default: []]
        let newest = all.filter { $0.end(gap) > streamTime }.max { $0.end(gap) < $1.end(gap) }
        return Self.value(aggregate, newest?.records ?? [])
      }
      let from = begin(aggregate.window)
      return Self.value(aggregate, seen.filter { $0.view == view && $0.key == key && $0.event.time >= from }.map(\.event))
    }
  }

  /// What an aggregate gives over records in the order of their arrival.
  static func value(_ aggregate: AggregateSpecification, _ records: [TestEvent]) -> TestValue {
    let events = records.filter { aggregate.predicate == nil || $0.passes }
    let values = events.filter { $0.value != .null && $0.value != .missing }
    let integers = values.map { event in if case .integer(let value) = event.value { value } else { Int64.min } }
    let times = events.map(\.time)
    let empty: TestValue = events.isEmpty ? .missing : .null
    switch aggregate.function {
    case .count: return .integer(Int64(aggregate.column == nil ? events.count : values.count))
    case .sum: return values.isEmpty ? empty : .integer(integers.reduce(0, +))
    case .min: return integers.min().map(TestValue.integer) ?? empty
    case .max: return integers.max().map(TestValue.integer) ?? empty
    case .mean: return values.isEmpty ? empty : .double(Double(integers.reduce(0, +)) / Double(integers.count))
    case .distinct: return .integer(Int64(Set(integers).count))
    case .elapsed: return times.min().map { .integer(times.max()! - $0) } ?? .missing
    case .first: return values.min { ($0.time, $0.number) < ($1.time, $1.number) }?.value ?? empty
    case .last: return values.max { ($0.time, $0.number) < ($1.time, $1.number) }?.value ?? empty
    default: fatalError("no exact model of '\(aggregate.function)'")
    }
  }
}

extension WindowSpecification {
  var gap: Int64? { if case .session(let gap) = self { gap } else { nil } }
  var isSession: Bool { gap != nil }
}
