// The columns that do not come out of a record's value: its time, key, place and headers.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Fills the columns of `paths` that name metadata; the others are a `RecordDecoder`'s. Belongs to one thread.
public final class MetadataColumns {
  private let fields: [(column: Int, field: RecordMetadata, name: [UInt8])]
  private let text = DeferredText()
  private let topic = ByteBuffer(capacity: 0)

  /// `columns.column(i)` takes the field at `paths[i]`.
  public init(paths: [FieldPath]) {
    fields = paths.enumerated().compactMap { column, path in
      guard let field = path.metadata else { return nil }
      if case .header(let name) = field { return (column, field, Array(name.utf8)) }
      return (column, field, [])
    }
  }

  /// Whether any field is a header, which a source need not copy otherwise.
  public static func readsHeaders(_ paths: [FieldPath]) -> Bool {
    paths.contains { if case .header? = $0.metadata { true } else { false } }
  }

  /// Fills the columns of every row of `batch`. Texts point into the batch or into this: they hold until either is filled again.
  public func fill(_ batch: RecordBatch, _ columns: Columns) {
    guard !fields.isEmpty else { return }
    text.removeAll()
    topic.removeAll()
    topic.append(batch.topic)
    let rowCount = batch.count
    let slots = batch.slots
    for (column, field, name) in fields {
      let values = columns.column(column)
      switch field {
      case .timestamp:
        for row in 0..<rowCount {
          values[row] = slots[row].timestamp == .min ? ColumnValue(kind: .missing) : ColumnValue(integer: slots[row].timestamp)
        }
      case .partition where !batch.origins.isEmpty:
        for row in 0..<rowCount { values[row] = ColumnValue(integer: Int64(batch.origins[row].partition)) }
      case .offset where !batch.origins.isEmpty:
        for row in 0..<rowCount { values[row] = ColumnValue(integer: batch.origins[row].offset) }
      case .partition: for row in 0..<rowCount { values[row] = ColumnValue(integer: Int64(slots[row].partition)) }
      case .offset: for row in 0..<rowCount { values[row] = ColumnValue(integer: slots[row].offset) }
      case .topic:
        let value = topic.count == 0 ? ColumnValue(kind: .missing) : ColumnValue(string: topic.bytes)
        values.update(repeating: value, count: rowCount)
      case .key:
        for row in 0..<rowCount {
          if let key = batch.key(row) { store(key, values + row) } else { values[row] = ColumnValue(kind: .missing) }
        }
      case .header: for row in 0..<rowCount { header(name, batch, row, values + row) }
      }
    }
    text.resolve()
  }

  private func header(_ name: [UInt8], _ batch: RecordBatch, _ row: Int, _ value: UnsafeMutablePointer<ColumnValue>) {
    value.pointee = ColumnValue(kind: .missing)
    for index in batch.headerIndices(of: row).reversed() {
      let header = batch.headers[index]
      guard Int(header.nameCount) == name.count, batch.name(of: header).elementsEqual(name) else { continue }
      if let bytes = batch.value(of: header) { store(bytes, value) } else { value.pointee = .null }
      return
    }
  }

  /// Bytes as text where they are UTF-8, else in base 64.
  private func store(_ bytes: UnsafeBufferPointer<UInt8>, _ value: UnsafeMutablePointer<ColumnValue>) {
    if UTF8Check.isValid(bytes.baseAddress!, count: bytes.count) {
      value.pointee = ColumnValue(string: bytes)
    } else {
      let start = text.buffer.count
      Base64.append(bytes, to: text.buffer)
      text.store(.string, from: start, into: value)
    }
  }
}
