// The rows of one partition in the batch that is being written, and how far they have been sent.

import Features
import Records

final class PartitionRows {
  let partition: PartitionIndex
  /// Nil where the worker gave none.
  var position: FlushPosition?
  /// Per view: its rows, as indices into the batch.
  private(set) var order: [[Int]]
  private(set) var rowCount = 0
  private(set) var remaining = 0
  /// The next row to send.
  private(set) var view = 0
  private(set) var index = 0

  init(_ partition: PartitionIndex, viewCount: Int) {
    self.partition = partition
    order = Array(repeating: [], count: viewCount)
  }

  var isEmpty: Bool { rowCount == 0 && position == nil }

  func removeAll() {
    for view in order.indices { order[view].removeAll(keepingCapacity: true) }
    position = nil
    rowCount = 0
    rewind()
  }

  func append(_ row: Int, view: Int) {
    order[view].append(row)
    rowCount += 1
  }

  /// Begins with the first row again.
  func rewind() {
    remaining = rowCount
    view = 0
    index = 0
  }

  /// The next row to send, which is one of `view`; nil where all have been.
  func peek() -> (view: Int, row: Int)? {
    guard remaining > 0 else { return nil }
    while index == order[view].count {
      view += 1
      index = 0
    }
    return (view, order[view][index])
  }

  func advance() {
    index += 1
    remaining -= 1
  }
}
