// The ops of CSV lines that look at what was written: quotes where a cell needs them, cells put in the order of their columns, keys.

import Base

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension EventWriter {
  /// Puts the bytes from `start` to `end` in quotes where one of them is special or there are none; returns the cursor behind them.
  @inline(never)
  static func quoteCell(
    _ start: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    let quote = UInt8(ascii: "\"")
    var quotes = 0
    var isSpecial = start == end
    var cursor = start
    while cursor < end {
      if CSVColumns.isSpecial(cursor.pointee) {
        isSpecial = true
        if cursor.pointee == quote { quotes &+= 1 }
      }
      cursor += 1
    }
    guard isSpecial else { return end }
    // From the back, so that no byte is written over before it has moved.
    let last = end + quotes + 1
    var target = last
    target.pointee = quote
    cursor = end
    while cursor > start {
      cursor -= 1
      target -= 1
      target.pointee = cursor.pointee
      if cursor.pointee == quote {
        target -= 1
        target.pointee = quote
      }
    }
    start.pointee = quote
    return last + 1
  }

  /// The key is the text of a cell; an empty one without quotes is none.
  @inline(never)
  static func endCellKey(_ start: UnsafeMutablePointer<UInt8>, _ end: UnsafeMutablePointer<UInt8>, _ context: inout EventContext) {
    let count = end - start
    context.keyStart = start
    context.keyForm = .inPlace
    context.keyCount = count > 0 ? Int32(truncatingIfNeeded: count) : -1
    guard count >= 2, start.pointee == UInt8(ascii: "\"") else { return }
    context.keyStart = start + 1
    context.keyCount = Int32(truncatingIfNeeded: count &- 2)
    if memchr(start + 1, Int32(UInt8(ascii: "\"")), count &- 2) != nil { context.keyForm = .doubledQuotes }
  }

  /// Where a cell lies, as bytes from the start of its record. Records are not aligned.
  private struct CellPlace: BitwiseCopyable {
    var start: UInt32
    var count: UInt32
  }

  /// Begins a record whose cells come in another order than their columns: their places stand before them.
  @inline(never)
  static func beginCells(
    count: Int, at out: UnsafeMutablePointer<UInt8>, _ stack: inout UnsafeMutablePointer<UInt64>
  ) -> UnsafeMutablePointer<UInt8> {
    memset(out, 0, count &* 8)
    let cells = out + count &* 8
    stack[0] = UInt64(UInt(bitPattern: out))
    stack[1] = UInt64(UInt(bitPattern: cells))
    stack += 2
    return cells
  }

  /// Notes that what was written since the last cell is that of `column`.
  @inline(never)
  static func endCell(column: Int, at out: UnsafeMutablePointer<UInt8>, _ stack: UnsafeMutablePointer<UInt64>) {
    let record = UnsafeMutablePointer<UInt8>(bitPattern: UInt(stack[-2])).unsafelyUnwrapped
    let start = UnsafeMutablePointer<UInt8>(bitPattern: UInt(stack[-1])).unsafelyUnwrapped
    let place = CellPlace(start: UInt32(start - record), count: UInt32(out - start))
    UnsafeMutableRawPointer(record).storeBytes(of: place, toByteOffset: column &* 8, as: CellPlace.self)
    stack[-1] = UInt64(UInt(bitPattern: out))
  }

  /// Writes the cells in order behind themselves, and moves them to where the record began.
  @inline(never)
  static func endCells(
    count: Int, keyColumn: Int, at end: UnsafeMutablePointer<UInt8>, _ stack: inout UnsafeMutablePointer<UInt64>,
    _ context: inout EventContext
  ) -> UnsafeMutablePointer<UInt8> {
    stack -= 2
    let record = UnsafeMutablePointer<UInt8>(bitPattern: UInt(stack[0])).unsafelyUnwrapped
    var out = end
    var key = (start: 0, count: 0)
    for column in 0..<count {
      if column > 0 {
        out.pointee = UInt8(ascii: ",")
        out += 1
      }
      let place = UnsafeRawPointer(record).loadUnaligned(fromByteOffset: column &* 8, as: CellPlace.self)
      if column == keyColumn { key = (out - end, Int(place.count)) }
      memcpy(out, record + Int(place.start), Int(place.count))
      out += Int(place.count)
    }
    memmove(record, end, out - end)
    if keyColumn >= 0 { endCellKey(record + key.start, record + key.start + key.count, &context) }
    return record + (out - end)
  }
}
