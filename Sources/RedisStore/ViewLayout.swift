// How the rows of one view look in Redis: the key's front and the field names are put into RESP once; a row adds its key and its values.

import Base
import Features
import Records

/// The native layout of one view.
struct ViewLayout {
  /// `{prefix}:{view}`.
  private let keyStart: [UInt8]
  /// Per feature: the field name as a RESP argument.
  private let fields: [[UInt8]]
  private let asOfField: [UInt8]
  private let lastEventField: [UInt8]
  private let writtenAtField: [UInt8]
  private let timeToLive: [UInt8]

  init(_ view: StoredView, prefix: String) {
    func argument(_ text: String) -> [UInt8] {
      let buffer = ByteBuffer()
      RESP.append(text, to: buffer)
      return Array(buffer.bytes)
    }
    keyStart = Array("\(prefix):\(view.name)".utf8)
    fields = view.featureNames.map(argument)
    asOfField = argument("_as_of")
    lastEventField = argument("_last_event")
    writtenAtField = argument("_written_at")
    timeToLive = argument("\(view.timeToLiveMilliseconds ?? 0)")
  }

  /// Appends the row's key as a RESP argument.
  func appendKey(of row: FeatureRow, in rows: FeatureRowBatch, to out: ByteBuffer, scratch: ByteBuffer) {
    scratch.removeAll()
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

  /// Appends what the script wants of the row; returns how many arguments that is.
  func appendArguments(of row: FeatureRow, in rows: FeatureRowBatch, _ writtenAt: Int64, to out: ByteBuffer) -> Int {
    let first = Int(row.firstValue)
    var nullCount = 0
    for index in first..<first + fields.count where rows.values[index].kind.rawValue <= ValueKind.null.rawValue {
      nullCount += 1
    }
    let stampCount = 1 + (row.asOf != .min ? 1 : 0) + (row.lastEvent != .min ? 1 : 0)
    let setCount = 2 * (fields.count - nullCount + stampCount)
    append(timeToLive, to: out)
    RESP.append(Int64(setCount), to: out)
    RESP.append(Int64(nullCount), to: out)
    for index in 0..<fields.count {
      let value = rows.values[first + index]
      guard value.kind.rawValue > ValueKind.null.rawValue else { continue }
      append(fields[index], to: out)
      append(value, in: rows, to: out)
    }
    if row.asOf != .min { append(asOfField, row.asOf, to: out) }
    if row.lastEvent != .min { append(lastEventField, row.lastEvent, to: out) }
    append(writtenAtField, writtenAt, to: out)
    if nullCount > 0 {
      for index in 0..<fields.count where rows.values[first + index].kind.rawValue <= ValueKind.null.rawValue {
        append(fields[index], to: out)
      }
    }
    return 3 + setCount + nullCount
  }

  private func append(_ value: FeatureValue, in rows: FeatureRowBatch, to out: ByteBuffer) {
    switch value.kind {
    case .integer: RESP.append(Int64(bitPattern: value.bits), to: out)
    case .double: RESP.append(Double(bitPattern: value.bits), to: out)
    case .bool: out.append(value.bits != 0 ? "$4\r\ntrue\r\n" as StaticString : "$5\r\nfalse\r\n" as StaticString)
    case .string, .composite: RESP.append(rows.text(of: value), to: out)
    case .missing, .null: preconditionFailure("a null value has no text")
    }
  }

  private func append(_ field: [UInt8], _ milliseconds: Int64, to out: ByteBuffer) {
    append(field, to: out)
    RESP.append(milliseconds, to: out)
  }

  private func append(_ bytes: [UInt8], to out: ByteBuffer) { bytes.withUnsafeBufferPointer { out.append($0) } }
}
