// Rows as Feast's own Python SDK reads them from its Redis online store (entity keys of serialisation version 3). All views of an entity share a hash:
//
//   key     number of join keys 4 | 2 (a text) 4 | length 4 | name | type of the value 4 | length 4 | value | project      little-endian
//   field   murmur3_x86_32 of "view:feature", 4 bytes little-endian      feast.types.Value, serialised
//   field   "_ts:view"                                                   google.protobuf.Timestamp, serialised: `_as_of`
//
// Null is an absent field, which the SDK takes for one. Protocol Buffers are written by hand: three kinds of messages, and no more than tags,
// varints and lengths (protobuf.dev, "Encoding").

import Base
import Features
import Records

/// How rows of one view look to Feast.
struct FeastLayout {
  /// The entity's key up to its value's type.
  private let keyStart: [UInt8]
  private let hasIntegerKey: Bool
  private let isKeyless: Bool
  private let project: [UInt8]
  private let scratch = ByteBuffer(capacity: 256)
  private let list = ByteBuffer(capacity: 256)

  /// What Feast calls the key of views without an entity.
  static let keylessName = "__dummy_id"
  private static let textType: UInt32 = 2
  private static let integerType: UInt32 = 4

  init(_ view: StoredView, project: String) {
    let name = view.keyFieldName ?? Self.keylessName
    let buffer = ByteBuffer(capacity: 64)
    Self.append(1, to: buffer)
    Self.append(Self.textType, to: buffer)
    Self.append(UInt32(name.utf8.count), to: buffer)
    buffer.append(name)
    keyStart = Array(buffer.bytes)
    hasIntegerKey = view.hasIntegerKey
    isKeyless = view.keyFieldName == nil
    self.project = Array(project.utf8)
  }

  // MARK: - Names

  /// The hash field of a feature.
  static func fieldName(view: String, feature: String) -> [UInt8] {
    var text = "\(view):\(feature)"
    let hash = text.withUTF8 { Hash.murmur3($0.baseAddress!, count: $0.count) }
    return (0..<4).map { UInt8(truncatingIfNeeded: hash >> (8 * UInt32($0))) }
  }

  /// Appends the key of a row; a key that is no integer, whatever the schema says, is a text.
  func appendKey(_ key: UnsafeBufferPointer<UInt8>?, to out: ByteBuffer) {
    keyStart.withUnsafeBufferPointer { out.append($0) }
    if hasIntegerKey, let key, let number = Int64(String(decoding: key, as: UTF8.self)) {
      Self.append(Self.integerType, to: out)
      Self.append(8, to: out)
      Self.append(UInt32(truncatingIfNeeded: number), to: out)
      Self.append(UInt32(truncatingIfNeeded: number >> 32), to: out)
    } else {
      Self.append(Self.textType, to: out)
      Self.append(UInt32(key?.count ?? 0), to: out)
      if let key { out.append(key) }
    }
    project.withUnsafeBufferPointer { out.append($0) }
  }

  private static func append(_ value: UInt32, to out: ByteBuffer) {
    for place in 0..<4 as Range<UInt32> { out.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
  }

  // MARK: - Values

  /// Appends a value as a RESP argument: an empty one for null, which is not written.
  func append(_ value: FeatureValue, in rows: FeatureRowBatch, to out: ByteBuffer) {
    scratch.removeAll()
    switch value.kind {
    case .missing, .null: break
    case .integer: Self.appendVarint(field: 4, value.bits, to: scratch)
    case .bool: Self.appendVarint(field: 7, value.bits != 0 ? 1 : 0, to: scratch)
    case .double: Self.append(double: value.bits, field: 5, to: scratch)
    case .string: Self.append(rows.text(of: value), field: 2, to: scratch)
    case .composite: append(json: rows.text(of: value))
    }
    RESP.append(scratch.bytes, to: out)
  }

  /// Appends a time as a RESP argument: an empty one for none.
  func append(milliseconds: Int64, to out: ByteBuffer) {
    scratch.removeAll()
    if milliseconds != .min {
      let seconds = floorDivide(milliseconds, 1000)
      if seconds != 0 { Self.appendVarint(field: 1, UInt64(bitPattern: seconds), to: scratch) }
      let nanoseconds = (milliseconds - seconds * 1000) * 1_000_000
      if nanoseconds != 0 { Self.appendVarint(field: 2, UInt64(nanoseconds), to: scratch) }
    }
    RESP.append(scratch.bytes, to: out)
  }

  /// A list of one kind of elements as a list of these; whole numbers among others are doubles. Anything else, such as the objects of `top_k`, and
  /// lists that hold a null, is the JSON as a text.
  private func append(json: UnsafeBufferPointer<UInt8>) {
    guard case .list(let items)? = ExpectedValue(json: json) else { return Self.append(json, field: 2, to: scratch) }
    list.removeAll()
    if let texts = Self.all(items, { if case .string(let text) = $0 { text } else { nil } }) {
      for text in texts {
        var text = text
        text.withUTF8 { Self.append($0, field: 1, to: list) }
      }
      Self.append(list.bytes, field: 12, to: scratch)
    } else if let numbers = Self.all(items, { if case .integer(let value) = $0 { value } else { nil } }) {
      appendPacked(field: 14) { for number in numbers { Self.appendVarint(UInt64(bitPattern: number), to: $0) } }
    } else if let numbers = Self.all(items, Self.double) {
      appendPacked(field: 15) { for number in numbers { Self.append(fixed: number.bitPattern, to: $0) } }
    } else if let truths = Self.all(items, { if case .bool(let value) = $0 { value } else { nil } }) {
      appendPacked(field: 17) { for truth in truths { $0.append(truth ? 1 : 0) } }
    } else {
      Self.append(json, field: 2, to: scratch)
    }
  }

  /// Nil where one is not of the kind.
  private static func all<Item>(_ items: [ExpectedValue], _ item: (ExpectedValue) -> Item?) -> [Item]? {
    var found: [Item] = []
    for value in items {
      guard let next = item(value) else { return nil }
      found.append(next)
    }
    return found
  }

  private static func double(_ value: ExpectedValue) -> Double? {
    switch value {
    case .integer(let value): Double(value)
    case .double(let value): value
    default: nil
    }
  }

  /// A list message whose field 1 holds numbers in one piece.
  private func appendPacked(field: UInt64, _ body: (ByteBuffer) -> Void) {
    let packed = ByteBuffer(capacity: 64)
    body(packed)
    if packed.count > 0 { Self.append(packed.bytes, field: 1, to: list) }
    Self.append(list.bytes, field: field, to: scratch)
  }

  // MARK: - Protocol Buffers

  private static func appendVarint(_ value: UInt64, to out: ByteBuffer) {
    var rest = value
    while rest >= 0x80 {
      out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    out.append(UInt8(truncatingIfNeeded: rest))
  }

  private static func appendVarint(field: UInt64, _ value: UInt64, to out: ByteBuffer) {
    appendVarint(field << 3, to: out)
    appendVarint(value, to: out)
  }

  private static func append(double bits: UInt64, field: UInt64, to out: ByteBuffer) {
    appendVarint(field << 3 | 1, to: out)
    append(fixed: bits, to: out)
  }

  private static func append(fixed bits: UInt64, to out: ByteBuffer) {
    for place in 0..<8 as Range<UInt64> { out.append(UInt8(truncatingIfNeeded: bits >> (8 * place))) }
  }

  /// Bytes with their length.
  private static func append(_ bytes: UnsafeBufferPointer<UInt8>, field: UInt64, to out: ByteBuffer) {
    appendVarint(field << 3 | 2, to: out)
    appendVarint(UInt64(bytes.count), to: out)
    out.append(bytes)
  }
}
