// Times in a sample: which of the known formats all texts have, from when to when they go, and whether they rise.

import Base

struct TimeProfile {
  /// As in `format` of a time.
  private(set) var format: String?
  private(set) var count = 0
  private(set) var risingCount = 0
  private(set) var least = Int64.max
  private(set) var most = Int64.min
  private var previous: Int64?
  private var isBroken = false

  mutating func add(_ text: String) {
    guard !isBroken else { return }
    guard let time = Self.time(text), format == nil || format == time.format else {
      isBroken = true
      format = nil
      return
    }
    format = time.format
    add(milliseconds: time.milliseconds)
  }

  mutating func add(milliseconds: Int64) {
    count += 1
    if let previous, milliseconds >= previous { risingCount += 1 }
    previous = milliseconds
    least = min(least, milliseconds)
    most = max(most, milliseconds)
  }

  /// Whether they mostly rise, as the times of events do.
  var isRising: Bool { count < 3 || Double(risingCount) >= 0.7 * Double(count - 1) }

  /// The format of a text and the time it stands for, in ms since the epoch.
  static func time(_ text: String) -> (format: String, milliseconds: Int64)? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 10, bytes.count <= 40 else { return nil }
    func digits(_ range: Range<Int>) -> Bool {
      range.upperBound <= bytes.count && bytes[range].allSatisfy { (48...57).contains($0) }
    }
    guard digits(0..<4), bytes[4] == UInt8(ascii: "-"), digits(5..<7), bytes[7] == UInt8(ascii: "-"), digits(8..<10) else {
      return logTime(text)
    }
    if bytes.count == 10 { return TimeText.milliseconds(fromRFC3339: text + "T00:00:00Z").map { ("%Y-%m-%d", $0) } }
    guard bytes.count >= 19, bytes[10] == UInt8(ascii: "T") || bytes[10] == UInt8(ascii: " ") else { return nil }
    let isSpaced = bytes[10] == UInt8(ascii: " ")
    let start = String(decoding: bytes[..<10], as: UTF8.self) + "T" + String(decoding: bytes[11..<19], as: UTF8.self)
    let rest = Array(bytes[19...])
    let fraction = rest.first == UInt8(ascii: ".") ? rest.dropFirst().prefix { (48...57).contains($0) }.count : 0
    let zone = String(decoding: rest.dropFirst(fraction > 0 ? fraction + 1 : 0), as: UTF8.self)
    let fractionText = fraction > 0 ? String(decoding: rest[..<(fraction + 1)], as: UTF8.self) : ""
    guard
      let time = TimeText.milliseconds(fromRFC3339: start + fractionText + (zone.isEmpty ? "Z" : zone.replacing(" UTC", with: "Z")))
    else { return nil }
    switch (isSpaced, zone, fraction) {
    case (false, "Z", 3): return ("rfc3339_ms", time)
    case (false, "Z", 0): return ("rfc3339", time)
    default:
      let zoneFormat: String? = zone.isEmpty ? "" : zone == "Z" ? "Z" : zone == " UTC" ? " UTC" : zone == "+00:00" ? "+00:00" : nil
      let fractionFormat: String? = fraction == 0 ? "" : fraction == 3 ? ".%L" : fraction == 6 ? ".%f" : nil
      guard let fractionFormat else { return nil }
      // Times of other zones are written in UTC.
      return ("%Y-%m-%d\(isSpaced ? " " : "T")%H:%M:%S\(fractionFormat)\(zoneFormat ?? "+00:00")", time)
    }
  }

  /// `10/Oct/2025:13:55:36 +0000`, as web servers write it.
  private static func logTime(_ text: String) -> (format: String, milliseconds: Int64)? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let parts = text.split { "/: ".contains($0) }
    guard parts.count == 7, let month = months.firstIndex(of: String(parts[1])), parts[6] == "+0000" else { return nil }
    let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
    return TimeText.milliseconds(fromRFC3339: "\(parts[2])-\(number)-\(parts[0])T\(parts[3]):\(parts[4]):\(parts[5])Z").map {
      ("%d/%b/%Y:%H:%M:%S +0000", $0)
    }
  }
}
