// Tests/Oracles/watcher.py in a process of its own: it reads Redis all the time, whatever happens, and says when a value has gone back.

import Base
import Foundation
import TestSupport

final class Watcher {
  /// What it has seen so far.
  struct Sight: Decodable {
    /// Passes over all accounts, and those that broke.
    var reads: Int
    var failures: Int
    /// Rows that were not as they had been.
    var rows: Int
    /// How many events the accounts have counted together.
    var events: Int
    var regressionCount: Int
    var regressions: [String]
  }

  /// Where it writes what it saw at which position.
  let samplesPath: String
  private let program: Program
  private var answerCount = 0

  init(address: String, prefix: String, folder: TestFolder) throws {
    samplesPath = folder.file("samples.ndjson")
    program = try Program(
      "python3", ["Tests/Oracles/watcher.py", address, prefix, "2000", samplesPath], input: .open)
  }

  /// Waits for the pass that is under way.
  func look() throws -> Sight { try ask("look") }

  /// Redis is about to lose what it had: from the next pass on, values may be less than they were.
  func forget() throws { _ = try ask("forget") }

  private func ask(_ command: String) throws -> Sight {
    program.write(command + "\n")
    var lines: [Substring] = []
    let hasAnswered = waitUntil(seconds: FaultSettings.patience) {
      lines = program.outputSoFar.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
      return lines.count > answerCount || !program.isRunning
    }
    guard hasAnswered, lines.count > answerCount else {
      throw Failure(.failure, "the watcher says nothing: \(program.errorsSoFar)")
    }
    answerCount += 1
    return try JSONDecoder().decode(Sight.self, from: Data(lines[answerCount - 1].utf8))
  }
}
