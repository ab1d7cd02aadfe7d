// Log lines on stderr in the form of all other messages: `freshet: warning: partitions lost to another member (partitions=[1])`. Normal
// operation is quiet; FRESHET_LOG=info or debug says more.

import Logging

struct StandardErrorLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level

  /// Has every logger of the program write here; called once, first of all.
  static func install() {
    let level = Arguments.environment("LOG").flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .notice
    LoggingSystem.bootstrap { _ in StandardErrorLog(logLevel: level) }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let all = metadata.merging(event.metadata ?? [:]) { $1 }
    let details =
      all.isEmpty ? "" : " (" + all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") + ")"
    Terminal.clearProgress()
    Terminal.print(toError: "freshet: \(event.level): \(event.message)\(details)")
  }
}
