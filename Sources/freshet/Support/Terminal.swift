// The program's standard streams: data goes to stdout, everything that a person reads to stderr.

import Base
import Foundation
import LocalTransport

enum Terminal {
  /// A closed pipe must come back as EPIPE from write(2), not end the process.
  static func ignoreBrokenPipe() { signal(SIGPIPE, SIG_IGN) }

  static let errorIsTerminal = isatty(STDERR_FILENO) == 1
  static let outputIsTerminal = isatty(STDOUT_FILENO) == 1

  /// Whether stdout is to be coloured; see no-color.org.
  static let outputHasColors = outputIsTerminal && !refusesColors
  private static let refusesColors =
    !(ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty || ProcessInfo.processInfo.environment["TERM"] == "dumb"

  /// For stderr: what may be overlooked.
  static func dimmed(_ text: String) -> String {
    errorIsTerminal && !refusesColors ? "\u{1b}[2m\(text)\u{1b}[0m" : text
  }

  /// Empties the terminal on stdout, and what was scrolled away.
  static func clearOutput() throws {
    var text = "\u{1b}[H\u{1b}[2J\u{1b}[3J"
    try text.withUTF8 {
      try FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout").write(UnsafeRawBufferPointer($0))
    }
  }

  /// Writes a line to stdout, where a reader that has gone ends the command quietly.
  static func print(toOutput text: String) throws {
    try Array((text + "\n").utf8).withUnsafeBytes { try FileDescriptorWriter(descriptor: STDOUT_FILENO, name: "stdout").write($0) }
  }

  static func print(toError text: String) { write(toError: text + "\n") }

  static func write(toError text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// `message` as it stands when it is a list of diagnostics (each has its own `error[...]`), else with `freshet: error:` in front.
  static func printError(_ message: String) {
    if StandardErrorLog.isJSON { return print(toError: StandardErrorLog.object("error", message, label: "freshet")) }
    print(toError: message.contains(": error[") ? message : "freshet: error: \(message)")
  }
}

/// Ends the process at once, with the streams flushed.
func _exit(_ code: ExitCode) -> Never {
  fflush(nil)
  exit(code.rawValue)
}
