// Options of a command that runs as a service.

import ArgumentParser
import Base
import HTTPServer

struct ServiceOptions: ParsableArguments {
  @Option(
    help:
      "Answer /livez, /readyz, /metrics and /status.json by HTTP at HOST:PORT, or at a port of this machine alone: 127.0.0.1:9464.")
  var listen: String?

  @Option(help: "How long the end may take once it was asked for, for example while Redis does not answer. (default: 10s)")
  var drainTimeout: String?

  @Option(help: "A worker that has done nothing for this long counts as hung: /livez says so. (default: 30s)")
  var stallAfter: String?

  func address(of command: String) throws(Failure) -> ListenAddress? {
    guard let text = Arguments.option(listen, "listen", of: command) else { return nil }
    return try ListenAddress(text, option: "--listen")
  }

  /// In ms.
  func drainTimeout(of command: String) throws(Failure) -> Int64 {
    try Self.drainTimeout(drainTimeout, of: command)
  }

  /// In ms.
  func stallAfter(of command: String) throws(Failure) -> Int64 {
    try Self.duration(stallAfter, "stall-after", of: command, default: 30_000, in: 1000...86_400_000, "1s to 1d")
  }

  /// In ms.
  static func drainTimeout(_ flag: String?, of command: String) throws(Failure) -> Int64 {
    try duration(flag, "drain-timeout", of: command, default: 10_000, in: 0...3_600_000, "0s to 1h")
  }

  static func duration(
    _ flag: String?, _ name: String, of command: String, default: Int64, in range: ClosedRange<Int64>, _ words: String
  )
    throws(Failure) -> Int64
  {
    guard let text = Arguments.option(flag, name, of: command) else { return `default` }
    let value = try Arguments.duration(text, "--\(name)")
    guard range.contains(value) else {
      throw Failure(
        .usage, "--\(name): expected a duration of \(words), found '\(text)'")
    }
    return value
  }
}
