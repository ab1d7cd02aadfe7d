// One call of the write script, put together: rows of one partition, view by view, with the names of a view's fields once.

import Base
import Features
import Records

/// Reused for all calls of a store.
struct RowCall {
  /// A call ends after this many rows or bytes: long enough to spread its cost, short enough that Redis serves others in between.
  static let rowLimitDefault = 256
  static let byteLimit = 64 << 10
  let rowLimit: Int

  private let head = ByteBuffer(capacity: 1024)
  private let keys = ByteBuffer(capacity: 1 << 16)
  private let arguments = ByteBuffer(capacity: 1 << 18)
  private let keyText = ByteBuffer(capacity: 256)
  private(set) var rowCount = 0
  private var argumentCount = 0

  init(rowLimit: Int) { self.rowLimit = rowLimit }

  /// Takes rows of the partition until the call is long enough or there are none left.
  mutating func fill(
    _ part: PartitionRows, of rows: FeatureRowBatch, _ layouts: [ViewLayout], byteLimit: Int = Self.byteLimit
  ) {
    keys.removeAll()
    arguments.removeAll()
    rowCount = 0
    argumentCount = 0
    var openView = -1
    var groupStart = 0
    var groupRowCount = 0
    while rowCount < rowLimit, keys.count + arguments.count < byteLimit, let (view, index) = part.peek() {
      let layout = layouts[view]
      if view != openView {
        if openView >= 0 { layout.setRowCount(groupRowCount, at: groupStart, in: arguments) }
        openView = view
        groupStart = arguments.count
        groupRowCount = 0
        layout.appendGroupHead(to: arguments)
        argumentCount += layout.groupArgumentCount
      }
      let row = rows.rows[index]
      layout.appendKey(of: row, in: rows, to: keys, scratch: keyText)
      layout.appendValues(of: row, in: rows, to: arguments)
      argumentCount += layout.argumentCountPerRow
      groupRowCount += 1
      rowCount += 1
      part.advance()
    }
    if openView >= 0 { layouts[openView].setRowCount(groupRowCount, at: groupStart, in: arguments) }
  }

  /// What stands before the rows.
  struct Lead {
    /// Nil for rows that no fence guards.
    var fence: (key: String, held: RedisFences.Held)?
    var position: FlushPosition?
    /// Whether no more calls of this flush follow.
    var isLast: Bool
    var writtenAt: Int64
  }

  func send(_ lead: Lead, digest: String, on connection: RedisConnection) throws {
    head.removeAll()
    RESP.appendCommand(argumentCount: 3 + (lead.fence == nil ? 0 : 1) + rowCount + 8 + argumentCount, to: head)
    RESP.append("EVALSHA", to: head)
    RESP.append(digest, to: head)
    RESP.append(Int64(rowCount + (lead.fence == nil ? 0 : 1)), to: head)
    if let fence = lead.fence { RESP.append(fence.key, to: head) }
    try connection.send(head.bytes)
    try connection.send(keys.bytes)
    head.removeAll()
    if let fence = lead.fence, let position = lead.position {
      RESP.append(fence.held.generation, to: head)
      RESP.append(fence.held.step, to: head)
      RESP.append(max(position.flushingTo, position.nextOffset), to: head)
      RESP.append(RedisFences.text(position.idleAdvances), to: head)
      if lead.isLast { RESP.append(position.nextOffset, to: head) } else { RESP.append("", to: head) }
      RESP.append(position.watermark, to: head)
    } else {
      for _ in 0..<6 { RESP.append("", to: head) }
    }
    RESP.append(lead.position.map(ViewLayout.positionText) ?? "", to: head)
    RESP.append(lead.writtenAt, to: head)
    try connection.send(head.bytes)
    try connection.send(arguments.bytes)
    try connection.flush()
  }
}
