// Why a value is what it is: the panes (or sessions) of one key that an aggregate is made of, each with its own value, and when the next of them
// leaves or closes. For people; reads state and changes nothing.

import Base
import Records

/// An aggregate of one key, taken apart.
public struct AggregateExplanation {
  /// One pane or session that holds anything.
  public struct Part {
    /// `[start, end)` in ms; nil where one pane holds everything.
    public var window: Range<Int64>?
    public var value: FeatureValue
    /// Whether it is in the value: of a closing window, in that which closes next.
    public var counts: Bool
  }

  /// The merged value; `.missing` where nothing is in it.
  public var value: FeatureValue
  /// The window that closes next; nil for current values.
  public var window: Range<Int64>?
  /// The oldest first.
  public var parts: [Part]
  /// The stream time at which the value changes without a record, or its window closes; nil where it does not.
  public var nextChange: Int64?
  /// The greatest event time of the key in any view of its entity.
  public var lastEvent: Int64
}

extension WindowEngine {
  /// Takes an aggregate apart; nil where the engine holds nothing of the key. Texts of values go behind `bytes`.
  /// - Parameters:
  ///   - position: The view's place in the engine's specification.
  ///   - aggregate: Its place among the view's aggregates.
  ///   - key: Nil where the view has one key for everything.
  public func explain(view position: Int, aggregate: Int, key: String?, bytes: ByteBuffer) -> AggregateExplanation? {
    for space in keySpaces {
      guard let view = space.plan.views.first(where: { $0.position == position }) else { continue }
      var text = key ?? ""
      let number = text.withUTF8 { text in
        space.table.find(text, hash: text.isEmpty ? 0 : Hash.bytes(text.baseAddress!, count: text.count))
      }
      guard let number else { return nil }
      let entry = space.table.entry(number)
      let place = view.aggregates[aggregate]
      return explain(
        place, of: space.groups[place.group], head: space.head(entry, place.group).pointee, pool: space.table.text,
        timeToLive: space.plan.timeToLive, lastEvent: entry.load(fromByteOffset: 32, as: Int64.self), bytes: bytes)
    }
    return nil
  }

  private func explain(
    _ place: ViewAggregate, of group: PaneGroup, head: UInt32, pool: BlockPool, timeToLive: Int64?, lastEvent: Int64,
    bytes: ByteBuffer
  ) -> AggregateExplanation {
    let plan = group.accumulators[place.accumulator]
    let scratch = AccumulatorScratch()
    // What merging cannot do has been counted when the rows were made.
    var counts = FoldCounts()
    var nodes: [UnsafeRawPointer] = []
    var current = head
    while current != 0 {
      let node = group.node(current - 1)
      if !plan.accumulator.isEmpty(at: node + Int(plan.offset)) { nodes.append(UnsafeRawPointer(node)) }
      current = PaneGroup.next(of: node)
    }
    let window = nodes.last.flatMap { closingWindow(group, oldest: $0) }
    func value(of nodes: [UnsafeRawPointer]) -> FeatureValue {
      let gathered = RowGathering()
      for node in nodes { gathered.append(node) }
      return scratch.value(
        of: plan.accumulator, at: Int(plan.offset), in: gathered.nodes, nodes.count, isNewestFirst: true, reading: place.reading,
        pool,
        bytes: bytes, counts: &counts)
    }
    let parts: [AggregateExplanation.Part] = nodes.map { node in
      AggregateExplanation.Part(
        window: self.window(of: node, in: group), value: value(of: [node]), counts: isIn(node, place, group, window))
    }
    let value = value(of: zip(nodes, parts).filter { $1.counts }.map(\.0))
    var next: Int64?
    if let window {
      next = window.upperBound - 1 + eventTime.watermark.lateness
    } else if group.isUnbounded {
      next = timeToLive.map { lastEvent + $0 }
    } else if let oldest = parts.last(where: \.counts)?.window {
      next = group.isSession ? oldest.upperBound : oldest.upperBound + place.reach
    }
    return AggregateExplanation(value: value, window: window, parts: parts.reversed(), nextChange: next, lastEvent: lastEvent)
  }

  private func window(of node: UnsafeRawPointer, in group: PaneGroup) -> Range<Int64>? {
    if group.isUnbounded { return nil }
    let pane = PaneGroup.pane(of: node)
    if group.isSession { return pane..<group.end(ofSession: node) }
    return group.end(ofPane: pane - 1)..<group.end(ofPane: pane)
  }

  /// The window of a `close` view that closes next, given the oldest node of a key; nil for `change` views.
  private func closingWindow(_ group: PaneGroup, oldest: UnsafeRawPointer) -> Range<Int64>? {
    guard group.isClosing else { return nil }
    if group.isSession { return window(of: oldest, in: group) }
    let pane = PaneGroup.pane(of: oldest)
    let first = group.isCumulating ? pane : pane - group.panesPerWindow + 1
    let bounds = group.bounds(ofWindow: group.closedThrough == .min ? first : max(first, group.closedThrough + 1))
    return bounds.start..<bounds.end
  }

  /// Whether a node is in the value.
  private func isIn(_ node: UnsafeRawPointer, _ place: ViewAggregate, _ group: PaneGroup, _ closing: Range<Int64>?) -> Bool {
    if group.isUnbounded { return true }
    let window = window(of: node, in: group)!
    if let closing { return window.lowerBound >= closing.lowerBound && window.upperBound <= closing.upperBound }
    let time = eventTime.watermark.streamTime
    if group.isSession { return window.lowerBound <= time && window.upperBound > time }
    return window.upperBound + place.reach > time
  }
}
