// One history: processes with the real worker and the real stores, on a simulated log and a simulated Redis, through the faults of a seed, to an end
// at which Redis must hold exactly what one undisturbed reading of the log gives.
//
//   0 ............ records come, faults come ............ faults end ... all caught up ... SIGTERM ... compared

import Base
import Features
import Logging
import Records
import RedisStore
import Schema

@testable import Processing

final class History {
  let world: World
  let scenario: Scenario
  let redis: SimulatedRedis
  let broker: SimulatedBroker
  let watcher: Watcher
  private let plan: FaultPlan
  private let quirk: Quirk?
  private let processingPlan: ProcessingPlan
  /// Per member: the process that runs now.
  private var running: [Process?]
  private var startCount = 0
  private var isEnding = false
  /// States of Redis that a restart may come back with, oldest first.
  private var saved: [(contents: SimulatedDatabase.Contents, memory: Watcher.Memory)] = []

  /// How long everything may take to catch up when faults are over, and a process to end, in µs.
  private static let patience: Int64 = 180_000_000
  /// How long it takes until nothing more changes by itself, in µs: a session times out, a process is started again, all views are written.
  private static let settling: Int64 = 15_000_000
  /// Rows that may wait in a worker.
  private static let rowLimit = 20_000

  init(seed: UInt64, quirk: Quirk? = nil, keepsJournal: Bool = false) throws {
    world = World(seed: seed, keepsJournal: keepsJournal)
    scenario = Scenario(world, hasIdleTime: quirk?.needsIdleTime ?? false)
    redis = SimulatedRedis(world)
    broker = SimulatedBroker(world, partitions: scenario.partitions)
    watcher = Watcher(world, redis)
    plan = FaultPlan(world, scenario)
    broker.fetchCount = scenario.fetchCount
    broker.fetchLatency = scenario.fetchLatency
    processingPlan = try ProcessingPlan(scenario.pipeline, source: 0)
    self.quirk = quirk
    running = Array(repeating: nil, count: scenario.memberCount)
    if let quirk {
      redis.database.rewriteScript = quirk.rewrite
      watcher.watchesProtocol = quirk.watchesProtocol
    }
  }

  /// Runs to the end; gives what was found wrong.
  func run() -> [String] {
    for member in running.indices { startLater(member, after: world.draw(0...500_000)) }
    for (at, fault) in plan.faults { world.after(at) { [self] in meet(fault) } }
    saveNow()
    world.after(plan.end) { [self] in awaitCatchingUp(since: world.now) }
    world.run()
    redis.forgetConnections()
    if world.violations.isEmpty { compare() }
    return world.violations
  }

  // MARK: Processes

  private func startLater(_ member: Int, after delay: Int64) {
    world.after(delay) { [self] in
      guard !isEnding, running[member] == nil else { return }
      startCount += 1
      let process = world.start("\(Character(UnicodeScalar(65 + UInt8(member))))\(startCount)") { [self] process in
        work(process)
        running[member] = nil
        if !isEnding { startLater(member, after: world.draw(100_000...3_000_000)) }
      }
      running[member] = process
      world.note("\(process.name) starts")
    }
  }

  /// The life of a process.
  private func work(_ process: Process) {
    do {
      try makeWorker(process).run()
      world.note("\(process.name) ends in order")
    } catch is Killed {
      world.note("\(process.name) is dead")
    } catch let failure as Failure {
      world.note("\(process.name) ends: \(failure.message)")
      // A supervisor starts it again; what it could not start again from is an error of the protocol.
      if !process.isDead, failure.code != .unavailable {
        world.violate("\(process.name) ends with \(failure.code): \(failure.message)")
      }
    } catch {
      if !process.isDead { world.violate("\(process.name) ends with \(error)") }
    }
  }

  private func makeWorker(_ process: Process) throws -> Worker {
    let address = RedisAddress(endpoint: .tcp(host: "simulated", port: 6379))
    let quiet = Logger(label: "simulation") { _ in JournalLog(process) }
    func connect() throws -> RedisConnection {
      try RedisConnection(address, logger: quiet, transport: SimulatedTransport(redis, process))
    }
    let store = RedisFeatureStore(
      try connect(), prefix: Scenario.prefix,
      views: scenario.pipeline.views.map { StoredView($0, entities: scenario.pipeline.entities) }, fences: Watcher.fenceKeys,
      clock: process.clock, callRowLimit: scenario.callRowLimit)
    let checkpoints = try RedisCheckpointStore(
      try connect(), prefix: Scenario.prefix, pipeline: Scenario.name, topic: Scenario.topic)
    let source = SimulatedSource(broker, process)
    var settings = WorkerSettings()
    settings.batchCount = scenario.batchCount
    settings.rowLimit = scenario.rowLimit
    settings.checkpointEveryMilliseconds = scenario.checkpointEveryMilliseconds
    settings.partitionCount = scenario.partitions.count
    settings.ownerName = process.name
    settings.seed = world.random.next()
    let worker = Worker(
      plan: processingPlan, source: source, store: store, checkpoints: checkpoints, clock: process.clock, settings: settings,
      status: ProcessingStatus(), logger: quiet, isStopRequested: { process.isStopRequested })
    process.idleLog = { worker.partitions[$0]?.idleLog ?? [] }
    source.onPoll = { [unowned worker, world] in
      if worker.rows.rows.count > Self.rowLimit { world.violate("\(process.name) holds \(worker.rows.rows.count) rows") }
    }
    return worker
  }

  // MARK: Faults

  private func meet(_ fault: Fault) {
    guard world.now <= plan.end else { return }
    world.note("FAULT: \(fault)")
    let alive = running.compactMap { $0 }
    let rest = plan.end - world.now
    func duration(_ range: ClosedRange<Int64>) -> Int64 { world.now + min(rest, world.draw(range)) }
    switch fault {
    case .crash:
      guard !alive.isEmpty else { return }
      let process = world.pick(alive)
      if world.chance(0.3) { process.kill() } else { process.fateAtWrite = (nil, world.chance(0.5)) }
    case .terminate: if !alive.isEmpty { world.pick(alive).isStopRequested = true }
    case .stop:
      guard !alive.isEmpty else { return }
      let process = world.pick(alive)
      let duration = world.draw(100_000...15_000_000)
      if world.chance(0.3) {
        process.stoppedUntil = world.now + duration
      } else {
        process.fateAtWrite = (duration, world.chance(0.5))
      }
    case .join:
      guard running.count < 4 else { return }
      running.append(nil)
      startLater(running.count - 1, after: 0)
    case .breakConnections: redis.breakAll(dropsCommands: world.chance(0.5))
    case .loseCommands:
      redis.lossProbability = world.chance(0.5) ? 0.02 : 0.1
      world.after(duration(500_000...6_000_000) - world.now) { [self] in redis.lossProbability = 0 }
    case .redisUnreachable:
      redis.unreachableUntil = duration(50_000...12_000_000)
      redis.breakAll(dropsCommands: world.chance(0.5))
    case .redisStalled: redis.stalledUntil = duration(50_000...14_000_000)
    case .redisFull: refuseWrites("OOM command not allowed when used memory > 'maxmemory'.", until: duration(50_000...6_000_000))
    case .redisReadOnly: refuseWrites("READONLY You can't write against a read only replica.", until: duration(50_000...6_000_000))
    case .redisRestored: restart(with: world.pick(saved))
    case .redisEmptied: restart(with: ([:], Watcher.Memory(idleAdvances: [:])))
    case .scriptsForgotten: _ = redis.database.execute([Array("SCRIPT".utf8), Array("FLUSH".utf8)])
    case .brokerDown: broker.downUntil = duration(100_000...12_000_000)
    case .commitsRefused:
      broker.commitRefusalProbability = 0.5
      world.after(duration(500_000...6_000_000) - world.now) { [self] in broker.commitRefusalProbability = 0 }
    }
  }

  private func refuseWrites(_ text: String, until end: Int64) {
    redis.database.writeRefusal = text
    world.after(end - world.now) { [self] in redis.database.writeRefusal = nil }
  }

  private func restart(with state: (contents: SimulatedDatabase.Contents, memory: Watcher.Memory)) {
    redis.breakAll(dropsCommands: true)
    redis.forgetCommands()
    redis.database.restore(state.contents)
    watcher.restore(state.memory)
    redis.unreachableUntil = world.now + world.draw(1000...500_000)
    redis.loadingUntil = redis.unreachableUntil + world.draw(0...500_000)
  }

  /// Keeps the last few seconds of Redis.
  private func saveNow() {
    if saved.count > 8 { saved.removeFirst() }
    saved.append((redis.database.contents, watcher.memory))
    if world.now < plan.end { world.after(400_000) { [self] in saveNow() } }
  }

  // MARK: The end

  private func awaitCatchingUp(since start: Int64) {
    if hasCaughtUp {
      // Rows of current values may still be with a process that has just died.
      return world.after(Self.settling) { [self] in
        guard hasCaughtUp else { return awaitCatchingUp(since: start) }
        world.note("all caught up: SIGTERM")
        isEnding = true
        for process in running { process?.isStopRequested = true }
        awaitEnds(since: world.now)
      }
    }
    guard world.now - start < Self.patience else {
      let left = scenario.partitions.indices.map { partition in
        let at = watcher.fenceOffset("next_offset", of: PartitionIndex(partition)).map { "\($0)" } ?? "nothing"
        return "partition \(partition): \(at) of \(broker.end(PartitionIndex(partition)))"
      }
      return world.violate(
        "liveness: not caught up \(Self.patience / 1_000_000) s after the last fault: \(left.joined(separator: ", "))")
    }
    world.after(300_000) { [self] in awaitCatchingUp(since: start) }
  }

  private var hasCaughtUp: Bool {
    scenario.partitions.indices.allSatisfy { partition in
      scenario.partitions[partition].isEmpty
        || watcher.fenceOffset("next_offset", of: PartitionIndex(partition)) == broker.end(PartitionIndex(partition))
    }
  }

  private func awaitEnds(since start: Int64) {
    guard running.contains(where: { $0 != nil }) else { return world.end() }
    guard world.now - start < Self.patience else {
      return world.violate("liveness: SIGTERM, and no end after \(Self.patience / 1_000_000) s")
    }
    world.after(100_000) { [self] in awaitEnds(since: start) }
  }

  private func compare() {
    do {
      let expected = try Oracle(scenario, watcher.idleAdvances).rows
      let found = Oracle.rows(redis.database, scenario)
      for key in Set(expected.keys).union(found.keys).sorted() where expected[key] != found[key] {
        world.violate("result: \(key) is \(Self.text(found[key])), should be \(Self.text(expected[key]))")
      }
    } catch {
      world.violate("the oracle fails: \(error)")
    }
  }

  private static func text(_ row: [String: String]?) -> String {
    row.map { $0.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ") } ?? "missing"
  }
}

/// A change of what Redis does, under which the protocol cannot hold.
struct Quirk: Sendable {
  var rewrite: @Sendable (String) -> String
  /// False to find it by what a reader of the rows sees alone.
  var watchesProtocol: Bool
  /// Whether only histories with an `idle_timeout` can find it.
  var needsIdleTime = false
}

/// Puts what a worker logs into the journal.
private struct JournalLog: LogHandler {
  private let process: Process
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info

  init(_ process: Process) { self.process = process }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let details = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    process.world.note("\(process.name) logs: \(event.message)\(details)")
  }
}
