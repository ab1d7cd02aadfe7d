// Feature rows as NDJSON, one object per row:
//   {"view":"v","userId":"u1","window_start":0,"window_end":10000,"views":3}      a closed window
//   {"view":"v","userId":"u1","as_of":12000,"views":3}                            a current value

import Base
import Features
import Records

/// Prints rows to a file descriptor.
public final class NDJSONRowStore: FeatureStore {
  public var name: String { output.name }
  private let output: FileDescriptorWriter
  /// Per view of the pipeline: everything before the key, and each feature's name with what stands around it.
  private let viewTexts: [ViewText]
  private let line = ByteBuffer(capacity: 1 << 16)

  private struct ViewText {
    var start: [UInt8]
    var features: [[UInt8]]
  }

  /// - Parameter views: The pipeline's views, in its order.
  public init(views: [StoredView], output: FileDescriptorWriter) {
    self.output = output
    viewTexts = views.map { view in
      var start = #"{"view":\#(JSONText.quoted(view.name))"#
      if let key = view.keyFieldName { start += ",\(JSONText.quoted(key)):" }
      return ViewText(start: Array(start.utf8), features: view.featureNames.map { Array(",\(JSONText.quoted($0)):".utf8) })
    }
  }

  public func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] {
    line.removeAll()
    for row in rows.rows {
      append(row, of: rows)
      if line.count >= 1 << 16 { try flushLines() }
    }
    try flushLines()
    return []
  }

  public func close() throws {}

  private func flushLines() throws {
    try output.write(UnsafeRawBufferPointer(line.bytes))
    line.removeAll()
  }

  private func append(_ row: FeatureRow, of rows: FeatureRowBatch) {
    let text = viewTexts[Int(row.view)]
    text.start.withUnsafeBufferPointer { line.append($0) }
    if let key = rows.key(of: row) { JSONText.appendQuoted(key, to: line) }
    if row.isWindow {
      line.append(",\"window_start\":")
      append(row.windowStart)
      line.append(",\"window_end\":")
      append(row.windowEnd)
    } else {
      line.append(",\"as_of\":")
      append(row.asOf)
    }
    for (index, name) in text.features.enumerated() {
      name.withUnsafeBufferPointer { line.append($0) }
      append(rows.values[Int(row.firstValue) + index], of: rows)
    }
    line.append("}\n")
  }

  private func append(_ integer: Int64) {
    line.reserve(32)
    line.count += NumberText.write(integer, to: line.base + line.count)
  }

  private func append(_ value: FeatureValue, of rows: FeatureRowBatch) {
    switch value.kind {
    case .missing, .null: line.append("null")
    case .bool: line.append(value.bits != 0 ? "true" : "false")
    case .integer: append(Int64(bitPattern: value.bits))
    case .double:
      line.reserve(32)
      line.count += NumberText.write(Double(bitPattern: value.bits), to: line.base + line.count)
    case .string: JSONText.appendQuoted(rows.text(of: value), to: line)
    case .composite: line.append(rows.text(of: value))
    }
  }
}

/// Takes rows and drops them: for measuring everything before the store.
public final class NullRowStore: FeatureStore {
  public let name = "null"
  public init() {}
  public func write(_ rows: FeatureRowBatch, at positions: [FlushPosition]) throws -> [FenceRefusal] { [] }
  public func close() throws {}
}
