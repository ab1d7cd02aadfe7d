// The lanes of a view, and what belongs to one of them: the schedule of batch runs, and how many recent events the lane `rt` looks at.

import Base
import Configuration
import Windowing

extension PipelineReader {
  /// Each once, in the order of the file; `nrt` where the view says nothing, and nothing where what it says cannot be read.
  func readLanes(_ reader: MappingReader) -> [Lane] {
    guard let node = reader.node("lanes") else { return [.nrt] }
    guard let items = values.list(node, reader.what("lanes"), min: 1) else { return [] }
    var lanes: [Lane] = []
    for item in items {
      guard let lane = values.oneOf(item, "an item in \(reader.what("lanes"))", Lane.self) else { continue }
      if lanes.contains(lane) {
        diagnostics.error("wrong-value", at: item.location, "\(reader.what("lanes")): '\(lane.rawValue)' stands there twice")
      } else {
        lanes.append(lane)
      }
    }
    return lanes
  }

  /// Rows of closed windows are written once, by whoever sees them close.
  func checkLanes(_ lanes: [Lane], _ trigger: Trigger, _ reader: MappingReader) {
    guard trigger == .close, let other = lanes.first(where: { $0 != .nrt }) else { return }
    diagnostics.error(
      "wrong-value", at: reader.keyLocation("lanes"),
      "\(reader.what("lanes")): with 'trigger: close' a view has the lane 'nrt' alone, and '\(other.rawValue)' is for current values"
    )
  }

  func readSchedule(_ reader: MappingReader, _ lanes: [Lane]) -> BatchSchedule? {
    guard let schedule = reader.mapping("schedule", main: "every") else { return nil }
    let every = schedule.required("every") != nil ? schedule.duration("every") : nil
    let offset = schedule.duration("offset", min: 0) ?? 0
    schedule.finish(notBuilt: ["cron", "jitter", "retain", "timezone"])
    if !lanes.isEmpty, !lanes.contains(.batch) {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("schedule"),
        "\(reader.what("schedule")): the view has no lane 'batch', which it is for")
    }
    return every.map { BatchSchedule(everyMilliseconds: $0, offsetMilliseconds: offset) }
  }

  func readRecentEvents(_ reader: MappingReader, _ lanes: [Lane]) -> RecentEvents {
    guard let recent = reader.mapping("rt", main: "max_events") else { return RecentEvents() }
    let count = recent.integer("max_events", in: 1...100_000)
    recent.finish(notBuilt: ["max_age", "fields"])
    if !lanes.isEmpty, !lanes.contains(.rt) {
      diagnostics.error(
        "wrong-value", at: reader.keyLocation("rt"), "\(reader.what("rt")): the view has no lane 'rt', which it is for")
    }
    return RecentEvents(eventCountMax: count.map { Int($0) } ?? RecentEvents.defaultEventCountMax)
  }
}
