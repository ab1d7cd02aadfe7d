// Log lines on stderr in the form of all other messages: `freshet: warning: partitions lost to another member (partitions=[1])`. Normal
// operation is quiet; FRESHET_LOG=info or debug says more, and FRESHET_LOG=json, or json,info, writes each line as an object for programs.

import Base
import Foundation
import Logging

struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  let label: String

  /// What FRESHET_LOG says: a level, `json`, or both with a comma between them.
  private static let words = (Arguments.environment("LOG") ?? "").lowercased().split(separator: ",").map {
    $0.trimmingCharacters(in: .whitespaces)
  }

  /// Whether lines are objects of JSON.
  static let isJSON = words.contains("json")

  /// Has every logger of the program write here; called once, first of all.
  static func install() {
    let level = words.compactMap { Logger.Level(rawValue: $0) }.last ?? .notice
    LoggingSystem.bootstrap { StandardErrorLog(logLevel: level, label: $0) }
    for word in words where word != "json" && Logger.Level(rawValue: word) == nil {
      Terminal.print(
        toError:
          "freshet: warning: FRESHET_LOG: expected \(Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")) or json, found '\(word)'"
      )
    }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let details = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    Terminal.clearProgress()
    guard !Self.isJSON else {
      return Terminal.print(toError: Self.object("\(event.level)", "\(event.message)", label: label, details))
    }
    let text = details.isEmpty ? "" : " (" + details.map { "\($0)=\($1)" }.joined(separator: ", ") + ")"
    Terminal.print(toError: "freshet: \(event.level): \(event.message)\(text)")
  }

  /// One object: the time, the level, the logger, the message, and what is known besides.
  static func object(_ level: String, _ message: String, label: String, _ details: [(String, String)] = []) -> String {
    var fields = [
      ("time", TimeText.rfc3339(SystemClock().nowMilliseconds)), ("level", level), ("logger", label), ("message", message),
    ]
    fields += details.filter { detail in !fields.contains { $0.0 == detail.0 } }
    return "{" + fields.map { "\(JSONText.quoted($0)):\(JSONText.quoted($1))" }.joined(separator: ",") + "}"
  }
}
