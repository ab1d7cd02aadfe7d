// Numbers as people read them on the terminal.

import Foundation

extension MonitorModel {
  static func microseconds(_ nanoseconds: Int64) -> String {
    nanoseconds < 10_000
      ? String(format: "%.1f us", Double(nanoseconds) / 1e3) : String(format: "%.0f us", Double(nanoseconds) / 1e3)
  }

  public static func milliseconds(_ milliseconds: Double) -> String {
    switch milliseconds {
    case ..<0.01: "0 ms"
    case ..<0.1: String(format: "%.2f ms", milliseconds)
    case ..<10: String(format: "%.1f ms", milliseconds)
    case ..<1000: String(format: "%.0f ms", milliseconds)
    case ..<120_000: String(format: "%.1f s", milliseconds / 1000)
    case ..<7_200_000: String(format: "%.0f min", milliseconds / 60_000)
    default: String(format: "%.1f h", milliseconds / 3_600_000)
    }
  }

  public static func count(_ value: Double) -> String {
    switch value {
    case ..<1000: String(format: value < 10 && value != value.rounded() ? "%.1f" : "%.0f", value)
    case ..<1_000_000: String(format: "%.3gk", value / 1e3)
    default: String(format: "%.3gM", value / 1e6)
    }
  }
}
