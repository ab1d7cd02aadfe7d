// Numbers as people read them: 1.23M, 45.6 MiB, 12.3 s.

import Foundation

enum Quantities {
  /// `950`, `12.3k`, `4.56M`: three digits that matter.
  static func count(_ value: Double) -> String {
    switch value {
    // As a rate: less than once in eleven days.
    case ..<1e-6: return "0"
    // Just below a thousand three digits would round to the next unit.
    case ..<999.5: return value == value.rounded() ? String(format: "%.0f", value) : String(format: "%.3g", value)
    case ..<999_500: return String(format: "%.3gk", value / 1e3)
    case ..<999_500_000: return String(format: "%.3gM", value / 1e6)
    default: return String(format: "%.3gG", value / 1e9)
    }
  }

  static func rate(_ perSecond: Double) -> String { count(perSecond) + "/s" }

  static func bytes(_ value: Double) -> String {
    switch value {
    case ..<1024: return String(format: "%.0f B", value)
    case ..<1_048_576: return String(format: "%.1f KiB", value / 1024)
    case ..<1_073_741_824: return String(format: "%.1f MiB", value / 1_048_576)
    default: return String(format: "%.2f GiB", value / 1_073_741_824)
    }
  }

  static func seconds(_ nanoseconds: UInt64) -> String { String(format: "%.1f s", Double(nanoseconds) / 1e9) }

  /// `0.12 ms`, `221 ms`, `12.3 s`.
  static func milliseconds(_ nanoseconds: Int64) -> String {
    let value = Double(nanoseconds) / 1e6
    return value < 10_000 ? String(format: value < 10 ? "%.2f ms" : "%.0f ms", value) : String(format: "%.1f s", value / 1000)
  }
}
