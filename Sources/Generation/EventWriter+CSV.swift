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

  /// Where a segment lies, as bytes from the start of its record. Records are not aligned.
  private struct SegmentPlace: BitwiseCopyable {
    var start: UInt32
    var count: UInt32
  }

  /// Begins a record whose cells come in another order than their columns: the places of its segments stand before them.
  @inline(__always)
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

  /// Notes that what was written since the last one is this segment.
  @inline(__always)
  static func endCell(segment: Int, at out: UnsafeMutablePointer<UInt8>, _ stack: UnsafeMutablePointer<UInt64>) {
    let record = UnsafeMutablePointer<UInt8>(bitPattern: UInt(stack[-2])).unsafelyUnwrapped
    let start = UnsafeMutablePointer<UInt8>(bitPattern: UInt(stack[-1])).unsafelyUnwrapped
    let place = SegmentPlace(
      start: UInt32(truncatingIfNeeded: start - record), count: UInt32(truncatingIfNeeded: out - start))
    UnsafeMutableRawPointer(record).storeBytes(of: place, toByteOffset: segment &* 8, as: SegmentPlace.self)
    stack[-1] = UInt64(UInt(bitPattern: out))
  }

  /// Writes the segments in order behind themselves, and moves them to where the record began. The key moves with its segment.
  @inline(never)
  static func endCells(
    _ op: UnsafePointer<FieldOp>, at end: UnsafeMutablePointer<UInt8>, _ stack: inout UnsafeMutablePointer<UInt64>,
    _ context: inout EventContext
  ) -> UnsafeMutablePointer<UInt8> {
    stack -= 2
    let record = UnsafeMutablePointer<UInt8>(bitPattern: UInt(stack[0])).unsafelyUnwrapped
    let segments = UnsafePointer<CellSegment>(bitPattern: UInt(op.pointee.parameter)).unsafelyUnwrapped
    let count = Int(truncatingIfNeeded: op.pointee.second & 0xffff_ffff)
    let keySegment = Int64(bitPattern: op.pointee.rowSeed)
    var out = end
    var keyShift = 0
    func separate(_ count: Int) {
      for _ in 0..<count {
        out.pointee = UInt8(ascii: ",")
        out += 1
      }
    }
    for index in 0..<count {
      let segment = segments[index]
      separate(Int(segment.separators))
      let place = UnsafeRawPointer(record).loadUnaligned(fromByteOffset: Int(segment.index) &* 8, as: SegmentPlace.self)
      if Int64(segment.index) == keySegment { keyShift = out - end &- Int(place.start) }
      copyPadded(record + Int(place.start), out, count: Int(place.count))
      out += Int(place.count)
    }
    separate(Int(truncatingIfNeeded: op.pointee.second >> 32))
    memmove(record, end, out - end)
    if context.keyCount >= 0 { context.keyStart += keyShift }
    return record + (out - end)
  }
}
