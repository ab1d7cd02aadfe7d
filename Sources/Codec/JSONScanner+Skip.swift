// Values that nobody wants: checked as strictly as wanted ones, but nothing is kept of them. One loop walks through objects and arrays
// of any depth; what it stands in is noted in `depths`, so that no input deepens the stack.

import Records

extension JSONScanner {
  /// Passes one value. `depth` counts the objects and arrays around it.
  @inline(__always)
  mutating func skipValue(_ start: Cursor, depth: Int) -> Cursor? {
    let first = start[0]
    if first == UInt8(ascii: "\"") {
      var escapes = false
      return string(start + 1, &escapes)
    }
    if first &- 0x30 < 10 || first == UInt8(ascii: "-") { return skipNumber(start) }
    if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") { return skipComposite(start, depth: depth) }
    return word(start)
  }

  /// Passes `true`, `false` or `null`.
  @inline(never)
  private mutating func word(_ start: Cursor) -> Cursor? {
    let raw = UnsafeRawPointer(start)
    let four = UInt32(littleEndian: raw.loadUnaligned(as: UInt32.self))
    if four == 0x6575_7274 || four == 0x6C6C_756E { return behind(start, 4) }
    let five = UInt32(littleEndian: (raw + 1).loadUnaligned(as: UInt32.self))
    if start[0] == UInt8(ascii: "f"), five == 0x6573_6C61 { return behind(start, 5) }
    return fail(start, .unexpectedByte)
  }

  @inline(__always)
  private mutating func behind(_ start: Cursor, _ count: Int) -> Cursor? {
    let cursor = start + count
    return cursor <= end ? cursor : fail(end, .truncated)
  }

  /// Passes an object or an array with everything in it.
  @inline(never)
  private mutating func skipComposite(_ start: Cursor, depth outerDepth: Int) -> Cursor? {
    var depth = outerDepth
    var cursor = start
    while cursor < end {
      // Here a value begins.
      let first = cursor[0]
      if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
        depth += 1
        guard depth <= JSONColumnReader.depthMax else { return fail(cursor, .depth) }
        let isObject = first == UInt8(ascii: "{")
        depths[depth] = isObject
        cursor = Self.skipWhitespace(cursor + 1, end)
        // Closing brackets are their opening ones plus 2.
        if cursor[0] != first &+ 2 {
          if isObject {
            guard let behind = skipKey(cursor) else { return nil }
            cursor = behind
          }
          continue
        }
        cursor += 1
        depth -= 1
      } else {
        guard let behind = skipScalar(cursor) else { return nil }
        cursor = behind
      }
      // Here a value has ended.
      while true {
        if depth == outerDepth { return cursor <= end ? cursor : fail(end, .truncated) }
        cursor = Self.skipWhitespace(cursor, end)
        let isObject = depths[depth]
        if cursor[0] == UInt8(ascii: ",") {
          cursor = Self.skipWhitespace(cursor + 1, end)
          if isObject {
            guard let behind = skipKey(cursor) else { return nil }
            cursor = behind
          }
          break
        }
        guard cursor < end, cursor[0] == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
          return fail(cursor, .unexpectedByte)
        }
        cursor += 1
        depth -= 1
      }
    }
    return fail(end, .truncated)
  }

  @inline(__always)
  private mutating func skipScalar(_ start: Cursor) -> Cursor? {
    let first = start[0]
    if first == UInt8(ascii: "\"") {
      var escapes = false
      return string(start + 1, &escapes)
    }
    if first &- 0x30 < 10 || first == UInt8(ascii: "-") { return skipNumber(start) }
    return word(start)
  }

  /// Passes `"key" :` and the white space behind it.
  @inline(__always)
  private mutating func skipKey(_ start: Cursor) -> Cursor? {
    guard start[0] == UInt8(ascii: "\"") else { return fail(start, .keyExpected) }
    var escapes = false
    guard let behind = string(start + 1, &escapes) else { return nil }
    let colon = Self.skipWhitespace(behind, end)
    guard colon[0] == UInt8(ascii: ":") else { return fail(colon, .colonExpected) }
    return Self.skipWhitespace(colon + 1, end)
  }
}
