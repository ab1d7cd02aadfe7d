// `freshet demo` and what it leaves behind: a summary, and nothing else.

import Foundation
import RedisStore
import TestSupport
import Testing

/// A demo that has a folder for temporary files to itself.
private final class DemoRun {
  let folder = TestFolder()
  let program: Program

  init(_ arguments: String...) throws {
    program = try Program("freshet", ["demo", "--web", "127.0.0.1:0"] + arguments, environment: ["TMPDIR": folder.path])
  }

  /// The numbers of all processes that show a path in the folder: the demo's redis-server.
  var processes: [pid_t] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { pid_t($0) }.filter { process in
      let command = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
      return command.range(of: Data("\(folder.path)/".utf8)) != nil
    }
  }

  /// Waits until Redis holds features.
  func waitForFeatures() throws -> Bool {
    try waitUntil {
      guard let socket = folder.contents.first(where: { $0.hasSuffix("redis.sock") }) else { return false }
      let address = RedisAddress(endpoint: .unix(path: folder.file(socket)))
      guard let connection = try? RedisConnection(address) else { return false }
      return try !RedisReader(connection).keys(matching: "shop:user_activity:*", limit: 1).isEmpty
    }
  }

  func expectNothingLeft() {
    #expect(waitUntil(seconds: 10) { processes.isEmpty })
    #expect(folder.contents.isEmpty)
  }
}

@Suite(.serialized) struct DemoCommandTests {
  @Test func `a demo shows what it did and leaves nothing behind`() throws {
    let demo = try DemoRun("--for", "4s")
    #expect(try demo.waitForFeatures())
    #expect(demo.processes.count == 1)
    let outcome = demo.program.wait()
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.text.contains("  generated  8000 events, asked 2k/s, achieved "))
    #expect(outcome.text.contains("  delivered  8000 to Kafka (embedded broker, 4 partitions), 0 failed\n"))
    #expect(outcome.errors.contains("the monitor's page: http://127.0.0.1:"))
    // Markers of the monitor were counted as well.
    let processed = try #require(outcome.text.firstMatch(of: /processed  (\d+) events, 0 rejected/), "\(outcome.text)")
    #expect(Int(processed.1) ?? 0 >= 8000)
    #expect(outcome.text.contains(" requests for features, 0 refused or failed\n"))
    for lane in ["rt", "nrt"] {
      #expect(outcome.text.contains(try Regex("\n  \(lane) +[0-9.]+ m?s +[0-9.]+ m?s +[0-9.]+ m?s")), "\(outcome.text)")
    }
    #expect(outcome.text.contains("\nWhat to take away:\n"))
    #expect(outcome.text.contains("user_activity.views_5m"))
    demo.expectNothingLeft()
  }

  @Test func `Ctrl-C ends a demo early with its summary`() throws {
    let demo = try DemoRun("--for", "10m", "--rate", "500/s")
    #expect(try demo.waitForFeatures())
    demo.program.send(signal: SIGINT)
    let outcome = demo.program.wait()
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.text.contains(" events, asked 500/s, achieved "))
    #expect(outcome.text.contains(", 0 failed\n"))
    demo.expectNothingLeft()
  }

  @Test func `a second Ctrl-C forces the end and still leaves nothing behind`() throws {
    let demo = try DemoRun("--for", "10m")
    #expect(try demo.waitForFeatures())
    demo.program.send(signal: SIGINT)
    // Signals that come together count as one.
    _ = waitUntil(seconds: 0.15) { !demo.program.isRunning }
    demo.program.send(signal: SIGINT)
    let outcome = demo.program.wait()
    // It may have been faster.
    #expect([0, 130].contains(outcome.status), "\(outcome.status): \(outcome.errors)")
    demo.expectNothingLeft()
  }

  @Test func `Ctrl-C before the first event ends a demo, too`() throws {
    let demo = try DemoRun("--for", "10m")
    #expect(waitUntil { !demo.processes.isEmpty })
    demo.program.send(signal: SIGINT)
    let outcome = demo.program.wait()
    #expect(outcome.status == 0, "\(outcome.errors)")
    demo.expectNothingLeft()
  }
}
