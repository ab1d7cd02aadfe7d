// One run of the accounts' pipeline while things break: a broker and a Redis in processes of their own, members of one group, a watcher that reads
// Redis all the time, and at the end an oracle that computes every row a second time.
//
//   generate --resume ──> broker ──> process, process ... ──> Redis <── watcher   (never less than before, right at its position)
//        └────────── the same events once more ──────────────> oracle             (every row: nothing lost, nothing twice)

import Base
import Foundation
import TestSupport
import Testing

final class FaultRun {
  static let partitionCount = 8

  let folder = TestFolder()
  let cluster: TestCluster
  let redis: TestRedis
  let watcher: Watcher
  private let group = "accounts-\(UUID().uuidString.lowercased())"
  private let seed: Int
  private let checkpointEvery: String

  /// Processors that run, or stand still.
  private(set) var members: [Program] = []
  /// Those that have ended.
  private var formerMembers: [Program] = []
  private(set) var sentCount = 0
  /// See `loseTailOfRedis`.
  var fencedLogEnd: (path: String, byteCount: UInt64)?
  /// What was done, in order, for a report.
  private(set) var history: [String] = []

  /// - Parameters:
  ///   - seed: Of the events.
  ///   - fsync: When Redis' append-only file is flushed to the disk: `always` or `everysec`.
  init(seed: Int, checkpointEvery: String = "1s", fsync: String = "always") throws {
    self.seed = seed
    self.checkpointEvery = checkpointEvery
    cluster = try TestCluster(partitionCount: Self.partitionCount)
    redis = try TestRedis(options: ["--appendonly", "yes", "--appendfsync", fsync])
    watcher = try Watcher(address: redis.address.description, prefix: redis.prefix, folder: folder)
  }

  /// Runs `body`, then lets everything settle and compares. A failure tells what was done, and what the members said.
  static func play(
    seed: Int = 1, checkpointEvery: String = "1s", fsync: String = "always", _ body: (FaultRun) throws -> Void
  ) throws {
    let run = try FaultRun(seed: seed, checkpointEvery: checkpointEvery, fsync: fsync)
    do {
      try body(run)
      try run.expectRightRows()
    } catch {
      Issue.record("\(error)\n\(run.report)")
    }
  }

  func note(_ text: String) { history.append(text) }

  // MARK: Members

  /// Starts a member of the group.
  @discardableResult
  func join(_ arguments: String...) throws -> Program {
    let servers = cluster.address.description.dropFirst("kafka://".count).prefix { $0 != "/" }
    let properties =
      (TestCluster.groupProperties.map { "\($0.name)=\($0.value)" } + FaultSettings.properties).flatMap { ["-X", $0] }
    let member = try Program(
      FaultSettings.program, ["process", "Tests/FaultTests/Fixtures/accounts.yaml"] + properties + arguments,
      environment: [
        "KAFKA_BROKERS": String(servers), "TOPIC": cluster.topic, "GROUP": group, "PREFIX": redis.prefix,
        "REDIS_URL": redis.address.description, "CHECKPOINT_EVERY": checkpointEvery, "FRESHET_LOG": "info",
      ])
    members.append(member)
    note("process \(member.processID) starts")
    return member
  }

  /// Ends a member at once.
  func kill(_ member: Program) {
    note("process \(member.processID) is killed")
    member.send(signal: SIGKILL)
    _ = member.wait()
    remove(member)
  }

  /// Tells a member to end, and waits for it to do so in order.
  func stop(_ member: Program) {
    note("process \(member.processID) is told to end")
    // One that has only just been started does not listen to signals yet, and ends by this one without a word.
    _ = waitUntil(seconds: 20) { !member.errorsSoFar.isEmpty }
    member.send(signal: SIGTERM)
    let outcome = member.wait(timeout: FaultSettings.patience)
    remove(member)
    #expect(outcome.status == 0, "process \(member.processID) ended with \(outcome.status)\n\(report)")
  }

  func freeze(_ member: Program) {
    note("process \(member.processID) stands still")
    member.send(signal: SIGSTOP)
  }

  func thaw(_ member: Program) {
    note("process \(member.processID) goes on")
    member.send(signal: SIGCONT)
  }

  private func remove(_ member: Program) {
    members.removeAll { $0 === member }
    formerMembers.append(member)
  }

  // MARK: Events

  /// The arguments that give the first `count` events. All runs of one seed are one stream.
  private func generation(_ count: Int) -> [String] {
    [
      "generate", "Tests/FaultTests/Fixtures/payments.yaml", "--count", "\(count)", "--seed", "\(seed)", "--rate", "1k/s", "--from",
      "2026-01-01T00:00:00Z",
    ]
  }

  /// Starts to send so many more events.
  private func startSending(_ count: Int) throws -> Program {
    sentCount += count
    note("\(count) more events")
    return try Program(
      FaultSettings.program,
      generation(sentCount) + ["--resume", folder.file("place"), "--to", "\(cluster.address)", "-X", "compression.codec=lz4"])
  }

  private func finishSending(_ generator: Program, _ count: Int) throws {
    let outcome = generator.wait(timeout: FaultSettings.patience)
    guard outcome.status == 0, outcome.errors.contains("delivered \(count), failed 0") else {
      throw Failure(.failure, "the generator ended with \(outcome.status): \(outcome.errors)")
    }
  }

  /// Sends events; on return the broker has them.
  func send(_ count: Int) throws { try finishSending(startSending(count), count) }

  /// Sends events, and has `fault` happen while they are sent and processed: once a tenth of them has been counted.
  func send(_ count: Int, during fault: () throws -> Void) throws {
    let before = try watcher.look().events
    let generator = try startSending(count)
    try wait(until: "events are counted") { try watcher.look().events >= before + count / 10 }
    try fault()
    try finishSending(generator, count)
  }

  /// Waits until a condition holds; an error where it does not for minutes.
  func wait(until what: String, _ condition: () throws -> Bool) throws {
    let end = Date().addingTimeInterval(FaultSettings.patience)
    while try !condition() {
      try cluster.check()
      for member in members where !member.isRunning {
        throw Failure(.failure, "process \(member.processID) ended by itself with \(member.wait().status)")
      }
      guard Date() < end else { throw Failure(.failure, "waited in vain until \(what)") }
      // The processors need the processor more than we do.
      usleep(50_000)
    }
  }

  /// Lets so many ms go by. What happens at which moment shall differ; nothing is waited for.
  func pass(milliseconds: Int) { usleep(UInt32(milliseconds) * 1000) }

  /// How far every partition has been written: the sum of the fences' offsets. Nil where Redis cannot be asked.
  var writtenCount: Int64? {
    (try? redis.reader.hashes(fenceKeys))?.reduce(0) { $0 + ($1["next_offset"].flatMap(Int64.init) ?? 0) }
  }

  var fenceKeys: [String] {
    (0..<Self.partitionCount).map { "\(redis.prefix):_freshet:fence:{accounts:payments.\(cluster.topic):\($0)}" }
  }

  /// Waits until at most `count` events are sent and not yet written.
  func waitUntilBehind(atMost count: Int) throws {
    try wait(until: "all but \(count) of \(sentCount) events are written; \(writtenCount ?? -1) are") {
      guard let writtenCount else { return false }
      return Int64(sentCount - count) <= writtenCount
    }
  }

  // MARK: The end

  /// Waits until everything has been processed, has all members end, and compares every row.
  func expectRightRows() throws {
    if members.isEmpty { try join() }
    try waitUntilBehind(atMost: 0)
    #expect(writtenCount == Int64(sentCount), "more was written than was sent\n\(report)")
    for member in members { stop(member) }
    try finishReplays()
    let sight = try watcher.look()
    #expect(sight.regressionCount == 0, "\(sight.regressions.joined(separator: "\n"))\n\(report)")
    #expect(sight.reads > 0 && sight.rows > 0, "the watcher has seen nothing")
    let verdict = try judge()
    #expect(verdict.status == 0, "\(verdict.text)\(verdict.errors)\n\(report)")
    #expect(verdict.text.contains("\(sentCount) events, "), "\(verdict.text)\(verdict.errors)")
    let summary = verdict.text.split(separator: "\n").last ?? ""
    print("\(summary); watched \(sight.reads) times, \(sight.rows) changes of rows, \(sight.regressionCount) back")
  }

  /// Fences may have been written by a member that was killed right after, and then rows whose time had not come are computed again by the next: whoever
  /// was told to end meanwhile left them to it. So a last one reads until there is nothing more.
  private func finishReplays() throws {
    let last = try join("--until-idle", "2s")
    let outcome = last.wait(timeout: FaultSettings.patience)
    remove(last)
    #expect(outcome.status == 0, "the last process ended with \(outcome.status)\n\(report)")
  }

  /// Has the oracle look at the same events and at Redis.
  private func judge() throws -> ProgramOutcome {
    let oracle =
      ["python3", "Tests/Oracles/payments.py", redis.address.description, redis.prefix]
      + ["\(Self.partitionCount)", watcher.samplesPath]
    let generator = [FaultSettings.program] + generation(sentCount)
    let pipe = "set -o pipefail; \"${@:1:\(generator.count)}\" | \"${@:\(generator.count + 1)}\""
    return try Program.run("bash", ["-c", pipe, "bash"] + generator + oracle, timeout: 1200)
  }

  /// What was done, and the last that each process said.
  var report: String {
    let said = (formerMembers + members).suffix(6).map { "process \($0.processID):\n\($0.errorsSoFar.suffix(1500))" }
    return "events of seed \(seed); \(history.joined(separator: ", "))\n\(said.joined(separator: "\n"))"
  }
}
