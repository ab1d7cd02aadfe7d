// Times as strftime would write them, in UTC, from a list of parts.

import Base
import Schema

/// One part of a pattern: a literal, or a component of the time.
struct TimePatternPart: BitwiseCopyable {
  enum Kind: UInt8, BitwiseCopyable {
    case literal, year, yearOfCentury, month, day, dayPadded, dayOfYear, hour, hour12, minute, second
    case milliseconds, microseconds, monthName, monthAbbreviation, weekdayName, weekdayAbbreviation, meridiem, epochSeconds
  }

  var kind: Kind
  var count: UInt32 = 0
  var literal: UInt64 = 0

  init(literal bytes: [UInt8], _ memory: PlanMemory) {
    kind = .literal
    count = UInt32(bytes.count)
    literal = UInt64(UInt(bitPattern: memory.text(bytes)))
  }

  init(_ piece: TimePiece) {
    switch piece {
    case .literal, .year: kind = .year
    case .yearOfCentury: kind = .yearOfCentury
    case .month: kind = .month
    case .day: kind = .day
    case .dayPadded: kind = .dayPadded
    case .dayOfYear: kind = .dayOfYear
    case .hour: kind = .hour
    case .hour12: kind = .hour12
    case .minute: kind = .minute
    case .second: kind = .second
    case .milliseconds: kind = .milliseconds
    case .microseconds: kind = .microseconds
    case .monthName: kind = .monthName
    case .monthAbbreviation: kind = .monthAbbreviation
    case .weekdayName: kind = .weekdayName
    case .weekdayAbbreviation: kind = .weekdayAbbreviation
    case .meridiem: kind = .meridiem
    case .epochSeconds: kind = .epochSeconds
    }
  }
}

enum TimePattern {
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
  ]
  private static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  /// Writes a time given in µs since the epoch; returns the cursor behind it. Years are written with four digits from 0 to 9999.
  @inline(never)
  static func write(
    _ parts: UnsafePointer<TimePatternPart>, count: Int, microseconds: Int64, to start: UnsafeMutablePointer<UInt8>
  ) -> UnsafeMutablePointer<UInt8> {
    let milliseconds = floor(microseconds, 1000)
    let seconds = floor(milliseconds, 1000)
    let days = floor(seconds, 86_400)
    let ofDay = seconds - days * 86_400
    let date = civil(days)
    var out = start
    func padded(_ value: Int64, _ digits: Int) {
      out += NumberText.write(UInt64(max(value, 0)), minimumDigits: digits, to: out)
    }
    func text(_ text: String, _ length: Int? = nil) {
      for byte in text.utf8.prefix(length ?? .max) {
        out.pointee = byte
        out += 1
      }
    }
    for part in UnsafeBufferPointer(start: parts, count: count) {
      switch part.kind {
      case .literal:
        EventWriter.copyPadded(UnsafePointer(bitPattern: UInt(part.literal)).unsafelyUnwrapped, out, count: Int(part.count))
        out += Int(part.count)
      case .year: padded(date.year, 4)
      case .yearOfCentury: padded(date.year - floor(date.year, 100) * 100, 2)
      case .month: padded(date.month, 2)
      case .day: padded(date.day, 2)
      case .dayPadded:
        if date.day < 10 { text(" ") }
        padded(date.day, 1)
      case .dayOfYear: padded(days - dayNumber(date.year, 1, 1) + 1, 3)
      case .hour: padded(ofDay / 3600, 2)
      case .hour12: padded((ofDay / 3600 + 11) % 12 + 1, 2)
      case .minute: padded(ofDay / 60 % 60, 2)
      case .second: padded(ofDay % 60, 2)
      case .milliseconds: padded(milliseconds - seconds * 1000, 3)
      case .microseconds: padded(microseconds - seconds * 1_000_000, 6)
      case .monthName: text(months[Int(date.month) - 1])
      case .monthAbbreviation: text(months[Int(date.month) - 1], 3)
      case .weekdayName: text(weekdays[weekday(days)])
      case .weekdayAbbreviation: text(weekdays[weekday(days)], 3)
      case .meridiem: text(ofDay < 43_200 ? "AM" : "PM")
      case .epochSeconds: out += NumberText.write(seconds, to: out)
      }
    }
    return out
  }

  /// Day 0 was a Thursday.
  private static func weekday(_ days: Int64) -> Int { Int(days + 4 - floor(days + 4, 7) * 7) }

  private static func floor(_ value: Int64, _ divisor: Int64) -> Int64 {
    let quotient = value / divisor
    return value - quotient * divisor < 0 ? quotient - 1 : quotient
  }

  /// Days since the epoch to the proleptic Gregorian date (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = floor(shifted, 146_097)
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
    let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let part = (5 * ofYear + 2) / 153
    let month = part < 10 ? part + 3 : part - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * part + 2) / 5 + 1)
  }

  private static func dayNumber(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = floor(shifted, 400)
    let ofEra = shifted - era * 400
    let ofYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }
}
