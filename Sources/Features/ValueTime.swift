// Time functions on single values, in UTC. A time is epoch milliseconds, or RFC 3339 text, or the text of a date alone, its midnight; a double
// is cut down to the millisecond.

import Base
import Records

enum ValueTime {
  private static let dayMilliseconds: Int64 = 86_400_000
  /// 100 million days around 1970, in which every part and every start of a unit is exact.
  private static let range: ClosedRange<Int64> = -8_640_000_000_000_000...8_640_000_000_000_000

  /// What `body` makes of the time that `value` is.
  @inline(__always)
  static func withTime(_ value: ColumnValue, _ body: (Int64) -> ColumnValue) -> ColumnValue {
    var milliseconds: Int64
    switch value.kind {
    case .integer: milliseconds = value.integer
    case .double:
      guard value.double.magnitude < 0x1p62 else { return .null(.outOfRange) }
      milliseconds = Int64(value.double.rounded(.down))
    case .string:
      guard let parsed = Self.milliseconds(of: value.bytes) else { return .null(.mismatch) }
      milliseconds = parsed
    case .missing, .null: return .null(value.nullReasons)
    default: return .null(.mismatch)
    }
    return range.contains(milliseconds) ? body(milliseconds) : .null(.outOfRange)
  }

  private static func milliseconds(of text: UnsafeBufferPointer<UInt8>) -> Int64? {
    guard text.count == 10 else { return TimeText.milliseconds(fromRFC3339: text) }
    return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { buffer in
      for index in 0..<10 { buffer[index] = text[index] }
      for (index, byte) in "T00:00:00Z".utf8.enumerated() { buffer[10 + index] = byte }
      return TimeText.milliseconds(fromRFC3339: UnsafeBufferPointer(buffer))
    }
  }

  // MARK: - Parts

  static func part(_ function: ExpressionFunction, of value: ColumnValue) -> ColumnValue {
    withTime(value) { time in
      let day = floorDivide(time, dayMilliseconds)
      let second = (time - day * dayMilliseconds) / 1000
      switch function {
      case .second: return ColumnValue(integer: second % 60)
      case .minute: return ColumnValue(integer: second / 60 % 60)
      case .hour: return ColumnValue(integer: second / 3600)
      // 1970-01-01 was a Thursday; Monday is 1.
      case .dayOfWeek: return ColumnValue(integer: floorMod(day + 3, 7) + 1)
      default: break
      }
      let date = CivilDate(daysSinceEpoch: day)
      switch function {
      case .dayOfMonth: return ColumnValue(integer: Int64(date.day))
      case .dayOfYear: return ColumnValue(integer: day - CivilDate(year: date.year, month: 1, day: 1).daysSinceEpoch + 1)
      case .month: return ColumnValue(integer: Int64(date.month))
      default: return ColumnValue(integer: Int64(date.year))
      }
    }
  }

  /// Where the unit began that the time lies in.
  static func truncate(_ value: ColumnValue, to unit: Expression.TimeUnit) -> ColumnValue {
    withTime(value) { time in
      let day = floorDivide(time, dayMilliseconds)
      switch unit {
      case .second: return ColumnValue(integer: floorDivide(time, 1000) * 1000)
      case .minute: return ColumnValue(integer: floorDivide(time, 60_000) * 60_000)
      case .hour: return ColumnValue(integer: floorDivide(time, 3_600_000) * 3_600_000)
      case .day: return ColumnValue(integer: day * dayMilliseconds)
      case .week: return ColumnValue(integer: (day - floorMod(day + 3, 7)) * dayMilliseconds)
      case .month, .quarter, .year:
        let date = CivilDate(daysSinceEpoch: day)
        let month = unit == .month ? date.month : unit == .quarter ? (date.month - 1) / 3 * 3 + 1 : 1
        return ColumnValue(integer: CivilDate(year: date.year, month: month, day: 1).daysSinceEpoch * dayMilliseconds)
      }
    }
  }

  /// As RFC 3339 text with milliseconds; years outside 0 to 9999 have none.
  static func text(_ value: ColumnValue, _ arena: TextArena) -> ColumnValue {
    withTime(value) { time in
      guard (-62_167_219_200_000...253_402_300_799_999).contains(time) else { return .null(.outOfRange) }
      TimeText.writeRFC3339Milliseconds(time, to: arena.reserve(24))
      return arena.take(24)
    }
  }
}
