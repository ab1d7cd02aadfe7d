// Lists of recent events in memory, as a reader of the store would find them: what tests and rehearsals look at.

import Base
import Features
import Records

public final class MemoryRecentEvents: RecentEventsSink {
  public let name = "memory"
  private let lists: [RecentEventsList]
  private let keyStarts: [String]
  /// The elements of each list by its key, oldest first.
  public private(set) var elements: [String: [String]] = [:]
  private var lastOffsets: [String: [String: Offset]] = [:]
  /// Called before anything is appended; may fail.
  public var onAppend: () throws -> Void = {}

  /// - Parameter lists: In the order of the plan.
  public init(_ lists: [RecentEventsList], prefix: String = "fv", in pipeline: PipelineDefinition) {
    self.lists = lists
    keyStarts = lists.map { $0.keyStart(prefix: prefix, in: pipeline) }
  }

  public func append(_ events: RecentEventBatch) throws -> Int {
    try onAppend()
    var count = 0
    for run in events.runs {
      let list = Int(run.list)
      let key = keyStarts[list] + (events.key(of: run).map { ":\(String(decoding: $0, as: UTF8.self))" } ?? "")
      var index = run.first
      while index >= 0 {
        let event = events.events[Int(index)]
        index = event.next
        if let last = lastOffsets[key]?[events.origin], event.offset <= last { continue }
        lastOffsets[key, default: [:]][events.origin] = event.offset
        elements[key, default: []].append(String(decoding: events.element(event), as: UTF8.self))
        count += 1
      }
      let excess = elements[key, default: []].count - lists[list].eventCountMax
      if excess > 0 { elements[key]!.removeFirst(excess) }
    }
    return count
  }

  public func close() throws {}
}
