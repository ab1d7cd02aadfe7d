// Times as text: RFC 3339 to and from milliseconds since the Unix epoch, UTC.
// Days to civil dates after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

/// A calendar date, proleptic Gregorian.
public struct CivilDate: Equatable, Sendable {
  public var year: Int
  public var month: Int
  public var day: Int

  @inlinable
  public init(year: Int, month: Int, day: Int) {
    self.year = year
    self.month = month
    self.day = day
  }

  /// The date that lies `daysSinceEpoch` days after 1970-01-01.
  @inlinable
  public init(daysSinceEpoch: Int64) {
    let shifted = daysSinceEpoch &+ 719_468
    let era = (shifted >= 0 ? shifted : shifted &- 146_096) / 146_097
    let dayOfEra = shifted &- era &* 146_097
    let yearOfEra = (dayOfEra &- dayOfEra / 1460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
    let monthFromMarch = (5 &* dayOfYear &+ 2) / 153
    day = Int(dayOfYear &- (153 &* monthFromMarch &+ 2) / 5 &+ 1)
    month = Int(monthFromMarch < 10 ? monthFromMarch &+ 3 : monthFromMarch &- 9)
    year = Int(yearOfEra &+ era &* 400) + (month <= 2 ? 1 : 0)
  }

  /// Days from 1970-01-01 to this date.
  @inlinable
  public var daysSinceEpoch: Int64 {
    let shiftedYear = Int64(month <= 2 ? year - 1 : year)
    let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear &- 399) / 400
    let yearOfEra = shiftedYear &- era &* 400
    let monthFromMarch = Int64(month > 2 ? month - 3 : month + 9)
    let dayOfYear = (153 &* monthFromMarch &+ 2) / 5 &+ Int64(day) &- 1
    let dayOfEra = yearOfEra &* 365 &+ yearOfEra / 4 &- yearOfEra / 100 &+ dayOfYear
    return era &* 146_097 &+ dayOfEra &- 719_468
  }

  @inlinable
  static func dayCount(year: Int, month: Int) -> Int {
    switch month {
    case 2: return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: return 30
    default: return 31
    }
  }
}

public enum TimeText {
  /// Milliseconds since the epoch of an RFC 3339 date-time, or nil where the text is not one. Digits of a second past the third are
  /// cut, a leap second counts as the second before it, and a space may stand for the `T` (RFC 3339 section 5.6).
  @inlinable
  public static func milliseconds(fromRFC3339 text: UnsafeBufferPointer<UInt8>) -> Int64? {
    let count = text.count
    guard count >= 20 else { return nil }
    guard let year = digits(text, 0, 4), text[4] == UInt8(ascii: "-"),
      let month = digits(text, 5, 2), text[7] == UInt8(ascii: "-"),
      let day = digits(text, 8, 2),
      text[10] | 0x20 == UInt8(ascii: "t") || text[10] == UInt8(ascii: " "),
      let hour = digits(text, 11, 2), text[13] == UInt8(ascii: ":"),
      let minute = digits(text, 14, 2), text[16] == UInt8(ascii: ":"),
      let second = digits(text, 17, 2)
    else { return nil }
    guard month >= 1, month <= 12, day >= 1, day <= CivilDate.dayCount(year: year, month: month), hour < 24, minute < 60,
      second <= 60
    else { return nil }
    var index = 19
    var fraction = 0
    if text[index] == UInt8(ascii: ".") {
      index += 1
      var scale = 100
      let start = index
      while index < count, text[index] &- 48 < 10 {
        fraction += Int(text[index] &- 48) * scale
        scale /= 10
        index += 1
      }
      guard index > start, index < count else { return nil }
    }
    var offsetMinutes = 0
    if text[index] | 0x20 == UInt8(ascii: "z") {
      guard index + 1 == count else { return nil }
    } else {
      let sign = text[index]
      guard sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"), index + 6 == count, text[index + 3] == UInt8(ascii: ":"),
        let offsetHour = digits(text, index + 1, 2), let offsetMinute = digits(text, index + 4, 2), offsetHour < 24,
        offsetMinute < 60
      else { return nil }
      offsetMinutes = (offsetHour * 60 + offsetMinute) * (sign == UInt8(ascii: "-") ? -1 : 1)
    }
    let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
    let minutes = days * 1440 + Int64(hour * 60 + minute - offsetMinutes)
    return minutes * 60_000 + Int64(min(second, 59) * 1000 + fraction)
  }

  /// The same for a Swift string.
  public static func milliseconds(fromRFC3339 text: String) -> Int64? {
    var text = text
    return text.withUTF8 { milliseconds(fromRFC3339: $0) }
  }

  /// Writes `2026-01-01T00:00:00.000Z`: 24 bytes. Years outside 0...9999 are pinned to them, as RFC 3339 has no way to say others.
  @inlinable
  public static func writeRFC3339Milliseconds(_ milliseconds: Int64, to out: UnsafeMutablePointer<UInt8>) {
    let pinned = min(max(milliseconds, -62_167_219_200_000), 253_402_300_799_999)
    let dayMilliseconds: Int64 = 86_400_000
    var days = pinned / dayMilliseconds
    var rest = pinned % dayMilliseconds
    if rest < 0 {
      rest += dayMilliseconds
      days -= 1
    }
    let date = CivilDate(daysSinceEpoch: days)
    writeTwo(date.year / 100, out)
    writeTwo(date.year % 100, out + 2)
    out[4] = UInt8(ascii: "-")
    writeTwo(date.month, out + 5)
    out[7] = UInt8(ascii: "-")
    writeTwo(date.day, out + 8)
    out[10] = UInt8(ascii: "T")
    let second = Int(rest / 1000)
    let fraction = Int(rest % 1000)
    writeTwo(second / 3600, out + 11)
    out[13] = UInt8(ascii: ":")
    writeTwo(second / 60 % 60, out + 14)
    out[16] = UInt8(ascii: ":")
    writeTwo(second % 60, out + 17)
    out[19] = UInt8(ascii: ".")
    out[20] = UInt8(truncatingIfNeeded: 48 + fraction / 100)
    writeTwo(fraction % 100, out + 21)
    out[23] = UInt8(ascii: "Z")
  }

  /// RFC 3339 text with milliseconds, in UTC.
  public static func rfc3339(_ milliseconds: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 24) { buffer in
      writeRFC3339Milliseconds(milliseconds, to: buffer.baseAddress!)
      return String(decoding: buffer, as: UTF8.self)
    }
  }

  @inlinable
  static func digits(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int? {
    var value = 0
    for index in start..<start + count {
      let digit = text[index] &- 48
      guard digit < 10 else { return nil }
      value = value * 10 + Int(digit)
    }
    return value
  }

  @inlinable
  static func writeTwo(_ value: Int, _ out: UnsafeMutablePointer<UInt8>) {
    out[0] = UInt8(truncatingIfNeeded: 48 + value / 10)
    out[1] = UInt8(truncatingIfNeeded: 48 + value % 10)
  }
}
