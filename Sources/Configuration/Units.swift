// Quantities as people write them, in files and on the command line: `250ms`, `5k/s`, `128MiB`, RFC 3339 or epoch milliseconds.

import Base

public enum Units {
  /// Milliseconds of `250ms`, `10s`, `5m`, `1h`, `1d`, `7d`, `1.5s`; nil where the text is no duration. A bare number has no unit and is none.
  public static func durationMilliseconds(_ text: String) -> Double? {
    let factors: [(String, Double)] = [("ms", 1), ("us", 0.001), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
    return quantity(text, factors)
  }

  /// A duration of whole milliseconds.
  public static func wholeMilliseconds(_ text: String) -> Int64? {
    guard let value = durationMilliseconds(text), value == value.rounded(), abs(value) < 9e15 else { return nil }
    return Int64(value)
  }

  /// A duration in the largest unit that leaves no fraction: `5m`, `90s`, `250ms`.
  public static func durationText(milliseconds: Int64) -> String {
    let units: [(String, Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
    guard milliseconds != 0, let (unit, length) = units.first(where: { milliseconds % $0.1 == 0 }) else {
      return "\(milliseconds)ms"
    }
    return "\(milliseconds / length)\(unit)"
  }

  /// Events per second of `5k/s`, `1.5M/s`, `200/m`, `0.2/s`, `1000/h`; nil where the text is no rate.
  public static func ratePerSecond(_ text: String) -> Double? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let number = quantity(String(parts[0]), [("k", 1e3), ("M", 1e6), ("", 1)]) else { return nil }
    switch parts[1] {
    case "s": return number
    case "m", "min": return number / 60
    case "h": return number / 3600
    default: return nil
    }
  }

  /// A whole number, not negative, of `500`, `20k`, `1.5M`, `2G`.
  public static func count(_ text: String) -> Int64? {
    if let plain = Int64(text), plain >= 0 { return plain }
    guard let value = quantity(text, [("k", 1e3), ("M", 1e6), ("G", 1e9)]), value == value.rounded(), value < 9e15 else {
      return nil
    }
    return Int64(value)
  }

  /// Bytes of `128MiB`, `64KiB`, `1GiB`, `10MB`, `512B`.
  public static func byteCount(_ text: String) -> Int64? {
    let factors: [(String, Double)] = [
      ("KiB", 1024), ("MiB", 1_048_576), ("GiB", 1_073_741_824), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("B", 1),
    ]
    guard let value = quantity(text, factors), value == value.rounded(), value < 9e18 else { return nil }
    return Int64(value)
  }

  /// Milliseconds since the epoch of an RFC 3339 time, or of a whole number of milliseconds.
  public static func timeMilliseconds(_ text: String) -> Int64? {
    Int64(text) ?? TimeText.milliseconds(fromRFC3339: text)
  }

  /// A non-negative number directly followed by one of the units.
  private static func quantity(_ text: String, _ factors: [(unit: String, factor: Double)]) -> Double? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard !digits.isEmpty, let number = Double(digits), number.isFinite else { return nil }
    let unit = text.dropFirst(digits.count)
    guard let factor = factors.first(where: { $0.unit == unit })?.factor else { return nil }
    return number * factor
  }
}
