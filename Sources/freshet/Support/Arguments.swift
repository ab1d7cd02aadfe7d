// Arguments that several commands take: flags over `FRESHET_*` over files.

import Base
import Configuration
import Foundation

enum Arguments {
  /// What was given for an option: by its flag, else by `FRESHET_COMMAND_OPTION`, such as FRESHET_PROCESS_UNTIL_IDLE.
  static func option(_ flag: String?, _ name: String, of command: String) -> String? {
    flag ?? environment("\(command)_\(name)".uppercased().replacingOccurrences(of: "-", with: "_"))
  }

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
