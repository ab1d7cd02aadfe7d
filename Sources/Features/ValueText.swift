// Text functions on single values. Parts of a text point into it; new texts are made in the batch's arena. Lengths and positions count
// code points, from 1. Letter case follows Unicode, one code point at a time, whatever the language.

import Base
import Records

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

enum ValueText {
  typealias Bytes = UnsafeBufferPointer<UInt8>

  // MARK: - Parts of a text

  static func length(_ value: ColumnValue) -> ColumnValue {
    withText(value) { ColumnValue(integer: Int64(UTF8Text.length($0))) }
  }

  /// Without the spaces, tabs and line ends around it.
  static func trimmed(_ value: ColumnValue, atStart: Bool, atEnd: Bool) -> ColumnValue {
    withText(value) { text in
      var range = 0..<text.count
      while atStart, let first = range.first, isSpace(text[first]) { range = first + 1..<range.upperBound }
      while atEnd, let last = range.last, isSpace(text[last]) { range = range.lowerBound..<last }
      return part(of: text, range)
    }
  }

  /// The characters at positions `start ..< start + count`, as far as the text has them, as SQL's `substring` counts.
  static func substring(_ value: ColumnValue, _ start: ColumnValue, _ count: ColumnValue) -> ColumnValue {
    guard value.kind == .string, start.kind == .integer, count.kind == .integer else { return nullOrMismatch(value, start, count) }
    let text = value.bytes
    // The greatest count stands for all that is left, wherever that begins.
    let (sum, overflow) = start.integer.addingReportingOverflow(max(count.integer, 0))
    let end = overflow || count.integer == .max ? Int64.max : sum
    let first = max(start.integer, 1)
    guard first < end else { return part(of: text, 0..<0) }
    // A text has no more characters than bytes.
    let from = UTF8Text.byteIndex(text, ofCharacter: Int(min(first - 1, Int64(text.count))))
    let rest = Bytes(rebasing: text[from...])
    let length = UTF8Text.byteIndex(rest, ofCharacter: Int(min(end - first, Int64(rest.count))))
    return part(of: text, from..<from + length)
  }

  /// The last `count` characters.
  static func right(_ value: ColumnValue, _ count: ColumnValue) -> ColumnValue {
    guard value.kind == .string, count.kind == .integer else { return ValueArithmetic.nullOrMismatch(value, count) }
    let length = Int64(UTF8Text.length(value.bytes))
    let wanted = min(max(count.integer, 0), length)
    return substring(value, ColumnValue(integer: length - wanted + 1), ColumnValue(integer: wanted))
  }

  /// Part `number` between separators, from 1, or from -1 backwards; empty where there are fewer.
  static func splitPart(_ value: ColumnValue, _ separator: ColumnValue, _ number: ColumnValue) -> ColumnValue {
    guard value.kind == .string, separator.kind == .string, number.kind == .integer else {
      return nullOrMismatch(value, separator, number)
    }
    let (text, mark) = (value.bytes, separator.bytes)
    var wanted = number.integer
    if wanted == 0 { return .null(.outOfRange) }
    if wanted < 0 {
      var count: Int64 = 1
      var index = 0
      while let found = find(mark, in: text, from: index) {
        count += 1
        index = found + mark.count
      }
      wanted = wanted < -count ? 0 : count + wanted + 1
      if wanted == 0 { return part(of: text, 0..<0) }
    }
    var start = 0
    var place: Int64 = 1
    while let found = find(mark, in: text, from: start) {
      if place == wanted { return part(of: text, start..<found) }
      place += 1
      start = found + mark.count
    }
    return part(of: text, place == wanted ? start..<text.count : 0..<0)
  }

  // MARK: - Questions

  /// Where `part` first stands, 0 where it does not.
  static func position(_ value: ColumnValue, _ part: ColumnValue) -> ColumnValue {
    withTexts(value, part) { text, wanted in
      if wanted.isEmpty { return ColumnValue(integer: 1) }
      guard let found = find(wanted, in: text, from: 0) else { return ColumnValue(integer: 0) }
      return ColumnValue(integer: Int64(UTF8Text.length(Bytes(rebasing: text[..<found]))) + 1)
    }
  }

  static func contains(_ value: ColumnValue, _ part: ColumnValue) -> ColumnValue {
    withTexts(value, part) { ColumnValue(bool: $1.isEmpty || find($1, in: $0, from: 0) != nil) }
  }

  static func starts(_ value: ColumnValue, with part: ColumnValue) -> ColumnValue {
    withTexts(value, part) { ColumnValue(bool: $0.count >= $1.count && isSame($0, 0, $1)) }
  }

  static func ends(_ value: ColumnValue, with part: ColumnValue) -> ColumnValue {
    withTexts(value, part) { ColumnValue(bool: $0.count >= $1.count && isSame($0, $0.count - $1.count, $1)) }
  }

  /// A number from 0 to 2^63 - 1, evenly spread, the same wherever and whenever it is computed. Numbers hash as their text.
  static func hash(_ value: ColumnValue) -> ColumnValue {
    guard !value.isNull, value.kind != .composite else { return value.isNull ? .null(value.nullReasons) : .null(.mismatch) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: NumberText.maximumByteCount) { buffer in
      let text = ValueConversion.text(of: value, scratch: buffer.baseAddress!)
      // The address of an empty text may be none at all.
      let start = text.baseAddress ?? UnsafePointer(buffer.baseAddress!)
      return ColumnValue(integer: Int64(bitPattern: Hash.bytes(start, count: text.count) & UInt64(Int64.max)))
    }
  }

  // MARK: - New texts

  static func lowercased(_ value: ColumnValue, _ arena: TextArena) -> ColumnValue {
    withText(value) { text in
      changed(text, arena, ascii: { $0 &- 65 < 26 ? $0 | 0x20 : $0 }) { $0.properties.lowercaseMapping }
    }
  }

  static func uppercased(_ value: ColumnValue, _ arena: TextArena) -> ColumnValue {
    withText(value) { text in
      changed(text, arena, ascii: { $0 &- 97 < 26 ? $0 & 0xDF : $0 }) { $0.properties.uppercaseMapping }
    }
  }

  @inline(__always)
  private static func changed(
    _ text: Bytes, _ arena: TextArena, ascii: (UInt8) -> UInt8, unicode: (Unicode.Scalar) -> String
  ) -> ColumnValue {
    // No mapping has more than three times the bytes of its code point, nor has the mark that stands for a malformed byte.
    guard text.count * 3 <= TextArena.textByteCountMax else { return .null(.outOfRange) }
    let out = arena.reserve(text.count * 3)
    var isASCII: UInt8 = 0
    for index in 0..<text.count {
      isASCII |= text[index]
      out[index] = ascii(text[index])
    }
    guard isASCII >= 0x80 else { return arena.take(text.count) }
    var count = 0
    var bytes = text.makeIterator()
    var decoder = UTF8()
    while true {
      let mapped: String
      switch decoder.decode(&bytes) {
      case .scalarValue(let scalar): mapped = unicode(scalar)
      case .error: mapped = "\u{FFFD}"
      case .emptyInput: return arena.take(count)
      }
      for byte in mapped.utf8 where count < text.count * 3 {
        out[count] = byte
        count += 1
      }
    }
  }

  /// All values as text, one after the other.
  @inline(__always)
  static func concatenate(_ sources: UnsafeBufferPointer<OperandValues>, _ row: Int, _ arena: TextArena) -> ColumnValue {
    var byteCount = 0
    var isNull = false
    var reasons: NullReasons = []
    for source in sources {
      let value = source[row]
      switch value.kind {
      case .string: byteCount += Int(value.byteCount)
      case .bool, .integer, .double: byteCount += NumberText.maximumByteCount
      case .missing, .null:
        isNull = true
        reasons.formUnion(value.nullReasons)
      case .composite: reasons.insert(.mismatch)
      }
    }
    if isNull || !reasons.isEmpty { return .null(reasons) }
    guard byteCount <= TextArena.textByteCountMax else { return .null(.outOfRange) }
    let out = arena.reserve(byteCount)
    var count = 0
    for source in sources {
      let value = source[row]
      if value.kind == .string {
        if value.byteCount > 0 { memcpy(out + count, value.bytes.baseAddress!, Int(value.byteCount)) }
        count += Int(value.byteCount)
      } else {
        let text = ValueConversion.text(of: value, scratch: out + count)
        // A boolean's text stands elsewhere, a number's where it is wanted.
        memmove(out + count, text.baseAddress!, text.count)
        count += text.count
      }
    }
    return arena.take(count)
  }

  /// Every `part` from the left, none overlapping, becomes `replacement`; an empty part stands nowhere.
  static func replace(_ value: ColumnValue, _ part: ColumnValue, by replacement: ColumnValue, _ arena: TextArena) -> ColumnValue {
    guard value.kind == .string, part.kind == .string, replacement.kind == .string else {
      return nullOrMismatch(value, part, replacement)
    }
    let (text, old, new) = (value.bytes, part.bytes, replacement.bytes)
    var count = 0
    var index = 0
    while let found = find(old, in: text, from: index) {
      count += 1
      index = found + old.count
    }
    if count == 0 { return value }
    let byteCount = text.count + count * (new.count - old.count)
    guard byteCount <= TextArena.textByteCountMax else { return .null(.outOfRange) }
    let out = arena.reserve(byteCount)
    var written = 0
    func append(_ bytes: Bytes) {
      if bytes.count > 0 { memcpy(out + written, bytes.baseAddress!, bytes.count) }
      written += bytes.count
    }
    index = 0
    while let found = find(old, in: text, from: index) {
      append(Bytes(rebasing: text[index..<found]))
      append(new)
      index = found + old.count
    }
    append(Bytes(rebasing: text[index...]))
    return arena.take(written)
  }

  // MARK: - Bytes

  @inline(__always)
  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 }

  @inline(__always)
  private static func part(of text: Bytes, _ range: Range<Int>) -> ColumnValue {
    ColumnValue(string: Bytes(start: text.baseAddress.map { $0 + range.lowerBound }, count: range.count))
  }

  @inline(__always)
  private static func isSame(_ text: Bytes, _ start: Int, _ part: Bytes) -> Bool {
    part.isEmpty || memcmp(text.baseAddress! + start, part.baseAddress!, part.count) == 0
  }

  /// The first place of a part at or after `start`; an empty part stands nowhere.
  private static func find(_ part: Bytes, in text: Bytes, from start: Int) -> Int? {
    guard !part.isEmpty else { return nil }
    var index = start
    while index + part.count <= text.count {
      guard let hit = memchr(text.baseAddress! + index, Int32(part[0]), text.count - part.count + 1 - index) else { return nil }
      let found = UnsafeRawPointer(hit) - UnsafeRawPointer(text.baseAddress!)
      if isSame(text, found, part) { return found }
      index = found + 1
    }
    return nil
  }

  @inline(__always)
  private static func withText(_ value: ColumnValue, _ body: (Bytes) -> ColumnValue) -> ColumnValue {
    if value.kind == .string { return body(value.bytes) }
    return ValueArithmetic.nullOrMismatch(value, value)
  }

  @inline(__always)
  private static func withTexts(_ a: ColumnValue, _ b: ColumnValue, _ body: (Bytes, Bytes) -> ColumnValue) -> ColumnValue {
    if a.kind == .string, b.kind == .string { return body(a.bytes, b.bytes) }
    return ValueArithmetic.nullOrMismatch(a, b)
  }

  private static func nullOrMismatch(_ a: ColumnValue, _ b: ColumnValue, _ c: ColumnValue) -> ColumnValue {
    guard a.isNull || b.isNull || c.isNull else { return .null(.mismatch) }
    return ExpressionProgram.null(ExpressionProgram.null(a, b), c)
  }
}
