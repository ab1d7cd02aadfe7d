// The program's standard streams: data goes to stdout, everything that a person reads to stderr.

import Base
import Foundation

enum Terminal {
  /// A closed pipe must come back as EPIPE from write(2), not end the process.
  static func ignoreBrokenPipe() { signal(SIGPIPE, SIG_IGN) }

  static let errorIsTerminal = isatty(STDERR_FILENO) == 1
  static let outputIsTerminal = isatty(STDOUT_FILENO) == 1

  static func print(toError text: String) { write(toError: text + "\n") }

  static func write(toError text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// `message` as it stands when it is a list of diagnostics (each has its own `error[...]`), else with `freshet: error:` in front.
  static func printError(_ message: String) {
    print(toError: message.contains(": error[") ? message : "freshet: error: \(message)")
  }
}

/// Ends the process at once, with the streams flushed.
func _exit(_ code: ExitCode) -> Never {
  fflush(nil)
  exit(code.rawValue)
}
