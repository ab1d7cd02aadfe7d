// Arguments that several commands take: flags over `FRESHET_*` over files.

import Base
import Configuration
import Foundation

enum Arguments {
  /// `FRESHET_NAME` of the environment, nil where it is not set or empty.
  static func environment(_ name: String) -> String? {
    ProcessInfo.processInfo.environment["FRESHET_\(name)"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// Whole milliseconds of a duration.
  static func duration(_ text: String, _ option: String) throws(Failure) -> Int64 {
    guard let value = Units.wholeMilliseconds(text) else {
      throw Failure(.usage, "\(option): expected a duration like 250ms, 10s, 5m, 1h or 1d, found '\(text)'")
    }
    return value
  }
}
