// The tests' own Python, with fastavro and a Zstandard of its own: readers that share no code with Freshet.

import Foundation

public enum TestPython {
  /// The interpreter; a failure that says what to do where it has not been made.
  public static var path: String {
    get throws {
      let path = Products.packageFolder + "/.build/test-python/bin/python3"
      guard FileManager.default.isExecutableFile(atPath: path) else { throw TestPythonMissing() }
      return path
    }
  }

  /// Runs a script with arguments; what it prints.
  public static func run(_ script: String, _ arguments: String...) throws -> String {
    let outcome = try Program.run("env", [try path, "-c", script] + arguments)
    guard outcome.status == 0 else { throw TestPythonFailure(errors: outcome.errors) }
    return outcome.text
  }
}

struct TestPythonMissing: Error, CustomStringConvertible {
  var description: String { "the tests' Python, .build/test-python, is missing: run `make test-dependencies`" }
}

struct TestPythonFailure: Error, CustomStringConvertible {
  var errors: String
  var description: String { "the tests' Python failed: \(errors)" }
}
