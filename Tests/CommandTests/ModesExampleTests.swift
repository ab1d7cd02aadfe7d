// The scripts of Examples/modes as a newcomer runs them, shortened.

import Foundation
import TestSupport
import Testing

@Suite(.enabled(if: !TestRedis.isExternal), .serialized) struct ModesExampleTests {
  /// Where the scripts make their own folder, and what tells their processes from others.
  private let folder = TestFolder()

  private func environment(rate: String) -> [String: String] {
    let built = URL(filePath: Products.executable("freshet")).deletingLastPathComponent().path
    return [
      "PATH": "\(built):\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")", "TMPDIR": folder.path,
      "MODES_SECONDS": "6", "MODES_RATE": rate,
    ]
  }

  private func run(_ script: String, rate: String) throws -> ProgramOutcome {
    let outcome = try Program.run("Examples/modes/\(script).sh", [], environment: environment(rate: rate), timeout: 300)
    #expect(outcome.status == 0, "\(outcome.text)\(outcome.errors)")
    expectNothingLeft()
    return outcome
  }

  private func expectNothingLeft() {
    #expect(folder.contents.isEmpty)
    let mark = Data("TMPDIR=\(folder.path)\0".utf8)
    let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    let left = processes.filter {
      Int($0) != nil && FileManager.default.contents(atPath: "/proc/\($0)/environ")?.range(of: mark) != nil
    }
    #expect(left.isEmpty)
  }

  @Test func `offline: a prediction for every user of a batch run`() throws {
    let outcome = try run("offline", rate: "1/s")
    #expect(outcome.errors.contains("archived 86400 events"))
    #expect(outcome.text.contains(#/\n  [0-9a-f-]{36}  (0\.\d+|1\.0)\n/#), "\(outcome.text)")
    #expect(outcome.text.contains(#/\n\d+ predictions in \d+ s, from features that are \d+ min old/#), "\(outcome.text)")
  }

  @Test func `online with batch features: value and age of the lane batch`() throws {
    let outcome = try run("online-batch", rate: "500/s")
    #expect(outcome.text.contains(#/\n  feature +batch +age *\n  activity\.views_5m +\d+ +\d+\w+/#), "\(outcome.text)")
    #expect(outcome.text.contains(#/\nanswered in \d+ us: parse \d+, queue \d+, redis \d+, compute \d+, encode \d+\n/#))
    #expect(outcome.text.contains(#/as of .* \(activity \d+\)/#), "\(outcome.text)")
  }

  @Test func `online with three lanes: value, age and error of each`() throws {
    let outcome = try run("online-three-lanes", rate: "500/s")
    #expect(outcome.text.contains(#/\n  feature +batch +age +error +nrt +age +error +rt +age *\n/#), "\(outcome.text)")
    #expect(
      outcome.text.contains(#/\n  activity\.views_5m +\d+ +\d+m?s +(0|[-+]\S+( \([-+][\d.]+ %\))?) +\d+ +\d+m?s +\S.* \d+ +0ms\n/#))
    #expect(outcome.text.contains(#/ offer\.odds_nrt +0\.\d+ +PRESENT /#), "\(outcome.text)")
  }

  @Test func `one that is ended early leaves nothing either`() throws {
    let script = try Program("Examples/modes/online-batch.sh", [], environment: environment(rate: "500/s"))
    #expect(waitUntil { script.outputSoFar.contains("Events flow") })
    script.send(signal: SIGTERM)
    #expect(script.wait().status == 143)
    expectNothingLeft()
  }
}
