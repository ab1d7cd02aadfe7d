// The scanner proper: recursive descent where fields are wanted, a flat loop everywhere else (`JSONScanner+Skip`).
//
// Every scanning function takes a cursor and returns the cursor behind what it read, or nil after noting a fault. Bounds: values and
// objects end at `end` at the latest; behind it a cursor gets over a guessed key (32 bytes) and the digits of a number (8 before and 8 behind
// its point), then every loop has met its check for `end`. So no load leaves the 64 bytes of padding behind a batch. A record is valid only
// if the cursor stands at `end` when it is through: bytes of a neighbour may have been looked at then, but none was believed.

import Base
import Records

struct JSONScanner {
  typealias Cursor = UnsafePointer<UInt8>

  let nodes: UnsafeMutablePointer<JSONNode>
  /// One flag per level of nesting in a value that is passed over: whether it is an object.
  let depths: UnsafeMutablePointer<Bool>
  /// The first column; nil where nothing is wanted.
  let values: UnsafeMutablePointer<ColumnValue>?
  /// Values from one column to the next.
  let stride: Int
  let powers: PowersOfTen
  /// Where the next string whose escapes were undone goes; there is room for all of them.
  var textEnd: UnsafeMutablePointer<UInt8>
  /// Behind the record.
  var end: Cursor
  var row = 0
  private(set) var faultPosition: Cursor
  private(set) var faultReason = JSONFault.Reason.truncated

  init(
    nodes: UnsafeMutablePointer<JSONNode>, depths: UnsafeMutablePointer<Bool>, values: UnsafeMutablePointer<ColumnValue>?,
    stride: Int,
    powers: PowersOfTen, text: UnsafeMutablePointer<UInt8>
  ) {
    self.nodes = nodes
    self.depths = depths
    self.values = values
    self.stride = stride
    self.powers = powers
    textEnd = text
    end = UnsafePointer(text)
    faultPosition = end
  }

  /// Reads the object from `start` to `end` into the row. False where that is not exactly one JSON object.
  @inline(__always)
  mutating func record(_ start: Cursor) -> Bool {
    let opening = Self.skipWhitespace(start, end)
    guard opening < end, opening[0] == UInt8(ascii: "{"), let closed = object(opening + 1, node: 0, depth: 1) else { return false }
    if closed == end { return true }
    return Self.skipWhitespace(closed, end) == end
  }

  /// Checks that `start` to `end` is exactly one JSON value of any kind.
  mutating func anyValue(_ start: Cursor) -> Bool {
    let opening = Self.skipWhitespace(start, end)
    guard opening < end else { return fail(end, .truncated) != nil }
    guard let closed = skipValue(opening, depth: 0) else { return false }
    let behind = Self.skipWhitespace(closed, end)
    if behind < end { _ = fail(behind, .trailingBytes) }
    if behind > end { _ = fail(end, .truncated) }
    return behind == end
  }

  /// Makes the values of all fields below `node` missing.
  mutating func clear(node: Int) {
    guard let values else { return }
    let node = nodes[node]
    for index in 0..<node.columnCount { values[Int(node.columns[index]) &* stride &+ row] = ColumnValue(kind: .missing) }
  }

  // MARK: - Objects with wanted fields

  /// Reads an object's fields; `start` is behind its brace, `depth` counts it.
  mutating func object(_ start: Cursor, node nodeIndex: Int, depth: Int) -> Cursor? {
    guard depth <= JSONColumnReader.depthMax else { return fail(start, .depth) }
    let node = nodes + nodeIndex
    let keys = node.pointee.keys
    var cursor = Self.skipWhitespace(start, end)
    if cursor < end, cursor[0] == UInt8(ascii: "}") { return cursor + 1 }
    var previous = 0
    while cursor < end {
      var key = Int(keys[previous].next)
      if keys[key].matches(cursor) {
        cursor += Int(keys[key].tokenCount)
        previous = key
      } else {
        guard let behind = lookUpKey(cursor, node, &key) else { return nil }
        cursor = behind
        if key != 0 {
          keys[previous].next = Int32(truncatingIfNeeded: key)
          previous = key
        }
      }
      cursor = Self.skipWhitespace(cursor, end)
      guard let behind = value(cursor, column: keys[key].column, child: keys[key].child, depth: depth) else { return nil }
      cursor = Self.skipWhitespace(behind, end)
      if cursor[0] == UInt8(ascii: ",") {
        cursor = Self.skipWhitespace(cursor + 1, end)
      } else if cursor < end, cursor[0] == UInt8(ascii: "}") {
        return cursor + 1
      } else {
        return fail(cursor, .unexpectedByte)
      }
    }
    return fail(end, .truncated)
  }

  /// Scans `"key" :` and finds the key among the node's; learns it where it is new. `index` becomes 0 where it stays unknown.
  @inline(never)
  private mutating func lookUpKey(_ start: Cursor, _ node: UnsafeMutablePointer<JSONNode>, _ index: inout Int) -> Cursor? {
    guard start[0] == UInt8(ascii: "\"") else { return fail(start, .keyExpected) }
    var escapes = false
    guard let behind = string(start + 1, &escapes) else { return nil }
    let byteCount = behind - start - 2
    if escapes {
      index = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: byteCount) { plain in
        let plainCount = Self.unescape(start + 1, byteCount, to: plain.baseAddress!)
        return node.pointee.find(plain.baseAddress!, plainCount)
      }
    } else {
      index = node.pointee.find(start + 1, byteCount)
      if index == 0 { index = node.pointee.learn(start + 1, byteCount) }
    }
    let colon = Self.skipWhitespace(behind, end)
    guard colon[0] == UInt8(ascii: ":") else { return fail(colon, .colonExpected) }
    return colon + 1
  }

  /// Reads the value of a known key: into its column, into the columns below it, or past it.
  @inline(__always)
  private mutating func value(_ start: Cursor, column: Int32, child: Int32, depth: Int) -> Cursor? {
    if column & child < 0 { return skipValue(start, depth: depth) }
    if child >= 0 { return branch(start, column: column, child: Int(child), depth: depth) }
    return leaf(start, into: values.unsafelyUnwrapped + (Int(column) &* stride &+ row), depth: depth)
  }

  /// Reads a value that has wanted fields of its own, if it is an object, and may be wanted itself.
  private mutating func branch(_ start: Cursor, column: Int32, child: Int, depth: Int) -> Cursor? {
    // A second object under the same key replaces the first one with all its fields.
    clear(node: child)
    guard start[0] == UInt8(ascii: "{") else {
      if column < 0 { return skipValue(start, depth: depth) }
      return leaf(start, into: values.unsafelyUnwrapped + (Int(column) &* stride &+ row), depth: depth)
    }
    guard let behind = object(start + 1, node: child, depth: depth + 1) else { return nil }
    if column >= 0 {
      let value = ColumnValue(
        kind: .composite, bits: UInt64(UInt(bitPattern: start)), byteCount: UInt32(truncatingIfNeeded: behind - start))
      values.unsafelyUnwrapped[Int(column) &* stride &+ row] = value
    }
    return behind
  }

  /// Reads a wanted value.
  @inline(__always)
  private mutating func leaf(_ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>, depth: Int) -> Cursor? {
    let first = start[0]
    if first == UInt8(ascii: "\"") {
      var escapes = false
      guard let behind = string(start + 1, &escapes) else { return nil }
      var bytes = start + 1
      var byteCount = behind - start - 2
      if escapes { (bytes, byteCount) = storeUnescaped(bytes, byteCount) }
      value.pointee = ColumnValue(
        kind: .string, bits: UInt64(UInt(bitPattern: bytes)), byteCount: UInt32(truncatingIfNeeded: byteCount))
      return behind
    }
    if first &- 0x30 < 10 || first == UInt8(ascii: "-") { return number(start, into: value) }
    return otherLeaf(start, into: value, depth: depth)
  }

  @inline(never)
  private mutating func otherLeaf(_ start: Cursor, into value: UnsafeMutablePointer<ColumnValue>, depth: Int) -> Cursor? {
    guard let behind = skipValue(start, depth: depth) else { return nil }
    switch start[0] {
    case UInt8(ascii: "t"): value.pointee = ColumnValue(bool: true)
    case UInt8(ascii: "f"): value.pointee = ColumnValue(bool: false)
    case UInt8(ascii: "n"): value.pointee = .null
    default:
      value.pointee = ColumnValue(
        kind: .composite, bits: UInt64(UInt(bitPattern: start)), byteCount: UInt32(truncatingIfNeeded: behind - start))
    }
    return behind
  }

  // MARK: - Helpers

  /// The first byte from `cursor` on that is not white space; `cursor` itself where that is at or behind `end`. Static, as calling a
  /// method that does not mutate copies the scanner.
  @inline(__always)
  static func skipWhitespace(_ cursor: Cursor, _ end: Cursor) -> Cursor {
    cursor[0] > 0x20 ? cursor : skipManyWhitespace(cursor, end)
  }

  @inline(never)
  private static func skipManyWhitespace(_ start: Cursor, _ end: Cursor) -> Cursor {
    var cursor = start
    while cursor < end, cursor[0] == 0x20 || cursor[0] == 0x0A || cursor[0] == 0x0D || cursor[0] == 0x09 { cursor += 1 }
    return cursor
  }

  /// Notes what went wrong, and where.
  @inline(never)
  mutating func fail(_ position: Cursor, _ reason: JSONFault.Reason) -> Cursor? {
    faultPosition = position
    faultReason = position >= end ? .truncated : reason
    return nil
  }
}
