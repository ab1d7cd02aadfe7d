// Sessions: a node per session, `[first event time, last event time + gap)`. A record joins the session that it overlaps or touches, joins two
// into one, or begins one of its own. As in Flink, lateness is judged on the merged window, and a session that has closed is gone: what comes
// later begins anew or is late.
//
// Ends move while timers wait, so a timer is a moment to look, never later than needed: a session whose end has moved gets another. Only the
// earliest timer of a session counts, the others pass; so however often it leaves and comes back, there is one that begets another. A
// session that was merged away stays allocated until the last timer that names it has come.
//
//   `close`   due at end - 1, by the watermark: the row, then gone
//   `change`  due at end, by the stream time: leaves the value; then, once no record can join it any more, gone
//
//   marks of a node   [ timers that name it 24 bits | has left the value 1 bit ... ]      a dead node's key is `deadKey`

import Base

extension PaneGroup {
  static let deadKey = UInt32.max
  private static let hasLeftBit: UInt32 = 1
  private static let oneTimer: UInt32 = 256

  @inline(__always)
  static func lastTime(of node: UnsafeRawPointer) -> Int64 { node.load(fromByteOffset: 24, as: Int64.self) }

  /// When the timer comes that counts; `Int64.max` for none.
  private static func nextLook(at node: UnsafeRawPointer) -> Int64 { node.load(fromByteOffset: 32, as: Int64.self) }

  private static func setNextLook(at node: UnsafeMutableRawPointer, _ due: Int64) {
    node.storeBytes(of: due, toByteOffset: 32, as: Int64.self)
  }

  static func hasLeft(_ node: UnsafeRawPointer) -> Bool { marks(of: node) & hasLeftBit != 0 }

  func end(ofSession node: UnsafeRawPointer) -> Int64 { Self.lastTime(of: node) + gap }

  /// The sessions of a chain that a record touches, as nodes plus one, 0 for none.
  struct SessionPlace {
    /// Where a session of the record's own would be linked.
    var previous: UInt32 = 0
    var newer: UInt32 = 0
    /// Only with a newer one, which the record joins to this one.
    var older: UInt32 = 0
    var touchesAny: Bool { newer != 0 }
  }

  /// Whether a session that ends at `end` has closed.
  private func isClosed(end: Int64) -> Bool { end - 1 <= eventTime.watermark.value }

  /// Whether a record that touches no open session comes too late to begin one.
  @inline(__always)
  func isTooLateToBegin(_ time: Int64) -> Bool { isClosed(end: time + gap) }

  func place(of time: Int64, head: UInt32) -> SessionPlace {
    var place = SessionPlace()
    var current = head
    while current != 0 {
      let node = node(current - 1)
      if Self.pane(of: node) > time + gap {
        place.previous = current
      } else {
        let end = end(ofSession: node)
        // Older ones have ended before.
        if end < time { break }
        if !isClosed(end: end) {
          if place.newer != 0 {
            place.older = current
            break
          }
          place.newer = current
        }
      }
      current = Self.next(of: node)
    }
    return place
  }

  /// The session that holds a record which is not late, begun or merged as needed. Says whether there is another session than before.
  func session(
    at time: Int64, in place: SessionPlace, key: UInt32, head: UnsafeMutablePointer<UInt32>, pool: BlockPool
  ) -> (node: UnsafeMutableRawPointer, isOther: Bool) {
    guard place.touchesAny else {
      let number = insert(time, key: key, after: place.previous, head: head)
      node(number).storeBytes(of: time, toByteOffset: 24, as: Int64.self)
      Self.setNextLook(at: node(number), .max)
      look(at: number, due: isClosing ? time + gap - 1 : time + gap)
      return (node(number), true)
    }
    var number = place.newer - 1
    var isOther = false
    if place.older != 0 {
      let merged = number
      number = place.older - 1
      absorb(node(merged), into: node(number), pool: pool)
      setLast(node(number), Self.lastTime(of: node(merged)))
      unlink(merged, head: head)
      bury(merged)
      isOther = true
    }
    let session = node(number)
    let wasVisible = isVisible(session, at: eventTime.watermark.streamTime)
    if time < Self.pane(of: session) {
      session.storeBytes(of: time, as: Int64.self)
      isOther = true
    }
    if time > Self.lastTime(of: session) { setLast(session, time) }
    if !isClosing, isVisible(session, at: max(time, eventTime.watermark.streamTime)) {
      // One that came late has been behind the stream time from the start, and its timer need not have come yet.
      if !wasVisible { isOther = true }
      if Self.hasLeft(session) {
        Self.setMarks(session, Self.marks(of: session) & ~Self.hasLeftBit)
        look(at: number, due: end(ofSession: session))
        isOther = true
      }
    }
    return (session, isOther)
  }

  /// Whether a `change` view shows the session at stream time `time`.
  func isVisible(_ session: UnsafeRawPointer, at time: Int64) -> Bool { end(ofSession: session) > time }

  private func setLast(_ session: UnsafeMutableRawPointer, _ time: Int64) {
    session.storeBytes(of: time, toByteOffset: 24, as: Int64.self)
  }

  // MARK: Timers

  /// Sees to it that a session is looked at no later than `due`.
  private func look(at number: UInt32, due: Int64) {
    guard due < Self.nextLook(at: node(number)) else { return }
    Self.setNextLook(at: node(number), due)
    Self.setMarks(node(number), Self.marks(of: node(number)) + Self.oneTimer)
    timers.push(due: due, node: number)
    guard due < deadline else { return }
    deadline = due
    if isClosing {
      eventTime.nextClose = min(eventTime.nextClose, due)
    } else {
      eventTime.nextLeave = min(eventTime.nextLeave, due)
    }
  }

  /// Frees an unlinked node whose blocks were released or taken over, at once or with its last timer.
  private func bury(_ number: UInt32) {
    if Self.marks(of: node(number)) < Self.oneTimer { return recycle(number) }
    Self.setKey(node(number), Self.deadKey)
  }

  /// Takes the next timer; nil where its session is dead, or is looked at by another timer.
  private func nextSession() -> UInt32? {
    let timer = timers.pop()
    let session = node(timer.node)
    Self.setMarks(session, Self.marks(of: session) - Self.oneTimer)
    guard Self.key(of: session) != Self.deadKey else {
      if Self.marks(of: session) < Self.oneTimer { recycle(timer.node) }
      return nil
    }
    guard Self.nextLook(at: session) == timer.due else { return nil }
    Self.setNextLook(at: session, .max)
    return timer.node
  }

  func free(session number: UInt32, head: UnsafeMutablePointer<UInt32>, pool: BlockPool) {
    unlink(number, head: head)
    release(node(number), pool: pool)
    bury(number)
  }

  /// The next session of `close` views, if its own end is what its timer said; else it waits on.
  func nextClosingSession() -> UInt32? {
    let due = timers.nextDue
    defer { updateDeadline() }
    guard let number = nextSession() else { return nil }
    let end = end(ofSession: node(number))
    if end - 1 == due { return number }
    look(at: number, due: end - 1)
    return nil
  }

  /// Serves the timers of `change` views up to stream time `time`: `leaves` is called for a session that leaves the values, `ends` for one that
  /// no record can join any more, which the caller frees.
  func serveTimers(at time: Int64, leaves: (UInt32) -> Void, ends: (UInt32) -> Void) {
    while timers.nextDue <= time {
      guard let number = nextSession() else { continue }
      let session = node(number)
      let end = end(ofSession: session)
      if end > time {
        look(at: number, due: end)
        continue
      }
      if !Self.hasLeft(session) {
        Self.setMarks(session, Self.marks(of: session) | Self.hasLeftBit)
        leaves(number)
      }
      // From here on the watermark is at its last millisecond.
      let closes = end + max(0, eventTime.watermark.lateness - 1)
      if closes > time { look(at: number, due: closes) } else { ends(number) }
    }
    updateDeadline()
  }
}
