// Rows for Feast, byte by byte. The bytes expected here are those of Feast 0.67.0 (`_redis_key`, `_mmh3`, `SerializeToString`); where
// FRESHET_TEST_FEAST_PYTHON names a Python that has it, its own SDK reads what was written.

import Base
import Features
import Foundation
import Records
import TestSupport
import Testing

@testable import RedisStore

struct FeastLayoutTests {
  private func hex(_ bytes: some Sequence<UInt8>) -> String { bytes.map { String(format: "%02x", $0) }.joined() }

  private func view(_ name: String, key: String?, _ features: [String], isInteger: Bool = false) -> StoredView {
    var view = StoredView(name: name, keyFieldName: key, featureNames: features, timeToLiveMilliseconds: nil)
    view.hasIntegerKey = isInteger
    return view
  }

  private func key(_ name: String?, _ value: String?, project: String, isInteger: Bool = false) -> String {
    let out = ByteBuffer()
    let layout = FeastLayout(view("v", key: name, [], isInteger: isInteger), project: project)
    if let value {
      Array(value.utf8).withUnsafeBufferPointer { layout.appendKey($0, to: out) }
    } else {
      layout.appendKey(nil, to: out)
    }
    return hex(out.bytes)
  }

  @Test func `keys have the bytes that Feast gives them`() {
    let driver = "0100000002000000090000006472697665725f69640400000008000000e903000000000000666561747572655f7265706f"
    #expect(key("driver_id", "1001", project: "feature_repo", isInteger: true) == driver)
    let user = "010000000200000007000000757365725f69640200000002000000753164656d6f"
    #expect(key("user_id", "u1", project: "demo") == user)
    #expect(key("user_id", "u1", project: "demo", isInteger: true) == user, "no integer, whatever the schema says")
    #expect(key(nil, nil, project: "p") == "01000000020000000a0000005f5f64756d6d795f6964020000000000000070")
    #expect(key("k", "-2", project: "", isInteger: true) == "0100000002000000010000006b0400000008000000feffffffffffffff")
  }

  @Test(arguments: [("conv_rate", "6160e3da"), ("acc_rate", "fa5e58ad"), ("avg_daily_trips", "18a5e5a3")])
  func `features have the names that Feast gives them`(feature: String, name: String) {
    #expect(hex(FeastLayout.fieldName(view: "driver_hourly_stats", feature: feature)) == name)
  }

  @Test func `values are Feast's messages`() {
    let layout = FeastLayout(view("v", key: "k", []), project: "p")
    func bytes(_ value: TestValue) -> String {
      let rows = FeatureRowBatch()
      rows.append(key: "k", values: [value])
      let out = ByteBuffer()
      layout.append(rows.values[0], in: rows, to: out)
      // Behind `$COUNT\r\n`, and without the end of the argument.
      let start = out.bytes.firstIndex(of: 10)! + 1
      return hex(out.bytes[start..<(out.count - 2)])
    }
    #expect(bytes(.integer(-1)) == "20ffffffffffffffffff01" && bytes(.integer(0)) == "2000" && bytes(.integer(300)) == "20ac02")
    #expect(bytes(.double(1.5)) == "29000000000000f83f" && bytes(.bool(false)) == "3800" && bytes(.bool(true)) == "3801")
    #expect(bytes(.string("hé")) == "120368c3a9" && bytes(.string("")) == "1200" && bytes(.null) == "")
    #expect(bytes(.json(#"["a", ""]"#)) == "62050a01610a00" && bytes(.json("[]")) == "6200")
    #expect(bytes(.json("[1, -1]")) == "720d0a0b01ffffffffffffffffff01")
    #expect(bytes(.json("[1, 0.5]")) == "7a120a10000000000000f03f000000000000e03f")
    #expect(bytes(.json("[true,false]")) == "8a01040a020100")
    #expect(bytes(.json(#"["é\n"]"#)) == "62050a03c3a90a")
    for text in [#"[{"value":"a"}]"#, #"["a",1]"#, "[1,null]", #"{"a":1}"#] {
      #expect(bytes(.json(text)) == hex([0x12, UInt8(text.utf8.count)] + Array(text.utf8)))
    }
  }

  @Test func `times are timestamps`() {
    let layout = FeastLayout(view("v", key: "k", []), project: "p")
    func bytes(_ time: Int64) -> String {
      let out = ByteBuffer()
      layout.append(milliseconds: time, to: out)
      return hex(out.bytes[(out.bytes.firstIndex(of: 10)! + 1)..<(out.count - 2)])
    }
    #expect(bytes(1_700_000_000_123) == "0880e2cfaa0610c0a9d33a" && bytes(0) == "" && bytes(.min) == "")
    #expect(bytes(-995) == "08ffffffffffffffffff0110c096b102")
  }

  private let views: [StoredView] = {
    var stats = StoredView(
      name: "stats", keyFieldName: "user_id", featureNames: ["n", "mean", "vip", "page", "last"], timeToLiveMilliseconds: 60_000)
    var more = StoredView(name: "more", keyFieldName: "user_id", featureNames: ["sum"], timeToLiveMilliseconds: 60_000)
    stats.hasIntegerKey = true
    more.hasIntegerKey = true
    return [stats, more, StoredView(name: "total", keyFieldName: nil, featureNames: ["n"], timeToLiveMilliseconds: nil)]
  }()

  private func rows() -> FeatureRowBatch {
    let rows = FeatureRowBatch()
    rows.append(
      key: "1001", values: [.integer(12), .double(0.5), .bool(true), .string("hé\r\n"), .json("[1,2]")], asOf: 1_700_000_000_123)
    rows.append(view: 1, key: "1001", values: [.double(3)], asOf: 1_700_000_000_000)
    rows.append(view: 2, key: nil, values: [.integer(7)], asOf: 1_700_000_000_000)
    rows.append(key: "-7", values: [.integer(1), .null, .null, .string(""), .json("[]")], asOf: .min)
    return rows
  }

  private func fields(_ connection: RedisConnection, _ key: String) throws -> [String: String] {
    var fields: [String: String] = [:]
    let bytes = stride(from: 0, to: key.count, by: 2).map { offset -> UInt8 in
      let start = key.index(key.startIndex, offsetBy: offset)
      return UInt8(key[start..<key.index(start, offsetBy: 2)], radix: 16)!
    }
    let command = ByteBuffer()
    RESP.appendCommand(argumentCount: 2, to: command)
    RESP.append("HGETALL", to: command)
    bytes.withUnsafeBufferPointer { RESP.append($0, to: command) }
    try connection.send(command.bytes)
    let reply = try connection.checkedReply("reading")
    for index in stride(from: 0, to: reply.count - 1, by: 2) {
      let name = reply.withBytes(at: index) { hex($0) }!
      fields[name] = reply.withBytes(at: index + 1) { hex($0) }!
    }
    return fields
  }

  @Test func `views of one entity share a hash, under the fence, and null takes a field away`() throws {
    let redis = try TestRedis()
    let fences = FenceKeys(prefix: redis.prefix, pipeline: "p", topic: "s.t")
    let store = RedisFeatureStore(
      try redis.connection(), prefix: redis.prefix, views: views, fences: fences, clock: ManualClock(5000),
      layout: .feast(project: redis.prefix))
    _ = try store.claim(0, as: FenceOwner(token: "a", name: "host:1"))
    let position = FlushPosition(partition: 0, nextOffset: 9, flushingTo: 9, watermark: 0)
    #expect(try store.write(rows(), at: [position]) == [])
    let connection = try redis.connection()
    let user = key("user_id", "1001", project: redis.prefix, isInteger: true)
    let stats = views[0].featureNames.map { hex(FeastLayout.fieldName(view: "stats", feature: $0)) }
    var found = try fields(connection, user)
    #expect(stats.map { found[$0] } == ["200c", "29000000000000e03f", "3801", "120568c3a90d0a", "72040a020102"])
    #expect(found[hex("_ts:stats".utf8)] == "0880e2cfaa0610c0a9d33a" && found[hex("_ts:more".utf8)] == "0880e2cfaa06")
    #expect(found[hex("_position".utf8)] == hex("0:9".utf8) && found.count == 10)
    #expect(found[hex("_last_event".utf8)] == nil)
    let other = try fields(connection, key("user_id", "-7", project: redis.prefix, isInteger: true))
    #expect(stats.map { other[$0] } == ["2001", nil, nil, "1200", "6200"] && other[hex("_ts:stats".utf8)] == nil)
    #expect(
      try fields(connection, key(nil, nil, project: redis.prefix))[hex(FeastLayout.fieldName(view: "total", feature: "n"))]
        == "2007")

    let later = FeatureRowBatch()
    later.append(key: "1001", values: [.null, .double(0.5), .null, .string("x"), .null], asOf: 1_700_000_001_000)
    #expect(try store.write(later, at: [position]) == [])
    found = try fields(connection, user)
    #expect(stats.map { found[$0] } == [nil, "29000000000000e03f", nil, "120178", nil])
    #expect(found[hex(FeastLayout.fieldName(view: "more", feature: "sum"))] == "290000000000000840")

    _ = try RedisFeatureStore(
      try redis.connection(), prefix: redis.prefix, views: views, fences: fences, layout: .feast(project: redis.prefix)
    )
    .claim(0, as: FenceOwner(token: "b", name: "host:2"))
    #expect(try store.write(rows(), at: [position]).count == 1, "whoever was overtaken writes nothing")
    #expect(try fields(connection, user)[stats[0]] == nil)
    _ = try? redis.reader.removeKeys(matching: "*\(redis.prefix)")
  }

  static let python = ProcessInfo.processInfo.environment["FRESHET_TEST_FEAST_PYTHON"]

  @Test(.enabled(if: python != nil, "FRESHET_TEST_FEAST_PYTHON names no Python with Feast"))
  func `Feast's own SDK reads what was written`() throws {
    let port = UInt16.random(in: 20_000...50_000)
    let server = try PrivateRedis(options: ["--port", "\(port)"])
    let store = RedisFeatureStore(try RedisConnection(server.address), prefix: "fv", views: views, layout: .feast(project: "shop"))
    _ = try store.write(rows(), at: [])
    let script = """
      import sys, json
      from datetime import timedelta
      from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
      from feast.feature_view import DUMMY_ENTITY
      from feast.types import Array, Bool, Float64, Int64, String
      folder, port = sys.argv[1], sys.argv[2]
      store = FeatureStore(config=RepoConfig(project="shop", provider="local", registry=folder + "/registry.db",
        offline_store={"type": "file"}, online_store={"type": "redis", "connection_string": "localhost:" + port},
        entity_key_serialization_version=3))
      source = FileSource(path=folder + "/none.parquet", timestamp_field="ts")
      user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
      def view(name, schema, entities=[user]):
        own = [Field(name="user_id", dtype=Int64)] if entities else []
        return FeatureView(name=name, entities=entities, ttl=timedelta(0), schema=own + schema, source=source)
      stats = view("stats", [Field(name="n", dtype=Int64), Field(name="mean", dtype=Float64), Field(name="vip", dtype=Bool),
        Field(name="page", dtype=String), Field(name="last", dtype=Array(Int64))])
      more = view("more", [Field(name="sum", dtype=Float64)])
      total = view("total", [Field(name="n", dtype=Int64)], [])
      for entity in [user, DUMMY_ENTITY]: store.registry.apply_entity(entity, "shop")
      for each in [stats, more, total]: store.registry.apply_feature_view(each, "shop")
      names = ["stats:n", "stats:mean", "stats:vip", "stats:page", "stats:last", "more:sum", "total:n"]
      rows = [{"user_id": 1001}, {"user_id": -7}, {"user_id": 5}]
      found = store.get_online_features(features=names, entity_rows=rows, full_feature_names=True).to_dict(include_event_timestamps=True)
      values = [found[name.replace(":", "__")] for name in names]
      print(json.dumps([values, found["stats__n__ts"][0], found["more__sum__ts"][0]]))
      """
    let outcome = try Program.run("env", [Self.python!, "-c", script, server.folder, "\(port)"])
    let expected =
      #"[[[12, 1, null], [0.5, null, null], [true, null, null], ["h\u00e9\r\n", "", null], [[1, 2], [], null], [3.0, null, null], [7, 7, 7]], 1700000000, 1700000000]"#
    #expect(
      outcome.status == 0 && outcome.text.trimmingCharacters(in: .whitespacesAndNewlines) == expected,
      "\(outcome.text)\(outcome.errors)")
  }
}
