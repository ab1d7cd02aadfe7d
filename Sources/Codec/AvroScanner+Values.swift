// Values of any type, into a column or as JSON. What a logical type means is said once, here:
//
//   timestamp-*      integer, ms since the epoch, rounded down          date         text, 2026-01-31
//   time-*           text, 13:05:09.250                                 decimal      number: an integer where it has no decimals
//   uuid             text                                               bytes, fixed text in base 64; enumerations: their symbol

import Base
import Records

extension AvroScanner {
  /// Reads a value of any type into a column.
  mutating func take(
    _ type: Int, _ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>, depth: Int
  ) -> Cursor? {
    guard depth <= AvroProgram.depthMax else { return fail(start, .depth) }
    let node = nodes[type]
    switch node.shape {
    case .union:
      var branch = 0
      guard let behind = self.branch(node, start, &branch) else { return nil }
      return take(branch, behind, into: value, depth: depth + 1)
    case .string:
      var byteCount = 0
      guard let behind = text(start, &byteCount) else { return nil }
      value.pointee = ColumnValue(
        kind: .string, bits: UInt64(UInt(bitPattern: behind - byteCount)), byteCount: UInt32(truncatingIfNeeded: byteCount))
      return behind
    case .enumeration:
      var symbol = AvroText(start: start, count: 0)
      guard let behind = self.symbol(node, start, &symbol) else { return nil }
      value.pointee = ColumnValue(string: UnsafeBufferPointer(start: symbol.start, count: symbol.count))
      return behind
    case .array, .map, .record:
      let textStart = text.buffer.count
      guard let behind = json(type, start, depth: depth) else { return nil }
      text.store(.composite, from: textStart, into: value)
      return behind
    default: return scalar(node, start, into: value)
    }
  }

  /// Reads what is neither made of others nor a text of its own: `value` gets a number, a boolean, null or a text in the buffer.
  private mutating func scalar(_ node: AvroTypeNode, _ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>) -> Cursor? {
    switch node.shape {
    case .null:
      value.pointee = .null
      return start
    case .boolean:
      guard start < end else { return fail(end, .truncated) }
      guard start[0] <= 1 else { return fail(start, .bool) }
      value.pointee = ColumnValue(bool: start[0] == 1)
      return start + 1
    case .float:
      guard end - start >= 4 else { return fail(end, .truncated) }
      value.pointee = Self.number(Double(Self.float(start)))
      return start + 4
    case .double:
      guard end - start >= 8 else { return fail(end, .truncated) }
      value.pointee = Self.number(Self.double(start))
      return start + 8
    case .int, .long: return integer(node, start, into: value)
    case .bytes:
      var byteCount = 0
      guard let behind = bytes(start, &byteCount) else { return nil }
      return opaque(node, behind - byteCount, byteCount, into: value)
    case .fixed:
      guard end - start >= Int(node.count) else { return fail(end, .truncated) }
      return opaque(node, start, Int(node.count), into: value)
    case .string, .enumeration, .array, .map, .union, .record: preconditionFailure("a \(node.shape) is no scalar")
    }
  }

  private mutating func integer(_ node: AvroTypeNode, _ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>) -> Cursor? {
    var number: Int64 = 0
    guard let behind = long(start, &number) else { return nil }
    if node.shape == .int, number != Int64(Int32(truncatingIfNeeded: number)) { return fail(start, .intRange) }
    switch node.meaning {
    case .timestampMicroseconds: value.pointee = ColumnValue(integer: floorDivide(number, 1000))
    case .timestampNanoseconds: value.pointee = ColumnValue(integer: floorDivide(number, 1_000_000))
    case .date:
      let textStart = text.buffer.count
      appendDate(number)
      text.store(.string, from: textStart, into: value)
    case .timeMilliseconds, .timeMicroseconds:
      let textStart = text.buffer.count
      appendTime(node.meaning == .timeMilliseconds ? number : floorDivide(number, 1000))
      text.store(.string, from: textStart, into: value)
    default: value.pointee = ColumnValue(integer: number)
    }
    return behind
  }

  /// Bytes that are no text: a decimal, a UUID, or anything.
  private mutating func opaque(
    _ node: AvroTypeNode, _ start: Cursor, _ byteCount: Int, into value: UnsafeMutablePointer<ColumnValue>
  ) -> Cursor? {
    let bytes = UnsafeBufferPointer(start: start, count: byteCount)
    let textStart = text.buffer.count
    switch node.meaning {
    case .decimal:
      guard let number = AvroDecimal.value(bytes, scale: Int(node.scale)) else { return fail(start, .decimal) }
      value.pointee = number
    case .uuid:
      appendUUID(bytes)
      text.store(.string, from: textStart, into: value)
    default:
      Base64.append(bytes, to: text.buffer)
      text.store(.string, from: textStart, into: value)
    }
    return start + byteCount
  }

  /// Reads a string; it must be UTF-8.
  private mutating func text(_ start: Cursor, _ byteCount: inout Int) -> Cursor? {
    guard let behind = bytes(start, &byteCount) else { return nil }
    guard UTF8Check.isValid(behind - byteCount, count: byteCount) else { return fail(behind - byteCount, .encoding) }
    return behind
  }

  private mutating func symbol(_ node: AvroTypeNode, _ start: Cursor, _ symbol: inout AvroText) -> Cursor? {
    var number: Int64 = 0
    guard let behind = long(start, &number) else { return nil }
    guard number >= 0, number < Int64(node.count) else { return fail(start, .symbol) }
    symbol = program.texts[Int(node.firstText) + Int(number)]
    return behind
  }

  // MARK: - JSON

  /// Appends a value of any type as JSON.
  private mutating func json(_ type: Int, _ start: Cursor, depth: Int) -> Cursor? {
    let out = text.buffer
    guard depth <= AvroProgram.depthMax else { return fail(start, .depth) }
    guard out.count <= textCountMax else { return fail(start, .size) }
    let node = nodes[type]
    switch node.shape {
    case .union:
      var branch = 0
      guard let behind = self.branch(node, start, &branch) else { return nil }
      return json(branch, behind, depth: depth + 1)
    case .string:
      var byteCount = 0
      guard let behind = text(start, &byteCount) else { return nil }
      JSONText.appendQuoted(UnsafeBufferPointer(start: behind - byteCount, count: byteCount), to: out)
      return behind
    case .enumeration:
      var symbol = AvroText(start: start, count: 0)
      guard let behind = self.symbol(node, start, &symbol) else { return nil }
      JSONText.appendQuoted(UnsafeBufferPointer(start: symbol.start, count: symbol.count), to: out)
      return behind
    case .record:
      var cursor = start
      out.append(UInt8(ascii: "{"))
      for field in 0..<Int(node.count) {
        if field > 0 { out.append(UInt8(ascii: ",")) }
        let name = program.texts[Int(node.firstText) + field]
        out.append(name.start, count: name.count)
        guard let behind = json(Int(program.children[Int(node.first) + field]), cursor, depth: depth + 1) else { return nil }
        cursor = behind
      }
      out.append(UInt8(ascii: "}"))
      return cursor
    case .array, .map: return jsonBlocks(node, start, depth: depth + 1)
    default: return jsonScalar(node, start)
    }
  }

  private mutating func jsonBlocks(_ node: AvroTypeNode, _ start: Cursor, depth: Int) -> Cursor? {
    let out = text.buffer
    let isMap = node.shape == .map
    var blocks = AvroBlocks()
    var cursor = start
    var isFirst = true
    out.append(isMap ? UInt8(ascii: "{") : UInt8(ascii: "["))
    while true {
      guard let first = nextBlock(cursor, &blocks) else { return nil }
      cursor = first
      if blocks.count == 0 { break }
      if isMap || !nodes[Int(node.first)].isEmpty, blocks.count > end - cursor { return fail(cursor, .length) }
      for _ in 0..<blocks.count {
        if !isFirst { out.append(UInt8(ascii: ",")) }
        isFirst = false
        if isMap {
          var byteCount = 0
          guard let behind = text(cursor, &byteCount) else { return nil }
          JSONText.appendQuoted(UnsafeBufferPointer(start: behind - byteCount, count: byteCount), to: out)
          out.append(UInt8(ascii: ":"))
          cursor = behind
        }
        guard let behind = json(Int(node.first), cursor, depth: depth) else { return nil }
        cursor = behind
      }
      guard blocks.endsAt(cursor) else { return fail(cursor, .block) }
    }
    out.append(isMap ? UInt8(ascii: "}") : UInt8(ascii: "]"))
    return cursor
  }

  private mutating func jsonScalar(_ node: AvroTypeNode, _ start: Cursor) -> Cursor? {
    let out = text.buffer
    let (textCount, textStart) = (text.count, out.count)
    // A text goes behind the quote that begins it: whether it is one shows when it is there.
    out.append(UInt8(ascii: "\""))
    var value = ColumnValue.null
    let closed = withUnsafeMutablePointer(to: &value) { scalar(node, start, into: $0) }
    guard let closed else { return nil }
    if value.kind == .string {
      // Base 64, dates, times and UUIDs need no escapes.
      text.rewind(count: textCount, byteCount: out.count)
      out.append(UInt8(ascii: "\""))
      return closed
    }
    out.count = textStart
    out.reserve(32)
    switch value.kind {
    case .bool: out.append(value.bool ? "true" : "false")
    case .integer: out.count += NumberText.write(value.integer, to: out.base + out.count)
    case .double: out.count += NumberText.writeShortest(value.double, to: out.base + out.count)
    default: out.append("null")
    }
    return closed
  }

  // MARK: - Texts

  /// `2026-01-31`; years before 0 and after 9999 with their sign.
  private func appendDate(_ days: Int64) {
    let date = CivilDate(daysSinceEpoch: days)
    let sign = date.year < 0 ? "-" : date.year > 9999 ? "+" : ""
    text.buffer.append(sign)
    appendDigits(abs(date.year), 4)
    text.buffer.append(UInt8(ascii: "-"))
    appendDigits(date.month, 2)
    text.buffer.append(UInt8(ascii: "-"))
    appendDigits(date.day, 2)
  }

  /// `13:05:09.250`; what is no time of a day has more hours, or a sign.
  private func appendTime(_ milliseconds: Int64) {
    if milliseconds < 0 { text.buffer.append(UInt8(ascii: "-")) }
    let time = milliseconds.magnitude
    appendDigits(Int(time / 3_600_000), 2)
    text.buffer.append(UInt8(ascii: ":"))
    appendDigits(Int(time / 60_000 % 60), 2)
    text.buffer.append(UInt8(ascii: ":"))
    appendDigits(Int(time / 1000 % 60), 2)
    text.buffer.append(UInt8(ascii: "."))
    appendDigits(Int(time % 1000), 3)
  }

  private func appendDigits(_ number: Int, _ minimumDigits: Int) {
    text.buffer.reserve(32)
    text.buffer.count += NumberText.write(
      UInt64(number), minimumDigits: minimumDigits, to: text.buffer.base + text.buffer.count)
  }

  private func appendUUID(_ bytes: UnsafeBufferPointer<UInt8>) {
    let digits: StaticString = "0123456789abcdef"
    for (index, byte) in bytes.enumerated() {
      if [4, 6, 8, 10].contains(index) { text.buffer.append(UInt8(ascii: "-")) }
      text.buffer.append(digits.utf8Start[Int(byte >> 4)])
      text.buffer.append(digits.utf8Start[Int(byte & 15)])
    }
  }
}
