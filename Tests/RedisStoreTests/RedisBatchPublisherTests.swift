// Batch runs in a real Redis: what readers see is one run or the other, whenever the one who writes is cut off, overtaken, or reads along.

import Base
import Features
import Foundation
import Records
import Synchronization
import TestSupport
import Testing
import Windowing

@testable import RedisStore

@Suite(.serialized) struct RedisBatchPublisherTests {
  private static let users = (0..<300).map { "u\($0)" }

  private func pipeline(timeToLive: Int64? = nil) -> PipelineDefinition {
    func view(_ name: String, entity: Int?) -> FeatureView {
      let features = ["n", "m"].map {
        FeatureDefinition(
          name: $0, function: .count, field: nil, predicate: nil, window: .sliding(size: 10, hop: 1), defaultValue: nil)
      }
      var view = FeatureView(
        name: name, entity: entity, source: 0, emitEveryMilliseconds: 200, trigger: .change, predicate: nil, features: features)
      view.lanes = [.batch]
      view.schedule = BatchSchedule(everyMilliseconds: 40_000_000)
      return view
    }
    return PipelineDefinition(
      name: "shop", sources: [],
      entities: [FeatureEntity(name: "user", keyPath: FieldPath(["user"]), timeToLiveMilliseconds: timeToLive)],
      views: [view("short", entity: 0), view("all", entity: nil)], sink: nil,
      checkpoint: CheckpointSettings(everyMilliseconds: 1000, store: .nowhere))
  }

  private func publisher(
    _ connection: RedisConnection, _ prefix: String, now: Int64 = 1000, patience: Int64 = 0, lock: Int64 = 1,
    timeToLive: Int64? = nil
  ) -> RedisBatchPublisher {
    var settings = RedisBatchPublisher.Settings()
    settings.lockMilliseconds = lock
    settings.patienceMilliseconds = patience
    settings.callRowLimit = 40
    return RedisBatchPublisher(
      connection, pipeline: pipeline(timeToLive: timeToLive), prefix: prefix, clock: ManualClock(now), settings: settings
    ) { _ in usleep(1000) }
  }

  /// The rows of a run that says `value` everywhere.
  private func rows(_ value: Int64, users: [String] = users) -> FeatureRowBatch {
    let rows = FeatureRowBatch()
    for user in users { rows.append(view: 0, key: user, values: [.integer(value), value % 2 == 0 ? .null : .integer(value)]) }
    rows.append(view: 1, key: nil, values: [.integer(value), .null])
    return rows
  }

  private func publish(_ value: Int64, by publisher: RedisBatchPublisher, users: [String] = users) throws {
    try publisher.begin(BatchRunIdentity(views: [0, 1], cutoff: value * 1000))
    try publisher.write(rows(value, users: users))
    try publisher.publish()
  }

  /// What a reader finds: the values of the view's rows under the pointer, and the pointer.
  private func read(_ reader: RedisReader, _ prefix: String, view: String = "short", keys: [String?] = users) throws
    -> (values: [String?], pointer: BatchPointer?)
  {
    let pointerKey = BatchPointer.key(prefix: prefix, pipeline: "shop", view: view)
    var known = BatchPointer(try reader.hash(pointerKey))
    for _ in 0..<50 {
      guard let pointer = known else { return ([], nil) }
      let found = try reader.hashes(
        [pointerKey] + keys.map { pointer.rowKey(prefix: prefix, view: view, entityKey: $0) })
      let now = BatchPointer(found[0])
      let rows = found.dropFirst()
      if now == pointer, !rows.contains(where: { pointer.isOvertaken(by: $0) }) {
        return (rows.map { pointer.isCurrent($0) ? $0["n"] : nil }, pointer)
      }
      known = now
    }
    Issue.record("the pointer moves with each look")
    return ([], nil)
  }

  @Test func `a run is there as a whole, in the slot that was free, with its expiry`() throws {
    let redis = try TestRedis()
    let publisher = publisher(try redis.connection(), redis.prefix)
    try publish(7, by: publisher)
    let (values, pointer) = try read(redis.reader, redis.prefix)
    #expect(values.allSatisfy { $0 == "7" } && values.count == 300)
    #expect(pointer == BatchPointer(run: 1000, slot: .a, asOf: 7000, publishedAt: 1000, rowCount: 300))
    let key = "\(redis.prefix):short@batch:a:u3"
    #expect(
      try redis.reader.hash(key) == [
        "n": "7", "m": "7", "_as_of": "1000", "_last_event": "900", "_written_at": "1000", "_run": "1000",
      ])
    #expect(try (119_990_000...120_000_000).contains(redis.reader.timeToLiveMilliseconds(of: key) ?? 0))
    #expect(try redis.reader.hash("\(redis.prefix):all@batch:a")["n"] == "7")
    try publish(8, by: publisher, users: ["u1"])
    let (next, second) = try read(redis.reader, redis.prefix)
    #expect(next.compactMap { $0 } == ["8"])
    #expect(second == BatchPointer(run: 1001, slot: .b, asOf: 8000, publishedAt: 1000, rowCount: 1, previousRun: 1000))
    try publish(9, by: publisher, users: ["u2"])
    // What the first run left in the slot is not there.
    #expect(try read(redis.reader, redis.prefix).values.compactMap { $0 } == ["9"])
    #expect(try redis.reader.hash(key)["n"] == "7")
    // The null that the row before had none of.
    try publish(10, by: publisher)
    #expect(try redis.reader.hash("\(redis.prefix):short@batch:b:u1")["m"] == nil)
  }

  @Test func `a run that is cut off anywhere leaves the one before whole`() throws {
    let redis = try TestRedis()
    guard case .unix(let path) = redis.address.endpoint else { return }
    try publish(1, by: publisher(try redis.connection(), redis.prefix))
    var shown: Int64 = 1
    var cut = 60
    var cutCount = 0
    while shown != 2 {
      let transport = CuttingTransport(path: path, budget: cut)
      do {
        let connection = try RedisConnection(redis.address, transport: transport)
        let dying = publisher(connection, redis.prefix)
        usleep(2000)
        try publish(2, by: dying)
      } catch is Failure { cutCount += 1 }
      // A publication whose answer was lost may have taken place.
      let (values, pointer) = try read(redis.reader, redis.prefix)
      shown = pointer!.asOf / 1000
      #expect(values.allSatisfy { $0 == "\(shown)" } && values.count == 300, "cut after \(cut) bytes")
      #expect(try read(redis.reader, redis.prefix, view: "all", keys: [nil]).values == ["\(shown)"])
      cut += cut < 800 || cut % 5 == 0 ? 37 : 911
    }
    #expect(cutCount > 30)
  }

  @Test func `who reads along sees one run or the other, and never a mix`() throws {
    let redis = try TestRedis()
    let publisher = publisher(try redis.connection(), redis.prefix, lock: 10_000)
    try publish(1, by: publisher)
    let isDone = Atomic<Bool>(false)
    let mixes = Mutex<[String]>([])
    let seen = Mutex<Set<String>>([])
    let (address, prefix) = (redis.address, redis.prefix)
    let thread = JoinableThread { [self] in
      let reader = RedisReader(try RedisConnection(address))
      while !isDone.load(ordering: .relaxed) {
        let (values, pointer) = try read(reader, prefix)
        let distinct = Set(values.map { $0 ?? "-" })
        if distinct.count != 1 || distinct.first != "\((pointer?.asOf ?? 0) / 1000)" {
          mixes.withLock { $0.append("\(distinct) under \(String(describing: pointer))") }
        }
        seen.withLock { $0.formUnion(distinct) }
      }
    }
    for value in 2...150 as ClosedRange<Int64> { try publish(value, by: publisher) }
    isDone.store(true, ordering: .relaxed)
    try thread.join()
    #expect(mixes.withLock { $0 } == [])
    #expect(seen.withLock { $0.count } > 3)
  }

  @Test func `two runs at once: the second waits, and one that was held up shows nothing and spoils nothing`() throws {
    let redis = try TestRedis()
    let first = publisher(try redis.connection(), redis.prefix, lock: 60)
    try first.begin(BatchRunIdentity(views: [0, 1], cutoff: 1000))
    try first.write(rows(1))
    let refused = publisher(try redis.connection(), redis.prefix)
    let failure = #expect(throws: Failure.self) { try refused.begin(BatchRunIdentity(views: [0], cutoff: 2)) }
    #expect(failure?.message.contains("another batch run of pipeline 'shop' is being written") == true)
    usleep(80_000)
    let second = publisher(try redis.connection(), redis.prefix, lock: 10_000)
    try second.begin(BatchRunIdentity(views: [0, 1], cutoff: 2000))
    try second.write(rows(2))
    // The frozen one wakes up in the middle of its rows.
    try first.write(rows(3))
    try second.publish()
    let overtaken = #expect(throws: Failure.self) { try first.publish() }
    #expect(overtaken?.message.contains("has begun while this one was held up") == true)
    first.abandon()
    let (values, pointer) = try read(redis.reader, redis.prefix)
    #expect(pointer?.asOf == 2000 && values.allSatisfy { $0 == "2" })
  }

  @Test func `a lock that has expired is held on to while nobody else has come`() throws {
    let redis = try TestRedis()
    let publisher = publisher(try redis.connection(), redis.prefix, lock: 1)
    try publisher.begin(BatchRunIdentity(views: [0, 1], cutoff: 5000))
    try publisher.write(rows(5))
    usleep(5000)
    try publisher.publish()
    #expect(try read(redis.reader, redis.prefix).values.allSatisfy { $0 == "5" })
  }

  @Test func `a Redis that has forgotten the scripts, and a connection that breaks, are got over`() throws {
    let redis = try TestRedis()
    let connection = try redis.connection()
    let publisher = publisher(connection, redis.prefix, patience: 10_000)
    try publish(1, by: publisher)
    try redis.connection().command("SCRIPT", "FLUSH", what: "testing")
    try publisher.begin(BatchRunIdentity(views: [0, 1], cutoff: 2000))
    try redis.connection().command("SCRIPT", "FLUSH", what: "testing")
    try publisher.write(rows(2))
    connection.disconnect()
    try publisher.publish()
    #expect(try read(redis.reader, redis.prefix).values.allSatisfy { $0 == "2" })
  }

  @Test func `the documented user may publish`() throws {
    let redis = try TestRedis()
    let admin = try redis.connection()
    let command = try DocumentedUser.command(password: "secret", prefix: redis.prefix)
    try admin.send(command.bytes)
    _ = try admin.checkedReply("making a user")
    let address = RedisAddress(endpoint: redis.address.endpoint, user: DocumentedUser.name)
    let publisher = publisher(try RedisConnection(address, password: "secret"), redis.prefix)
    try publish(4, by: publisher)
    #expect(try read(redis.reader, redis.prefix).values.allSatisfy { $0 == "4" })
  }

  @Test func `a cluster holds runs like a single Redis`() throws {
    let cluster = try TestRedisCluster.shared()
    let prefix = "test-\(UInt32.random(in: 0 ... .max))"
    let publisher = publisher(try cluster.connection(), prefix, timeToLive: 60_000)
    let reader = RedisReader(try cluster.connection())
    for value in 1...3 as ClosedRange<Int64> {
      try publish(value, by: publisher)
      let (values, pointer) = try read(reader, prefix)
      #expect(pointer?.asOf == value * 1000 && values.allSatisfy { $0 == "\(value)" })
      #expect(try read(reader, prefix, view: "all", keys: [nil]).values == ["\(value)"])
    }
  }
}
