// Rows in memory, as a reader of the store would find them: the last current row of each key, and every window that has closed.

import Base
import Features
import Records

public final class MemoryRowStore: FeatureStore {
  public struct Row: Sendable {
    /// Index into `PipelineDefinition.views`.
    public var view: Int
    /// Nil for `entity: all`.
    public var key: String?
    /// Both nil for a current value.
    public var windowStart: Int64?
    public var windowEnd: Int64?
    public var asOf: Int64
    /// The greatest event time of the key.
    public var lastEvent: Int64
    /// In the order of the view's features.
    public var values: [ExpectedValue]
  }

  private struct Place: Hashable {
    var view: Int
    var key: String?
    var start: Int64?
    var end: Int64?
  }

  public let name = "memory"
  public let views: [StoredView]
  /// In the order in which they first came; a current row stands where its key first had one.
  public private(set) var rows: [Row] = []
  private var places: [Place: Int] = [:]

  /// - Parameter views: The pipeline's views, in its order.
  public init(_ views: [StoredView]) { self.views = views }

  public func write(_ batch: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] {
    for row in batch.rows {
      let view = Int(row.view)
      let values = views[view].featureNames.indices.map { ExpectedValue(batch.values[Int(row.firstValue) + $0], in: batch.bytes) }
      let read = Row(
        view: view, key: batch.key(of: row).map { String(decoding: $0, as: UTF8.self) },
        windowStart: row.isWindow ? row.windowStart : nil, windowEnd: row.isWindow ? row.windowEnd : nil, asOf: row.asOf,
        lastEvent: row.lastEvent, values: values)
      let place = Place(view: view, key: read.key, start: read.windowStart, end: read.windowEnd)
      if let index = places[place] {
        rows[index] = read
      } else {
        places[place] = rows.count
        rows.append(read)
      }
    }
    return []
  }

  public func close() throws {}
}
