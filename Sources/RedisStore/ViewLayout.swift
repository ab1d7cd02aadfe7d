// How the rows of one view look in Redis: the key's front and the field names are put into RESP once; a row adds its key and its values.

import Base
import Features
import Records

/// The layout of one view. The fields of a native row are its features, `_as_of` and `_last_event`, those of a row for Feast its features and
/// its time; `_written_at` and `_position` are the call's.
struct ViewLayout {
  /// `{prefix}:{view}`.
  private let keyStart: [UInt8]
  private let featureCount: Int
  /// Nil for the native layout.
  private let feast: FeastLayout?
  /// The expiry, the count and the names of the fields, as RESP arguments.
  private let fields: [UInt8]

  private var fieldCount: Int { featureCount + (feast == nil ? 2 : 1) }
  /// Arguments in front of rows of the view.
  var groupArgumentCount: Int { 3 + fieldCount }
  var argumentCountPerRow: Int { 1 + fieldCount }

  init(_ view: StoredView, prefix: String, _ layout: RedisSinkDefinition.Layout = .native) {
    keyStart = Array("\(prefix):\(view.name)".utf8)
    featureCount = view.featureNames.count
    let buffer = ByteBuffer()
    RESP.append(view.timeToLiveMilliseconds ?? 0, to: buffer)
    switch layout {
    case .native:
      feast = nil
      RESP.append(Int64(featureCount + 2), to: buffer)
      for name in view.featureNames { RESP.append(name, to: buffer) }
      RESP.append("_as_of", to: buffer)
      RESP.append("_last_event", to: buffer)
    case .feast(let project):
      feast = FeastLayout(view, project: project)
      RESP.append(Int64(featureCount + 1), to: buffer)
      for name in view.featureNames {
        FeastLayout.fieldName(view: view.name, feature: name).withUnsafeBufferPointer { RESP.append($0, to: buffer) }
      }
      RESP.append("_ts:\(view.name)", to: buffer)
    }
    fields = Array(buffer.bytes)
  }

  /// What a row's `_position` says: `PARTITION:OFFSET`; every record of the partition before that offset is in the row.
  static func positionText(_ position: FlushPosition) -> String { "\(position.partition):\(position.rowOffset)" }

  /// Appends the expiry, the count and the names of the fields.
  func appendFields(to out: ByteBuffer) { fields.withUnsafeBufferPointer { out.append($0) } }

  /// Appends the row's key as a RESP argument; its text is left in `scratch`.
  func appendKey(of row: FeatureRow, in rows: FeatureRowBatch, to out: ByteBuffer, scratch: ByteBuffer) {
    scratch.removeAll()
    if let feast {
      feast.appendKey(rows.key(of: row), to: scratch)
      return RESP.append(scratch.bytes, to: out)
    }
    keyStart.withUnsafeBufferPointer { scratch.append($0) }
    if let key = rows.key(of: row) {
      scratch.append(UInt8(ascii: ":"))
      scratch.append(key)
    }
    if row.isWindow {
      scratch.append(UInt8(ascii: ":"))
      scratch.reserve(NumberText.maximumByteCount)
      scratch.count += NumberText.write(row.windowStart, to: scratch.base + scratch.count)
    }
    RESP.append(scratch.bytes, to: out)
  }

  /// Appends the arguments in front of the rows, with room for how many rows there are.
  func appendGroupHead(to out: ByteBuffer) {
    out.append("$3\r\n000\r\n" as StaticString)
    appendFields(to: out)
  }

  /// Says how many rows follow the group's head that begins at `start`: at most 999.
  func setRowCount(_ count: Int, at start: Int, in out: ByteBuffer) {
    let digits = out.base + start + 4
    digits[0] = 48 + UInt8(count / 100)
    digits[1] = 48 + UInt8(count / 10 % 10)
    digits[2] = 48 + UInt8(count % 10)
  }

  /// Appends the row's nulls and its values.
  func appendValues(of row: FeatureRow, in rows: FeatureRowBatch, to out: ByteBuffer) {
    rows.values.withUnsafeBufferPointer { values in
      let values = UnsafeBufferPointer(rebasing: values[Int(row.firstValue)..<Int(row.firstValue) + featureCount])
      appendNulls(row, values, to: out)
      if let feast {
        for value in values { feast.append(value, in: rows, to: out) }
        return feast.append(milliseconds: row.asOf, to: out)
      }
      for value in values { append(value, in: rows, to: out) }
      append(milliseconds: row.asOf, to: out)
      append(milliseconds: row.lastEvent, to: out)
    }
  }

  /// An empty argument where nothing is null, else a digit per field: 1 for null.
  private func appendNulls(_ row: FeatureRow, _ values: UnsafeBufferPointer<FeatureValue>, to out: ByteBuffer) {
    let showsLastEvent = feast == nil
    var hasNull = row.asOf == .min || showsLastEvent && row.lastEvent == .min
    for value in values where Self.isNull(value) { hasNull = true }
    guard hasNull else {
      out.append("$0\r\n\r\n" as StaticString)
      return
    }
    RESP.appendLength(fieldCount, to: out)
    for value in values { out.append(Self.isNull(value) ? UInt8(ascii: "1") : UInt8(ascii: "0")) }
    out.append(row.asOf == .min ? UInt8(ascii: "1") : UInt8(ascii: "0"))
    if showsLastEvent { out.append(row.lastEvent == .min ? UInt8(ascii: "1") : UInt8(ascii: "0")) }
    out.append("\r\n" as StaticString)
  }

  private func append(_ value: FeatureValue, in rows: FeatureRowBatch, to out: ByteBuffer) {
    switch value.kind {
    case .integer: RESP.append(Int64(bitPattern: value.bits), to: out)
    case .double: RESP.append(Double(bitPattern: value.bits), to: out)
    case .bool: out.append(value.bits != 0 ? "$4\r\ntrue\r\n" as StaticString : "$5\r\nfalse\r\n" as StaticString)
    case .string, .composite: RESP.append(rows.text(of: value), to: out)
    case .missing, .null: out.append("$0\r\n\r\n" as StaticString)
    }
  }

  private func append(milliseconds: Int64, to out: ByteBuffer) {
    if milliseconds == .min { out.append("$0\r\n\r\n" as StaticString) } else { RESP.append(milliseconds, to: out) }
  }

  private static func isNull(_ value: FeatureValue) -> Bool { value.kind.rawValue <= ValueKind.null.rawValue }
}
