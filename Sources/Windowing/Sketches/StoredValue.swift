// A value that outlives its record: nine bytes, and a block of the pool where a text is longer than eight.
//
//   [ tag 1 | bits 8 ]      tag: the kind; 0x10 + byteCount for a text of up to 8 bytes, which stands in the bits; 0x20 a longer text, 0x21 an object
//                           or an array: block 4 and byteCount 4

import Base
import Records

struct StoredValue: BitwiseCopyable {
  private static let shortText: UInt8 = 0x10
  private static let longText: UInt8 = 0x20
  private static let composite: UInt8 = 0x21

  /// Never 0.
  var tag: UInt8
  var bits: UInt64

  init(tag: UInt8, bits: UInt64) {
    self.tag = tag
    self.bits = bits
  }

  /// Copies the bytes of a text into the pool where they have no room here. `value` must not be null.
  init(_ value: ColumnValue, _ pool: BlockPool) {
    switch value.kind {
    case .string where value.byteCount <= 8:
      tag = Self.shortText + UInt8(value.byteCount)
      bits = Self.word(value.bytes)
    case .string, .composite:
      tag = value.kind == .string ? Self.longText : Self.composite
      let text = pool.store(value.bytes)
      bits = text.offset >> 4 | UInt64(text.byteCount) << 32
    default:
      tag = value.kind.rawValue
      bits = value.bits
    }
  }

  private var isShort: Bool { tag & 0xf0 == Self.shortText }
  private var isLong: Bool { tag >= Self.longText }

  private var reference: TextReference {
    TextReference(offset: (bits & 0xffff_ffff) << 4, byteCount: UInt32(truncatingIfNeeded: bits >> 32))
  }

  func release(_ pool: BlockPool) { if isLong { pool.release(reference) } }

  // MARK: Comparing

  /// `value` must have been made normal (see `ValueIdentity.normal`), as this one was.
  @inline(__always)
  func equals(_ value: ColumnValue, _ pool: BlockPool) -> Bool {
    switch value.kind {
    case .string where value.byteCount <= 8: tag == Self.shortText + UInt8(value.byteCount) && bits == Self.word(value.bytes)
    case .string: tag == Self.longText && ExtremeText.compare(pool.bytes(reference), value.bytes) == 0
    case .composite: tag == Self.composite && ExtremeText.compare(pool.bytes(reference), value.bytes) == 0
    default: tag == value.kind.rawValue && bits == value.bits
    }
  }

  /// Both keep their texts in `pool`.
  func equals(_ other: StoredValue, _ pool: BlockPool) -> Bool {
    guard tag == other.tag else { return false }
    return isLong ? ExtremeText.compare(pool.bytes(reference), pool.bytes(other.reference)) == 0 : bits == other.bits
  }

  /// An order of all values: booleans, numbers by value, texts by their bytes, objects and arrays by theirs.
  static func precedes(_ a: StoredValue, _ b: StoredValue, _ pool: BlockPool) -> Bool {
    let (rank, otherRank) = (a.rank, b.rank)
    guard rank == otherRank else { return rank < otherRank }
    switch rank {
    case 0: return a.bits < b.bits
    case 1: return ExtremeNumber.isNumber(b.bits, b.numberKind, greaterThan: a.bits, a.numberKind)
    default: return a.withBytes(pool) { a in b.withBytes(pool) { ExtremeText.compare(a, $0) < 0 } }
    }
  }

  private var rank: Int {
    if tag == Self.composite { return 3 }
    if isShort || isLong { return 2 }
    return tag == ValueKind.bool.rawValue ? 0 : 1
  }

  private var numberKind: ValueKind { tag == ValueKind.integer.rawValue ? .integer : .double }

  // MARK: Reading

  private func withBytes<Result>(_ pool: BlockPool, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    if isLong { return body(pool.bytes(reference)) }
    return withUnsafeBytes(of: bits.littleEndian) {
      body(UnsafeBufferPointer(rebasing: $0.bindMemory(to: UInt8.self)[..<Int(tag - Self.shortText)]))
    }
  }

  func appendJSON(_ pool: BlockPool, to bytes: ByteBuffer) {
    switch tag {
    case ValueKind.bool.rawValue: bytes.append(bits != 0 ? "true" : "false")
    case ValueKind.integer.rawValue:
      bytes.reserve(NumberText.maximumByteCount)
      bytes.count += NumberText.write(Int64(bitPattern: bits), to: bytes.base + bytes.count)
    case ValueKind.double.rawValue:
      bytes.reserve(NumberText.maximumByteCount)
      bytes.count += NumberText.writeShortest(Double(bitPattern: bits), to: bytes.base + bytes.count)
    case Self.composite: JSONText.appendCompact(pool.bytes(reference), to: bytes)
    default: withBytes(pool) { JSONText.appendQuoted($0, to: bytes) }
    }
  }

  /// Up to eight bytes as a word.
  @inline(__always)
  private static func word(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    var word: UInt64 = 0
    for index in 0..<bytes.count { word |= UInt64(bytes[index]) << UInt64(8 * index) }
    return word
  }
}

extension FeatureValue {
  /// A JSON list of `count` items behind `bytes`.
  static func list(of count: Int, to bytes: ByteBuffer, _ append: (Int) -> Void) -> FeatureValue {
    let start = bytes.count
    bytes.append(UInt8(ascii: "["))
    for index in 0..<count {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      append(index)
    }
    bytes.append(UInt8(ascii: "]"))
    return FeatureValue(kind: .composite, bits: UInt64(start), byteCount: UInt32(bytes.count - start))
  }
}
