// Numbers, lengths and blocks (Apache Avro 1.11 specification, "Binary Encoding"), and types that are passed over.

import Base
import Records

/// Where a reader stands in the blocks of an array or a map.
struct AvroBlocks {
  /// Items of the current block.
  var count = 0
  /// Where the block ends, if it says so.
  var expectedEnd: UnsafePointer<UInt8>?

  func endsAt(_ cursor: UnsafePointer<UInt8>) -> Bool { expectedEnd == nil || expectedEnd == cursor }
}

extension AvroScanner {
  /// Passes over a number that begins before `end`; nil where it has more than 10 bytes. Reads at most 10.
  @inline(__always)
  func skipLong(_ start: Cursor) -> Cursor? {
    if start[0] < 0x80 { return start + 1 }
    let word = UInt64(littleEndian: UnsafeRawPointer(start).loadUnaligned(as: UInt64.self))
    let stops = ~word & 0x8080_8080_8080_8080
    if stops != 0 { return start + (stops.trailingZeroBitCount >> 3 &+ 1) }
    if start[8] < 0x80 { return start + 9 }
    return start[9] <= 1 ? start + 10 : nil
  }

  /// Reads a number: seven bits a byte, the low ones first, its sign in the lowest.
  @inline(__always)
  mutating func long(_ start: Cursor, _ number: inout Int64) -> Cursor? {
    guard start < end else { return fail(end, .truncated) }
    let first = start[0]
    if first < 0x80 {
      number = Int64(first >> 1) ^ -Int64(first & 1)
      return start + 1
    }
    return longerLong(start, &number)
  }

  @inline(never)
  private mutating func longerLong(_ start: Cursor, _ number: inout Int64) -> Cursor? {
    var bits: UInt64 = 0
    var cursor = start
    var shift: UInt64 = 0
    while true {
      let byte = cursor[0]
      // The tenth byte holds the 64th bit.
      if shift == 63, byte > 1 { return tooLong(start) }
      bits |= UInt64(byte & 0x7F) &<< shift
      cursor += 1
      if byte < 0x80 { break }
      shift += 7
    }
    guard cursor <= end else { return fail(end, .truncated) }
    number = Int64(bitPattern: bits &>> 1) ^ -Int64(bitPattern: bits & 1)
    return cursor
  }

  /// Refuses a number of more than 64 bits; where the record ends before it does, what follows is not its own.
  mutating func tooLong(_ start: Cursor) -> Cursor? {
    end - start >= 10 ? fail(start, .varint) : fail(end, .truncated)
  }

  /// Reads a length and passes over as many bytes.
  @inline(__always)
  mutating func bytes(_ start: Cursor, _ byteCount: inout Int) -> Cursor? {
    var number: Int64 = 0
    guard let first = long(start, &number) else { return nil }
    guard number >= 0, number <= Int64(end - first) else { return fail(start, .length) }
    byteCount = Int(number)
    return first + byteCount
  }

  @inline(__always)
  mutating func skipBytes(_ start: Cursor) -> Cursor? {
    var byteCount = 0
    return bytes(start, &byteCount)
  }

  @inline(__always)
  static func double(_ cursor: Cursor) -> Double {
    Double(bitPattern: UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)))
  }

  @inline(__always)
  static func float(_ cursor: Cursor) -> Float {
    Float(bitPattern: UInt32(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt32.self)))
  }

  /// A column's number is finite: NaN and the infinities are null.
  @inline(__always)
  static func number(_ value: Double) -> ColumnValue { value.isFinite ? ColumnValue(double: value) : .null }

  // MARK: - Blocks

  /// Reads the head of the next block; its count is 0 behind the last one.
  mutating func nextBlock(_ start: Cursor, _ blocks: inout AvroBlocks) -> Cursor? {
    var count: Int64 = 0
    guard var cursor = long(start, &count) else { return nil }
    blocks.expectedEnd = nil
    if count < 0 {
      // A negative count is followed by the block's size.
      var byteCount: Int64 = 0
      guard count > .min, let behind = long(cursor, &byteCount), byteCount >= 0, byteCount <= Int64(end - behind) else {
        return fail(start, .length)
      }
      count = -count
      cursor = behind
      blocks.expectedEnd = cursor + Int(byteCount)
    }
    blocks.count = Int(count)
    return cursor
  }

  /// Passes over the blocks of an array or a map.
  private mutating func skipBlocks(_ items: Int, isMap: Bool, _ start: Cursor, depth: Int) -> Cursor? {
    var blocks = AvroBlocks()
    var cursor = start
    while true {
      guard let first = nextBlock(cursor, &blocks) else { return nil }
      cursor = first
      if blocks.count == 0 { return cursor }
      if let end = blocks.expectedEnd {
        cursor = end
        continue
      }
      // Items without bytes take no time, however many they are.
      if !isMap, nodes[items].isEmpty { continue }
      guard blocks.count <= end - cursor else { return fail(cursor, .length) }
      for _ in 0..<blocks.count {
        if isMap {
          guard let behind = skipBytes(cursor) else { return nil }
          cursor = behind
        }
        guard let behind = skip(items, cursor, depth: depth) else { return nil }
        cursor = behind
      }
    }
  }

  // MARK: - Types

  /// Passes over a value of any type.
  mutating func skip(_ type: Int, _ start: Cursor, depth: Int) -> Cursor? {
    let node = nodes[type]
    if node.isEmpty { return start }
    guard depth <= AvroProgram.depthMax else { return fail(start, .depth) }
    switch node.shape {
    case .null: return start
    case .boolean: return skip(byteCount: 1, start)
    case .float: return skip(byteCount: 4, start)
    case .double: return skip(byteCount: 8, start)
    case .fixed: return skip(byteCount: Int(node.count), start)
    case .int, .long, .enumeration:
      var number: Int64 = 0
      return long(start, &number)
    case .bytes, .string: return skipBytes(start)
    case .array: return skipBlocks(Int(node.first), isMap: false, start, depth: depth + 1)
    case .map: return skipBlocks(Int(node.first), isMap: true, start, depth: depth + 1)
    case .union:
      var branch = 0
      guard let behind = self.branch(node, start, &branch) else { return nil }
      return skip(branch, behind, depth: depth + 1)
    case .record:
      var cursor = start
      for field in 0..<Int(node.count) {
        guard let behind = skip(Int(program.children[Int(node.first) + field]), cursor, depth: depth + 1) else { return nil }
        cursor = behind
      }
      return cursor
    }
  }

  private mutating func skip(byteCount: Int, _ start: Cursor) -> Cursor? {
    end - start >= byteCount ? start + byteCount : fail(end, .truncated)
  }

  /// Reads the branch of a union; gives its type.
  mutating func branch(_ node: AvroTypeNode, _ start: Cursor, _ type: inout Int) -> Cursor? {
    var branch: Int64 = 0
    guard let behind = long(start, &branch) else { return nil }
    guard branch >= 0, branch < Int64(node.count) else { return fail(start, .branch) }
    type = Int(program.children[Int(node.first) + Int(branch)])
    return behind
  }
}
