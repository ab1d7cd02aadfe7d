// A record along its learned steps. Nothing is believed that was not compared or checked: literals byte by byte, values by the functions of
// the general scanner or, where they look as they did last time, all their bytes at once. A record that finds no step is left to the general
// scanner, which reads it from its beginning; so what is refused, and why, does not depend on what was learned.
//
// Bounds: a step begins before `end`, its literal has at most 32 bytes, and a value that looks as expected is at most 16 bytes or ends before
// `end`; with the 16 bytes that are looked at behind a value no load leaves the 64 bytes of padding behind a batch.

import CVectors
import Records

extension JSONScanner {
  /// Reads the record from `start` to `end` into the row along `steps`. False where a step is missing; values of the row may have been set
  /// then.
  mutating func follow(_ steps: UnsafeMutablePointer<JSONStep>, from start: Cursor) -> Bool {
    var step = steps
    var cursor = start
    var opened: UInt64 = 0
    while true {
      fitting: do {
        guard cursor < end, step.pointee.matches(cursor) else { break fitting }
        let value = cursor + Int(step.pointee.literalCount)
        if step.pointee.opened != 0 {
          // A second object under the same key replaces the first one with all its fields: too rare to have steps.
          guard opened & step.pointee.opened == 0 else { return false }
          opened |= step.pointee.opened
        }
        switch step.pointee.kind {
        case .string:
          guard let closing = stepString(value, step) else { return false }
          cursor = closing
        case .number:
          if step.pointee.isSteady, steadyNumber(value, step) {
            step.pointee.hitCount &+= 1
            cursor = value + Int(step.pointee.valueCount)
          } else if let behind = plainNumber(value, step) {
            cursor = behind
          } else {
            guard value[0] &- 0x30 < 10 || value[0] == UInt8(ascii: "-") else { break fitting }
            guard let behind = searchNumber(value, step) else { return false }
            cursor = behind
          }
        case .nothing: cursor = value
        case .null:
          set(.null, step.pointee.column)
          cursor = value
        case .true:
          set(ColumnValue(bool: true), step.pointee.column)
          cursor = value
        case .false:
          set(ColumnValue(bool: false), step.pointee.column)
          cursor = value
        case .jump:
          step = steps + Int(step.pointee.target)
          continue
        case .end:
          if value == end { return true }
          break fitting
        }
        step += 1
        continue
      }
      guard step.pointee.alternative != 0 else { return false }
      step = steps + Int(step.pointee.alternative)
    }
  }

  @inline(__always)
  private func place(_ column: Int32) -> UnsafeMutablePointer<ColumnValue> {
    values.unsafelyUnwrapped + (Int(column) &* stride &+ row)
  }

  @inline(__always)
  private func set(_ value: ColumnValue, _ column: Int32) { place(column).pointee = value }

  @inline(__always)
  private func setString(_ start: Cursor, _ byteCount: Int, _ column: Int32) {
    set(
      ColumnValue(kind: .string, bits: UInt64(UInt(bitPattern: start)), byteCount: UInt32(truncatingIfNeeded: byteCount)), column)
  }

  // MARK: - Strings

  /// Reads a string; `start` is behind its opening quote. Returns the cursor at the closing one.
  @inline(__always)
  private mutating func stepString(_ start: Cursor, _ step: UnsafeMutablePointer<JSONStep>) -> Cursor? {
    let count = Int(step.pointee.valueCount)
    let closing = start + count
    if step.pointee.isSteady, closing < end, cvectors_is_plain(start, count), closing[0] == UInt8(ascii: "\"") {
      step.pointee.hitCount &+= 1
      if step.pointee.column >= 0 { setString(start, count, step.pointee.column) }
      return closing
    }
    return searchString(start, step)
  }

  /// The same for a string of any length.
  @inline(__always)
  private mutating func searchString(_ start: Cursor, _ step: UnsafeMutablePointer<JSONStep>) -> Cursor? {
    var escapes = false
    guard let behind = blockString(start, &escapes) else { return nil }
    let closing = behind - 1
    if step.pointee.isSteady {
      step.pointee.missCount &+= 1
      step.pointee.valueCount = Int32(truncatingIfNeeded: closing - start)
    }
    guard step.pointee.column >= 0 else { return closing }
    var bytes = start
    var byteCount = closing - start
    if escapes { (bytes, byteCount) = storeUnescaped(bytes, byteCount) }
    setString(bytes, byteCount, step.pointee.column)
    return closing
  }

  /// As `string`, by blocks.
  @inline(__always)
  private mutating func blockString(_ start: Cursor, _ escapes: inout Bool) -> Cursor? {
    var cursor = start
    while cursor < end {
      let special = cvectors_special(cursor)
      guard special != 0 else {
        cursor += 16
        continue
      }
      cursor += special.trailingZeroBitCount
      guard cursor[0] == UInt8(ascii: "\"") else { return unusualString(cursor, &escapes) }
      return cursor < end ? cursor + 1 : nil
    }
    return nil
  }

  // MARK: - Numbers

  /// Reads a number of any form, of which the first byte has been looked at.
  @inline(never)
  private mutating func searchNumber(_ start: Cursor, _ step: UnsafeMutablePointer<JSONStep>) -> Cursor? {
    let column = step.pointee.column
    guard let behind = column >= 0 ? number(start, into: place(column)) : skipNumber(start) else { return nil }
    if step.pointee.isSteady {
      step.pointee.missCount &+= 1
      step.pointee.expect(number: UnsafeBufferPointer(start: start, count: behind - start))
    }
    return behind
  }

  /// Reads a number with as many digits, and its point at the same place, as the last one at `step`. Gives what `number` gives.
  @inline(__always)
  private func steadyNumber(_ start: Cursor, _ step: UnsafeMutablePointer<JSONStep>) -> Bool {
    let count = Int(step.pointee.valueCount)
    guard cvectors_digits(start) & step.pointee.numberBits == step.pointee.digitBits else { return false }
    let behind = start[count]
    let point = Int(step.pointee.pointIndex)
    // A comma, or one of the brackets ] and }, which differ in one bit: neither a digit nor an exponent follows.
    guard behind == UInt8(ascii: ",") || behind | 0x20 == UInt8(ascii: "}"),
      start[0] != UInt8(ascii: "0") || step.pointee.mayBeginWithZero, point < 0 || start[point] == UInt8(ascii: ".")
    else { return false }
    guard step.pointee.column >= 0 else { return true }
    if point >= 0 {
      let fractionCount = count &- point &- 1
      let mantissa = Self.digits(start, point) &* powers.integers[fractionCount] &+ Self.digits(start + (point &+ 1), fractionCount)
      // Both are exact, so the quotient is rounded once.
      set(ColumnValue(double: Double(mantissa) / powers.doubles[fractionCount]), step.pointee.column)
    } else if count <= 8 {
      set(ColumnValue(integer: Int64(bitPattern: Self.digits(start, count))), step.pointee.column)
    } else {
      let magnitude = Self.digits(start, 8) &* powers.integers[count &- 8] &+ Self.digits(start + 8, count &- 8)
      set(ColumnValue(integer: Int64(bitPattern: magnitude)), step.pointee.column)
    }
    return true
  }

  /// Reads a number without a sign, an exponent or many digits, whatever the last one looked like. Gives what `number` gives; nil, with
  /// nothing done, where that has to look.
  @inline(__always)
  private func plainNumber(_ start: Cursor, _ step: UnsafeMutablePointer<JSONStep>) -> Cursor? {
    let others = ~cvectors_digits(start)
    let integerCount = others.trailingZeroBitCount
    guard integerCount > 0, integerCount < 15, start[0] != UInt8(ascii: "0") || integerCount == 1 else { return nil }
    var count = integerCount
    var fractionCount = 0
    if start[integerCount] == UInt8(ascii: ".") {
      // The digits before and behind the point fit a word each, and all of them a double.
      fractionCount = (others &>> UInt32(truncatingIfNeeded: integerCount &+ 1)).trailingZeroBitCount
      count = integerCount &+ 1 &+ fractionCount
      guard fractionCount > 0, fractionCount <= 8, integerCount <= 8, count < 15 else { return nil }
    }
    // As in `steadyNumber`.
    guard start[count] == UInt8(ascii: ",") || start[count] | 0x20 == UInt8(ascii: "}") else { return nil }
    if step.pointee.isSteady {
      step.pointee.missCount &+= 1
      step.pointee.expect(integerCount: integerCount, fractionCount: fractionCount)
    }
    guard step.pointee.column >= 0 else { return start + count }
    var magnitude: UInt64
    if integerCount <= 8 {
      magnitude = Self.digits(start, integerCount)
    } else {
      magnitude = Self.digits(start, 8) &* powers.integers[integerCount &- 8] &+ Self.digits(start + 8, integerCount &- 8)
    }
    if fractionCount == 0 {
      set(ColumnValue(integer: Int64(bitPattern: magnitude)), step.pointee.column)
    } else {
      magnitude = magnitude &* powers.integers[fractionCount] &+ Self.digits(start + (integerCount &+ 1), fractionCount)
      // Both are exact, so the quotient is rounded once.
      set(ColumnValue(double: Double(magnitude) / powers.doubles[fractionCount]), step.pointee.column)
    }
    return start + count
  }

  /// The number that 1 to 8 digits give. Reads 8 bytes.
  @inline(__always)
  private static func digits(_ cursor: Cursor, _ count: Int) -> UInt64 {
    let word = UInt64(littleEndian: UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self)) ^ 0x3030_3030_3030_3030
    return eightDigits(word &<< UInt64(truncatingIfNeeded: 64 &- 8 &* count))
  }
}
