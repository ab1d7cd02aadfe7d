// Batch runs into Redis: rows go to the slot of each view that nobody reads, and one step switches all pointers. See `BatchPointer` for the keys,
// `BatchScripts` for what holds when a run dies, is overtaken, or wakes up again.

import Base
import Features
import Logging
import Records

/// Publishes runs of one pipeline.
public final class RedisBatchPublisher: BatchOutput {
  public struct Settings: Sendable {
    /// How long the lock outlives a run that died.
    public var lockMilliseconds: Int64 = 30_000
    /// How long to wait for another run, and for a Redis that does not answer.
    public var patienceMilliseconds: Int64 = 60_000
    public var callRowLimit = 128

    public init() {}
  }

  public var name: String { connection.name }
  /// The run that was begun last, or is being written.
  public private(set) var run: Int64 = 0
  /// Rows of this run that are confirmed, per view of the pipeline.
  public private(set) var rowCounts: [Int64]

  private let connection: RedisConnection
  private let pipeline: PipelineDefinition
  private let prefix: String
  private let clock: any Clock
  private let settings: Settings
  private let pause: (Int64) throws -> Void
  private let logger: Logger
  private let lockKey: String
  private let counterKey: String
  /// Per view and slot.
  private let layouts: [[BatchPointer.Slot: ViewLayout]]
  private let timeToLives: [Int64]
  private let beginScript = RedisScript(BatchScripts.begin)
  private let renewScript = RedisScript(BatchScripts.renew)
  private let releaseScript = RedisScript(BatchScripts.release)
  private let publishScript = RedisScript(BatchScripts.publish)
  private let writeScript = RedisScript(BatchScripts.write)
  private let keyText = ByteBuffer(capacity: 256)
  private let keys = ByteBuffer(capacity: 1 << 14)
  private let out = ByteBuffer(capacity: 1 << 16)

  private var token = ""
  private var identity = BatchRunIdentity(views: [], cutoff: 0)
  private var slots: [Int: BatchPointer.Slot] = [:]
  private var renewedAt: UInt64 = 0
  private var holdsLock = false

  /// - Parameters:
  ///   - pause: Waits so many ms, or throws where the end has been asked for.
  ///   - token: Unique for each run that is begun.
  public init(
    _ connection: RedisConnection, pipeline: PipelineDefinition, prefix: String, clock: any Clock = SystemClock(),
    settings: Settings = Settings(), logger: Logger = Logger(label: "freshet.batch"), pause: @escaping (Int64) throws -> Void
  ) {
    self.connection = connection
    self.pipeline = pipeline
    self.prefix = prefix
    self.clock = clock
    self.settings = settings
    self.pause = pause
    self.logger = logger
    lockKey = BatchPointer.lockKey(prefix: prefix, pipeline: pipeline.name)
    counterKey = BatchPointer.counterKey(prefix: prefix, pipeline: pipeline.name)
    timeToLives = pipeline.views.map { Self.timeToLive(of: $0, in: pipeline) }
    layouts = pipeline.views.map { view in
      var stored = StoredView(view, entities: pipeline.entities)
      stored.timeToLiveMilliseconds = Self.timeToLive(of: view, in: pipeline)
      var layouts: [BatchPointer.Slot: ViewLayout] = [:]
      for slot in BatchPointer.Slot.allCases {
        stored.name = BatchPointer.storedName(of: view.name, slot)
        layouts[slot] = ViewLayout(stored, prefix: prefix)
      }
      return layouts
    }
    rowCounts = pipeline.views.map { _ in 0 }
  }

  /// How long rows of a run stay: as long as their entity says, else three runs, and a day at least.
  static func timeToLive(of view: FeatureView, in pipeline: PipelineDefinition) -> Int64 {
    if let own = view.entity.flatMap({ pipeline.entities[$0].timeToLiveMilliseconds }) { return own }
    return max(3 * (view.schedule?.everyMilliseconds ?? 0), 86_400_000)
  }

  // MARK: A run

  public func begin(_ identity: BatchRunIdentity) throws {
    self.identity = identity
    token = "\(clock.nowMilliseconds)-\(UInt64.random(in: 0 ... .max))"
    rowCounts = pipeline.views.map { _ in 0 }
    let started = clock.monotonicNanoseconds
    while let holder = try patiently("beginning a batch run", { try claim() }) {
      let waited = Int64((clock.monotonicNanoseconds - started) / 1_000_000)
      guard waited < settings.patienceMilliseconds else {
        throw Failure(
          .unavailable,
          "\(name): another batch run of pipeline '\(pipeline.name)' is being written (\(holder)); waited \(waited) ms",
          isRetryable: true)
      }
      try pause(200)
    }
    holdsLock = true
    renewedAt = clock.monotonicNanoseconds
    for view in identity.views {
      let key = BatchPointer.key(prefix: prefix, pipeline: pipeline.name, view: pipeline.views[view].name)
      let fields = try patiently("beginning a batch run") { try RedisReader(connection).hash(key) }
      slots[view] = BatchPointer(fields)?.slot.other ?? .a
    }
  }

  /// Takes the lock and a number; returns who has it where it is taken.
  private func claim() throws -> String? {
    try connection.retrying(at: lockKey) { node in
      let reply = try beginScript.call(
        on: node, keys: [lockKey, counterKey], [token, "\(clock.nowMilliseconds)", "\(settings.lockMilliseconds)"],
        what: "beginning a batch run")
      if reply.text(at: 0) == "locked" { return reply.text(at: 1) ?? "?" }
      guard let number = reply.text(at: 1).flatMap({ Int64($0) }) else {
        throw Failure(.failure, "\(name): beginning a batch run: Redis gave an answer that the script does not give")
      }
      run = number
      return nil
    }
  }

  public func keepAlive() throws {
    guard holdsLock, clock.monotonicNanoseconds - renewedAt > UInt64(settings.lockMilliseconds) * 1_000_000 / 3 else { return }
    let isOurs = try patiently("renewing the lock of a batch run") {
      try connection.retrying(at: lockKey) { node in
        try renewScript.call(
          on: node, keys: [lockKey, counterKey], [token, "\(run)", "\(settings.lockMilliseconds)"],
          what: "renewing the lock of a batch run"
        ).integer == 1
      }
    }
    guard isOurs else { throw overtaken() }
    renewedAt = clock.monotonicNanoseconds
  }

  private func overtaken() -> Failure {
    Failure(
      .unavailable,
      "\(name): another batch run of pipeline '\(pipeline.name)' has begun while this one was held up; nothing of this one is shown"
    )
  }

  public func publish() throws {
    try keepAlive()
    let pointers = identity.views.map {
      BatchPointer.key(prefix: prefix, pipeline: pipeline.name, view: pipeline.views[$0].name)
    }
    var arguments = [token, "\(run)", "\(identity.cutoff)", "\(clock.nowMilliseconds)"]
    for view in identity.views { arguments += [slots[view]!.rawValue, "\(rowCounts[view])"] }
    let isShown = try patiently("publishing a batch run") {
      try connection.retrying(at: lockKey) { node in
        try publishScript.call(on: node, keys: [lockKey, counterKey] + pointers, arguments, what: "publishing a batch run")
          .integer == 1
      }
    }
    guard isShown else { throw overtaken() }
    release()
  }

  public func abandon() { release() }

  /// Without it the lock expires, only later.
  private func release() {
    guard holdsLock else { return }
    holdsLock = false
    _ = try? connection.retrying(at: lockKey) { node in
      _ = try releaseScript.call(on: node, keys: [lockKey], [token], what: "ending a batch run")
    }
  }

  // MARK: Rows

  public func write(_ rows: FeatureRowBatch) throws {
    guard !rows.isEmpty else { return }
    try keepAlive()
    let places = rows.rows.indices.sorted { (rows.rows[$0].view, $0) < (rows.rows[$1].view, $1) }
    try patiently("writing rows of a batch run") {
      if let cluster = connection.cluster { try write(rows, places, to: cluster) } else { try writeAll(rows, places) }
    }
    for row in rows.rows { rowCounts[Int(row.view)] += 1 }
  }

  private static let pipelineDepth = 8
  private static let callByteLimit = 256 << 10

  /// Rows in calls of one view each, several on their way.
  private func writeAll(_ rows: FeatureRowBatch, _ places: [Int]) throws {
    try connection.retrying {
      var pendingCount = 0
      do {
        let digest = try writeScript.digest(on: connection)
        var refusal: String?
        func readOne() throws {
          pendingCount -= 1
          let reply = try connection.reply()
          if let error = reply.error { refusal = refusal ?? error }
        }
        var next = 0
        while next < places.count, refusal == nil {
          let first = next
          next = callEnd(rows, places, from: first)
          append(rows, places[first..<next], digest: digest)
          try connection.send(out.bytes)
          pendingCount += 1
          if pendingCount == Self.pipelineDepth { try readOne() }
        }
        while pendingCount > 0 { try readOne() }
        guard let refusal else { return }
        guard RedisError(text: refusal).isForgottenScript else { throw connection.failure(refusal, "writing rows of a batch run") }
        writeScript.forget()
        throw Failure(.unavailable, "\(name): writing rows of a batch run: Redis has forgotten the script", isRetryable: true)
      } catch {
        // Answers that nobody has read would be taken for those of the next command.
        if pendingCount > 0 { connection.disconnect() }
        throw error
      }
    }
  }

  /// How far a call reaches that begins with place `first`.
  private func callEnd(_ rows: FeatureRowBatch, _ places: [Int], from first: Int) -> Int {
    let view = rows.rows[places[first]].view
    var next = first
    var byteCount = 0
    while next < places.count, next - first < settings.callRowLimit, byteCount < Self.callByteLimit,
      rows.rows[places[next]].view == view
    {
      let row = rows.rows[places[next]]
      let end = Int(row.firstValue) + pipeline.views[Int(view)].features.count
      byteCount += max(0, Int(row.keyCount)) + rows.values[Int(row.firstValue)..<end].reduce(0) { $0 + 16 + Int($1.byteCount) }
      next += 1
    }
    return next
  }

  /// In a cluster a call has one row, because keys lie where they will.
  private func write(_ rows: FeatureRowBatch, _ places: [Int], to cluster: RedisCluster) throws {
    guard let node = try cluster.masters().first else { return }
    var digest = try writeScript.digest(on: node)
    var pipeline = ClusterPipeline(cluster, what: "writing rows of a batch run")
    pipeline.prepare = { [self] node, hasForgotten in
      if hasForgotten { writeScript.forget() }
      digest = try writeScript.digest(on: node)
    }
    try pipeline.run(
      count: places.count,
      append: { index, buffer in
        append(rows, places[index..<index + 1], digest: digest)
        buffer.append(out.bytes)
        return KeySlot.of(keyText.bytes)
      }, answer: { _, _ in })
  }

  /// Puts the call that writes these rows of one view into `out`; the last key is left in `keyText`.
  private func append(_ rows: FeatureRowBatch, _ places: ArraySlice<Int>, digest: String) {
    let view = Int(rows.rows[places.first!].view)
    let layout = layouts[view][slots[view]!]!
    out.removeAll()
    RESP.appendCommand(
      argumentCount: 3 + places.count + 2 + layout.groupArgumentCount - 1 + places.count * layout.argumentCountPerRow, to: out)
    RESP.append("EVALSHA", to: out)
    RESP.append(digest, to: out)
    RESP.append("\(places.count)", to: out)
    for place in places { layout.appendKey(of: rows.rows[place], in: rows, to: out, scratch: keyText) }
    RESP.append(run, to: out)
    RESP.append(clock.nowMilliseconds, to: out)
    layout.appendFields(to: out)
    for place in places { layout.appendValues(of: rows.rows[place], in: rows, to: out) }
  }

  // MARK: Outages

  /// Runs what bears repeating until it succeeds, for as long as Redis does not answer and patience lasts.
  private func patiently<Result>(_ what: String, _ body: () throws -> Result) throws -> Result {
    let started = clock.monotonicNanoseconds
    var wait: Int64 = 50
    while true {
      do { return try body() } catch let failure as Failure where failure.isRetryable {
        let waited = Int64((clock.monotonicNanoseconds - started) / 1_000_000)
        guard waited + wait <= settings.patienceMilliseconds else { throw failure }
        logger.debug("Redis does not answer, trying again", metadata: ["redis.reason": "\(failure.message)"])
        try pause(wait)
        wait = min(wait * 2, 2000)
      }
    }
  }
}
