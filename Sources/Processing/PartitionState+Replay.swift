// What a partition has to read again, and what it keeps to itself on the way.
//
//   checkpoint            fence.nextOffset            fence.flushingTo
//       |  closed windows: in the store  |  closed windows: written again  |
//       |            current values: nothing is shown                      |  as always
//
// Event time that was moved by the wall clock is not in the log: the fence remembers it, and it is moved again at the same offsets.

import Features
import Records

/// What lies between a checkpoint and where rows in the store have come to.
struct Replay {
  /// Rows of closed windows that follow from records before this offset are in the store.
  var writtenThrough: Offset
  /// Rows in the store may depend on records before this offset: no current value is shown before it has been reached.
  var shownThrough: Offset
  /// Still to come, in order.
  var advances: [IdleAdvance]

  /// The next offset at which something changes, from `offset` on.
  func nextCut(from offset: Offset) -> Offset? {
    var cut: Offset?
    func consider(_ place: Offset) { if place > offset { cut = min(cut ?? place, place) } }
    consider(writtenThrough)
    consider(shownThrough)
    if let next = advances.first(where: { $0.offset > offset }) { consider(next.offset) }
    return cut
  }
}

extension PartitionState {
  /// The position of a checkpoint that holds nothing, and says that whoever comes next begins anew.
  static let vacatedOffset = Offset.min

  func forgetPosition() {
    nextOffset = nil
    savedOffset = nil
  }

  /// Notes what stands between the state and the fence. The state has been loaded, or is empty and begins at `nextOffset`. A fence without a
  /// `nextOffset` is one whose first flush was cut short.
  func beginReplay(to fence: Fence) {
    guard let nextOffset, let shown = fence.flushingTo ?? fence.nextOffset else { return }
    let writtenThrough = fence.nextOffset ?? nextOffset
    let time = engine.watermark.streamTime
    // What the checkpoint has seen is in its state.
    idleLog = fence.idleAdvances.filter { $0.offset > nextOffset || $0.offset == nextOffset && $0.streamTime > time }
    let shownThrough = max(writtenThrough, shown)
    guard shownThrough > nextOffset || !idleLog.isEmpty else { return }
    replay = Replay(writtenThrough: writtenThrough, shownThrough: shownThrough, advances: idleLog)
    engine.holdsChanges = true
  }

  /// Whether current values stay unwritten.
  var isSilent: Bool { replay != nil }

  /// Whether rows of windows that close now are in the store already.
  var isRepeating: Bool {
    guard let replay, let nextOffset else { return false }
    return nextOffset < replay.writtenThrough
  }

  /// Offsets that are still to be read again.
  var replayDistance: Int64 {
    guard let replay, let nextOffset else { return 0 }
    return max(0, replay.shownThrough - nextOffset)
  }

  func endReplay() {
    replay = nil
    engine.holdsChanges = false
  }

  // MARK: Event time without records

  /// Notes that event time is about to move to `time` without a record. Of several moves at one place only the last is of interest.
  func noteIdleAdvance(to time: Int64) {
    guard let nextOffset, time > engine.watermark.streamTime else { return }
    if idleLog.last?.offset == nextOffset { idleLog.removeLast() }
    idleLog.append(IdleAdvance(offset: nextOffset, streamTime: time))
  }

  /// Notes that a checkpoint of this offset and stream time stands.
  func noteSaved(_ offset: Offset, _ time: Int64) {
    savedOffset = offset
    savedTime = time
    idleLog.removeAll { $0.offset < offset || $0.offset == offset && $0.streamTime <= time }
  }
}
